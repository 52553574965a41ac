"""The child process: trains as a spec says, and reports to the parent through the progress file."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path


def _die_with_parent() -> None:
    """Ends this process when the parent has gone: its end of standard input closes then."""

    def wait() -> None:
        while os.read(0, 4096):  # not sys.stdin, whose lock would outlive the interpreter
            pass
        os._exit(3)

    threading.Thread(target=wait, daemon=True).start()


def main(path: str) -> int:
    """Trains; the exit code is that of the error, if any."""
    from harness.errors import HarnessError, RunFailedError
    from harness_align import spec as specs
    from harness_align.event_log import EventLog

    spec = specs.load(Path(path), json.loads(os.environ.pop(specs.SECRETS, "{}")))
    event_log = EventLog.of(Path(spec.out))
    if os.environ.pop("HARNESS_ALIGN_LEASH", None):
        _die_with_parent()
    try:
        from harness_align.training import run

        model = run.train(spec, event_log)
    except HarnessError as error:
        event_log.failed(type(error).__name__, error.message, error.hint)
        return error.exit_code
    except Exception as error:
        import traceback

        from harness_align.training.failures import explain

        traceback.print_exc()
        explained = explain(error)
        event_log.failed(type(explained).__name__, explained.message, explained.hint)
        return RunFailedError.exit_code
    if os.environ.get("RANK", "0") == "0":  # the process that wrote the checkpoint
        event_log.finished(model)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
