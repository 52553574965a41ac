"""Which label of a classification head means which label of a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.errors import ModelError, UsageError

_SYNONYMS = {"pos": "positive", "neg": "negative", "neu": "neutral"}


def parse_label_map(text: str, head: Sequence[str]) -> dict[str, str]:
    """``HEAD:TASK,HEAD:TASK`` as head label → task label; the last colon separates.

    Raises:
        UsageError: It is not of that form, or names a label that the head does not have.
    """
    pairs: dict[str, str] = {}
    for part in text.split(","):
        name, colon, label = (piece.strip() for piece in part.rpartition(":"))
        if not (colon and name and label):
            raise UsageError(
                f"label_map = {text!r}", "Expected HEAD_LABEL:TASK_LABEL, separated by commas"
            )
        if name not in head:
            raise UsageError(
                f"label_map names {name!r}, which is none of the model's labels",
                f"The model's: {', '.join(head)}",
            )
        pairs[name] = label
    return pairs


def match_labels(
    head: Sequence[str], task: Sequence[str], given: Mapping[str, str] | None
) -> tuple[tuple[int, ...], ...]:
    """For each of the task's labels, the indices of the head's that mean it.

    Without ``given`` each must have one of the same name, ignoring case; ``pos``, ``neg`` and
    ``neu`` are short for ``positive``, ``negative`` and ``neutral``.

    Raises:
        ModelError: The labels do not match.
    """
    if given is not None:
        wanted = {name: _folded(label) for name, label in given.items()}
        named = [wanted.get(name) for name in head]
    else:
        named = [_folded(name) for name in head]
        doubled = {name for name in named if named.count(name) > 1}
        named = [None if name in doubled else name for name in named]
    found = tuple(
        tuple(index for index, name in enumerate(named) if name == _folded(label)) for label in task
    )
    if not all(found):
        example = ",".join(f"{name}:{label}" for name, label in zip(head, task, strict=False))
        raise ModelError(
            f"the model's labels ({', '.join(head)}) do not name the task's ({', '.join(task)})"
            + (f" by label_map {_shown(given)}" if given is not None else ""),
            f"Say which means which, as the model's card has it: --set label_map={example}",
        )
    return found


def _folded(label: str) -> str:
    name = " ".join(label.casefold().replace("_", " ").replace("-", " ").split())
    return _SYNONYMS.get(name, name)


def _shown(pairs: Mapping[str, str]) -> str:
    return ",".join(f"{name}:{label}" for name, label in pairs.items())
