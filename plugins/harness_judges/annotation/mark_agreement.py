"""How far annotators mark the same parts of the same answers."""

from __future__ import annotations

from collections.abc import Mapping

from harness.stats import marks
from harness.stats.inference import estimate
from harness.stats.marks import MarkedText
from harness.types import Estimate
from harness_judges.annotation.store import Label, Store


def coefficients(store: Store) -> dict[str, dict[str, Estimate]]:
    """Label of a mark → coefficient → value, with a bootstrap over samples.

    They are of the answers that two or more annotators judged; whoever judged one and marked
    nothing in it counts as having found nothing to mark.
    """
    judged: dict[int, list[Label]] = {}
    for each in store.labels():
        if each.value is not None:
            judged.setdefault(each.item, []).append(each)
    several = {number: each for number, each in judged.items() if len(each) > 1}
    return {name: _of_label(store, several, name) for name in store.settings.spans}


def _of_label(store: Store, judged: Mapping[int, list[Label]], name: str) -> dict[str, Estimate]:
    texts, clusters = [], []
    for number, labels in judged.items():
        item = store.items[number]
        for place, answer in enumerate(item.answers):
            given = [
                [
                    (span.start, span.end)
                    for span in label.spans
                    if span.answer == place and span.label == name
                ]
                for label in labels
            ]
            texts.append(MarkedText(len(answer.text), given))
            clusters.append(item.cluster)
    found = (marks.alpha_of_characters, marks.f1_of_characters, marks.f1_of_marks)
    return {
        each.name: estimate(each.infer(clusters), len(texts))
        for each in (coefficient(texts) for coefficient in found)
    }
