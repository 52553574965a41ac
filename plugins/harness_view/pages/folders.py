"""The list of folders for which a plugin has pages, such as those of `harness annotate`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.errors import HarnessError
from harness.protocols import FolderPages
from harness_view.pages.site import Answer, View


def render(view: View, pages: FolderPages, folders: Mapping[str, Path]) -> Answer:
    """The page.

    Args:
        view: What pages are made of.
        pages: The plugin's.
        folders: Key → folder that it recognises.
    """
    links = view.links(1)
    rows = []
    for key, folder in folders.items():
        name = folder.relative_to(view.index.root).as_posix()
        try:
            rows.append((name, links.to(pages.name, key), pages.state(folder), ""))
        except (HarnessError, OSError) as error:
            rows.append((name, "", "", str(error)))
    text = view.render(
        "folders.html", 1, pages.title, title=pages.title, description=pages.description, rows=rows
    )
    return Answer(text)
