"""A task that asks for a greeting, with two metrics, and a backend that greets."""

from harness import hookimpl
from harness.authoring.metrics import Mean
from harness.authoring.readers import rows
from harness.protocols import BackendSpec, TaskSpec
from harness.types import Completion, Generate, Sample, Usage


class Hello:
    name, version = "hello", "1"
    metrics = (Mean("greets"), Mean("shouting", higher_is_better=False))

    def samples(self, data):
        for row, place in rows.read(data):
            yield Sample(str(place.ordinal), place.text(row, "name"))

    def requests(self, sample, shots):
        return [Generate(f"Greet {sample.input}.")]

    def score(self, sample, responses):
        text = responses[0].text
        capitals = sum(map(str.isupper, text)) / max(1, len(text))
        return {"greets": float(sample.input in text), "shouting": capitals}


class Greeter:
    fingerprint, supports, usage = "greeter-1", frozenset({Generate}), Usage()

    def describe(self):
        return {"name": "greeter"}

    def run(self, requests):
        for each in requests:
            yield each.key, Completion("Hello, " + each.request.prompt.removeprefix("Greet "))

    def close(self):
        pass


@hookimpl
def harness_register_tasks():
    return [TaskSpec("hello", "asks for a greeting", lambda options: Hello())]


@hookimpl
def harness_register_backends():
    return [BackendSpec("greeter", "greets whoever is named", lambda options: Greeter())]
