"""A plugin with a backend that shouts, and can die, fail or dawdle over a request that says so.

The model ``unsure`` stammers until a request has it look, or another worker has.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from harness import hookimpl
from harness.errors import MissingExtraError, ModelError
from harness.protocols import BackendSpec
from harness.types import Completion, Generate, Usage


class Mortal:
    fingerprint, supports = "mortal", frozenset({Generate})

    def __init__(self, options):
        if options.model == "unusable":
            raise MissingExtraError("the mortal backend", "mortal")
        if options.model == "differs":
            self.fingerprint = f"mortal-{os.getpid()}"
        self._flag = Path(options.values["flag"])
        self._answered = 0

    @property
    def usage(self):
        return Usage(requests=self._answered, completion_tokens=2 * self._answered)

    def describe(self):
        return {"name": "mortal", "process": os.getpid()}

    def check(self, requests):
        if any("forbidden" in each.prompt for each in requests):
            raise ModelError("such words are forbidden")

    def run(self, requests):
        for each in requests:
            self._obey(each.request.prompt)
            self._answered += 1
            yield each.key, Completion(each.request.prompt.upper())

    def _obey(self, prompt):
        if "die always" in prompt or ("die once" in prompt and not self._flag.exists()):
            self._flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if "fail" in prompt:
            raise ModelError("no model for this", "Take another.")
        if "stumble" in prompt:
            raise ValueError("stumbled")
        if "nap" in prompt:
            time.sleep(0.02)
        if "dawdle" in prompt:
            self._flag.touch()
            time.sleep(60)

    def close(self):
        pass


class Unsure(Mortal):
    def __init__(self, options):
        super().__init__(options)
        self.doubts, self.wrong_paths = 0, ()

    def distrust(self, paths):
        self.doubts += self._answered > 0 and not self.wrong_paths
        self.wrong_paths = tuple(paths)

    def run(self, requests):
        for each in requests:
            if "look" in each.request.prompt:
                self.distrust(["stammering"])
            for key, answer in super().run([each]):
                said = answer.text if self.wrong_paths else answer.text * 2
                yield key, Completion(said)


def open_model(options):
    return (Unsure if options.model == "unsure" else Mortal)(options)


@hookimpl
def harness_register_backends():
    return [BackendSpec("mortal", "dies when told to", open_model, {"flag": "file it leaves"})]
