"""Prints the table of all definitions.

    python tests/parity/table.py [--model FOLDER] [--exact] [--limit N] [NAME …]

Of a model with a chat template, the definitions that are asked through it too. ``--exact`` opens
the model in float64 as well, which tells rounding from error.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from parity.compared import Difference, compare
from parity.exact import Exact
from parity.official import CASES, CHAT_CASES, Case
from support.shared_data import SHARED


def main() -> int:
    """Returns 1 where something differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--model", type=Path, default=SHARED / "models/stories260k")
    parser.add_argument("--exact", action="store_true", help="judge rounding by float64")
    parser.add_argument("--limit", type=int, help="documents of each, at most")
    arguments = parser.parse_args()
    models = {each: open_theirs(arguments.model, bos=not each) for each in (False, True)}
    exact: dict[bool, Exact] = {}
    if arguments.exact:
        exact = {each: Exact(arguments.model, bos=not each) for each in (False, True)}
    heads = f"{'definition':<42}{'metrics':>8}{'worst':>9}{'lls':>6}{'worst':>9}{'texts':>12}"
    print(f"{heads}  prompts")
    good = True
    chat = CHAT_CASES if models[False].tokenizer.chat_template else ()
    with tempfile.TemporaryDirectory() as names:
        os.environ.setdefault("HARNESS_CACHE", names)
        for case in (*CASES, *chat):
            if arguments.names and case.name not in arguments.names:
                continue
            if arguments.limit:
                case = replace(case, limit=min(case.limit, arguments.limit))
            try:
                with tempfile.TemporaryDirectory() as folder:
                    found = compare(
                        case, Path(folder), arguments.model, models[case.rolling],
                        exact.get(case.rolling),
                    )  # fmt: skip
            except Exception as error:  # the table goes on
                good = False
                print(f"{case.label:<42}{type(error).__name__}: {str(error)[:200]}", flush=True)
                if arguments.names:
                    traceback.print_exc()
                continue
            good = good and found.same
            print(row(case, found), flush=True)
            if not found.same and arguments.names:
                print(found)
    print("agree" if good else "DIFFER")
    return 0 if good else 1


def row(case: Case, found: Difference) -> str:
    """A line of the table."""
    equal = found.texts - len(found.texts_differ) - len(found.ties)
    texts = f"{equal}/{found.texts}"
    errors = "  float64: theirs {:.1e}, ours {:.1e}".format(*found.errors)
    ties = f"  {len(found.ties)} ties"
    return (
        f"{case.label:<42}{len(found.metrics):>8}{found.worst_metric:>9.1e}"
        f"{found.loglikelihoods:>6}{found.worst:>9.1e}{texts:>12}"
        f"  {'equal' if not found.prompts_differ else len(found.prompts_differ)}"
        f"{errors if any(found.errors) else ''}{ties if found.ties else ''}"
        f"{'' if found.same else '  DIFFERS'}"
    )


def open_theirs(checkpoint: Path, bos: bool) -> Any:
    """lm_eval's own model of a checkpoint; ``bos``: as it is by default."""
    from lm_eval.models.huggingface import HFLM

    more = {} if bos else {"add_bos_token": False}
    return HFLM(pretrained=str(checkpoint), device="cpu", dtype="float32", batch_size=8, **more)


if __name__ == "__main__":
    sys.exit(main())
