"""A probe that shouts: does a score survive capitals and exclamation marks?"""

from dataclasses import replace

from pydantic import BaseModel, Field

from harness import hookimpl
from harness.authoring import paired
from harness.authoring.option_models import read
from harness.protocols import ProbeSpec, Shortcut
from harness.types import Skipped


class Options(BaseModel):
    mark: str = Field("!", max_length=9, description="what to shout with")


class Shout:
    name, labels = "shout", ("loud", "louder")

    def __init__(self, options):
        self.mark = read(Options, options.values, "shout").mark

    def perturb(self, sample, rng):
        if any(target in sample.input for target in sample.targets):
            return [Skipped("the answer would be shouted too")]
        loud = sample.input.upper()
        louder = loud + self.mark * rng.randint(1, 3)
        return [replace(sample, input=text) for text in (loud, louder)]

    def aggregate(self, metric, original, perturbed):
        return paired.measures(metric, original, perturbed, self.labels)


@hookimpl
def harness_register_probes():
    told = "capitals and exclamation marks"
    flag = Shortcut("--shout", "mark", "MARK", "Ask again in capitals: --probes shout.")
    return [ProbeSpec("shout", told, Shout, ("loudness",), Options, flag)]
