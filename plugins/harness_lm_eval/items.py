"""A sample's value of a metric as lm_eval's aggregation takes it, kept as text in a score.

Aggregations take anything: pairs of texts, dictionaries, arrays. JSON with a mark for what it has
no form for keeps them, so that intervals and comparisons can aggregate again.
"""

from __future__ import annotations

import json
import math
from typing import Any

from harness.errors import PluginError
from harness.types import Score, ScoreValue

_MARK = "__kept__"


def keep(value: Any) -> ScoreValue:
    """The value as a score.

    Raises:
        PluginError: It holds objects that no text can keep.
    """
    return (json.dumps(_plain(value), ensure_ascii=False),)


def kept(row: Score) -> Any:
    """The value that ``keep`` was given."""
    value = row.value
    if not isinstance(value, tuple) or len(value) != 1 or not isinstance(value[0], str):
        raise PluginError(f"the score of sample {row.sample_id!r} holds no value of lm_eval's")
    return _restored(json.loads(value[0]))


def number(value: Any) -> float | None:
    """A number of any library as Python's; None where it is none."""
    if isinstance(value, bool | int | float):
        return float(value)
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "ndim", 1) == 0:
        found = item()
        return float(found) if isinstance(found, bool | int | float) else None
    return None


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {_MARK: "float", "value": str(value)}
    if isinstance(value, tuple):
        return {_MARK: "tuple", "value": [_plain(each) for each in value]}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, set | frozenset):
        return {_MARK: "set", "value": [_plain(each) for each in sorted(value, key=repr)]}
    if isinstance(value, dict):
        pairs = [[_plain(key), _plain(each)] for key, each in value.items()]
        return {_MARK: "dict", "value": pairs}
    if hasattr(value, "tolist"):  # numpy's and torch's, without importing them
        is_scalar = getattr(value, "ndim", 0) == 0
        return _plain(value.tolist()) if is_scalar else _array(value)
    raise PluginError(f"lm_eval gave a score of type {type(value).__name__}, which cannot be kept")


def _array(value: Any) -> dict[str, Any]:
    return {_MARK: "array", "value": _plain(value.tolist()), "dtype": str(value.dtype)}


def _restored(value: Any) -> Any:
    if isinstance(value, list):
        return [_restored(each) for each in value]
    if not isinstance(value, dict):
        return value
    held = value["value"]
    match value[_MARK]:
        case "float":
            return float(held)
        case "tuple":
            return tuple(_restored(each) for each in held)
        case "set":
            return {_restored(each) for each in held}
        case "dict":
            return {_restored(key): _restored(each) for key, each in held}
        case _:
            import numpy as np

            return np.array(_restored(held), dtype=value["dtype"].removeprefix("torch."))
