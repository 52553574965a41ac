"""A metric of its own, the median, in a task that counts the words of each answer."""

from statistics import median

from harness import hookimpl
from harness.authoring.readers import rows
from harness.protocols import TaskSpec
from harness.types import Estimate, Generate, Sample

NAN = float("nan")


class Median:
    name, higher_is_better, bounds = "median_words", None, (0.0, float("inf"))

    def aggregate(self, scores):
        values = sorted(score.value for score in scores)
        n = len(values)
        if n < 8:  # too few for an interval: NaN says so
            value = median(values) if values else NAN
            return Estimate(value, NAN, NAN, NAN, n, "median")
        # Ranks that hold the median with 95 % confidence, by the binomial distribution's
        # normal approximation (Conover 1999, section 3.2).
        reach = 0.98 * n**0.5
        low, high = values[max(0, int(n / 2 - reach))], values[min(n - 1, int(n / 2 + reach))]
        return Estimate(
            median(values), (high - low) / 3.92, low, high, n, "median, order statistics"
        )


class Words:
    name, version, metrics = "words", "1", (Median(),)

    def samples(self, data):
        for row, place in rows.read(data):
            yield Sample(str(place.ordinal), place.text(row, "question"))

    def requests(self, sample, shots):
        return [Generate(sample.input)]

    def score(self, sample, responses):
        return {"median_words": float(len(responses[0].text.split()))}


@hookimpl
def harness_register_tasks():
    return [TaskSpec("words", "how many words an answer has", lambda options: Words())]
