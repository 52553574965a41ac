"""An executor that opens the model several times here, and hands requests out in turn."""

from pydantic import BaseModel, Field

from harness import hookimpl, open_model
from harness.authoring.option_models import read
from harness.protocols import ExecutorSpec
from harness.types import Usage


class Options(BaseModel):
    copies: int = Field(2, ge=1, le=16, description="how often the model is opened")


class Several:
    """One backend to the rest of the harness."""

    def __init__(self, backends):
        self.backends = backends
        self.fingerprint, self.supports = backends[0].fingerprint, backends[0].supports

    @property
    def usage(self):
        used = [backend.usage for backend in self.backends]
        return Usage(
            requests=sum(each.requests for each in used),
            prompt_tokens=sum(each.prompt_tokens for each in used),
            completion_tokens=sum(each.completion_tokens for each in used),
        )

    def describe(self):
        return {**self.backends[0].describe(), "copies": len(self.backends)}

    def run(self, requests):
        for number, backend in enumerate(self.backends):
            yield from backend.run(requests[number :: len(self.backends)])

    def close(self):
        for backend in self.backends:
            backend.close()


class Relay:
    def __init__(self, options):
        self.copies = read(Options, options.values, "--executor relay").copies

    def open(self, source):
        return Several([open_model(source) for _ in range(self.copies)])


@hookimpl
def harness_register_executors():
    return [ExecutorSpec("relay", "several copies of the model, in turn", Relay, Options)]
