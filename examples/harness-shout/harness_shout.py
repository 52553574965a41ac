"""A probe that shouts: does a score survive capitals and exclamation marks?"""

from dataclasses import replace

from harness import hookimpl
from harness.authoring import paired
from harness.protocols import ProbeSpec
from harness.types import Skipped


class Shout:
    name, labels = "shout", ("loud", "louder")

    def __init__(self, options):
        self.mark = options.values.get("mark", "!")

    def perturb(self, sample, rng):
        if any(target in sample.input for target in sample.targets):
            return [Skipped("the answer would be shouted too")]
        loud = sample.input.upper()
        return [
            replace(sample, input=loud),
            replace(sample, input=loud + self.mark * rng.randint(1, 3)),
        ]

    def aggregate(self, metric, original, perturbed):
        return paired.measures(metric, original, perturbed, self.labels)


@hookimpl
def harness_register_probes():
    options = {"mark": "what to shout with (default !)"}
    return [ProbeSpec("shout", "capitals and exclamation marks", Shout, ("loudness",), options)]
