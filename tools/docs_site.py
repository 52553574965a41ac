"""Hooks of MkDocs: what the site shows beside the pages in ``docs/``.

The README, the changelog and their like are pages of the site too, and the tutorial notebook is
executed, so that the outputs it shows are those of this version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
FROM_ROOT = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
    "changelog.md": "CHANGELOG.md",
}
"""A page of the site → the file at the repository's root that it shows."""
_LINK = re.compile(r"\[([^\]]*)\]\(([^)#:\s]+)(#[^)]*)?\)")
_CELL_LIMIT_S = 120


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Leaves out the API reference where it is not generated."""
    if not (Path(config.docs_dir) / "api.md").is_file():
        for section in config.nav or []:
            for entries in section.values():
                entries[:] = [entry for entry in entries if "api.md" not in entry.values()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages from the root, and the executed notebook."""
    from mkdocs.structure.files import File

    for page, source in FROM_ROOT.items():
        text = (ROOT / source).read_text("utf-8")
        files.append(File.generated(config, page, content=text))
    notebook = notebook_page(Path(config.docs_dir) / "tutorial.ipynb")
    files.append(File.generated(config, "tutorial.md", content=notebook))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, **_: object) -> str:
    """Makes the links between files of the repository links between pages of the site."""
    folder = ROOT if page.file.src_uri in FROM_ROOT else Path(config.docs_dir)
    return _LINK.sub(lambda link: _link(link, folder, config), markdown)


def _link(link: re.Match[str], folder: Path, config: MkDocsConfig) -> str:
    """One link; the text alone where the file, such as source code, is no page of the site."""
    text, target, anchor = link[1], link[2], link[3] or ""
    file = (folder / target).resolve()
    pages = {ROOT / source: page for page, source in FROM_ROOT.items()}
    if file in pages:
        return f"[{text}]({pages[file]}{anchor})"
    docs = Path(config.docs_dir)
    if file.is_relative_to(docs):
        return f"[{text}]({file.relative_to(docs).as_posix()}{anchor})"
    return text if file.exists() else link[0]


def notebook_page(path: Path) -> str:
    """Executes a notebook and returns it as Markdown, with its outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell fails.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=_CELL_LIMIT_S, kernel_name="python3").execute()
    return "\n\n".join(part for cell in notebook.cells for part in _cell(cell)) + "\n"


def _cell(cell: Mapping[str, Any]) -> Iterator[str]:
    if cell["cell_type"] == "markdown":
        yield cell["source"]
        return
    yield f"```python\n{cell['source']}\n```"
    for output in cell["outputs"]:
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        if text.strip():
            yield f"```text\n{text.rstrip()}\n```"
