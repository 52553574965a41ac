"""All tests of all tasks of one call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness import Registry, RunSpec, open_model, plan
from harness.errors import UnknownNameError, UsageError
from harness.protocols import ModelBackend
from harness_data.contamination import likelihood, overlap
from harness_data.contamination.items import Item, text_of
from harness_data.contamination.likelihood import Tested

TESTS = ("overlap", "order", "min_k")


@dataclass(frozen=True, slots=True)
class Settings:
    """What is tested, and how.

    Attributes:
        tests: Some of ``TESTS``.
        corpus: Files to look for the items in.
        control: Task → data of the same kind that the model did not see.
        variants: Probes whose variants are compared with the originals.
        alpha: The false-alarm rate of the whole call: p-values are adjusted over its tests.
        per_shard: Items in a text whose order is tested.
        orders: Other orders of each.
        most_shards: Texts whose order is tested.
    """

    tests: tuple[str, ...] = TESTS
    corpus: tuple[Path, ...] = ()
    control: Mapping[str, str] = field(default_factory=dict)
    variants: tuple[str, ...] = ("synonyms",)
    alpha: float = 0.01
    per_shard: int = 5
    orders: int = 19
    most_shards: int = 100


@dataclass(frozen=True, slots=True)
class OfTask:
    """What was found of one task.

    Attributes:
        items: How many items it has.
        overlap: With the corpus; None where none was given.
        tested: The tests of likelihood.
        adjusted: Test → p-value adjusted over all tests of the call (Holm).
        notes: What a reader must know.
    """

    items: int
    overlap: overlap.Overlap | None
    tested: tuple[Tested, ...]
    adjusted: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def found(self, alpha: float) -> list[str]:
        """The tests that found contamination."""
        by_likelihood = [
            each.test for each in self.tested if self.adjusted.get(each.test, 1.0) <= alpha
        ]
        seen = self.overlap is not None and bool(self.overlap.found)
        return ["overlap"] * seen + by_likelihood


def check(settings: Settings, registry: Registry) -> None:
    """Refuses what cannot be examined, before anything is read.

    Raises:
        UsageError: A test has not what it needs.
        UnknownNameError: There is no such test or probe.
    """
    for test in settings.tests:
        if test not in TESTS:
            raise UnknownNameError("test", test, TESTS)
    if not settings.tests:
        raise UsageError("--tests names nothing", f"Expected some of {', '.join(TESTS)}.")
    registry.select_probes(settings.variants)
    if "overlap" in settings.tests and settings.tests != TESTS and not settings.corpus:
        raise UsageError("the test overlap has no corpus", "Name its files with --corpus.")
    for path in settings.corpus:
        if not path.exists():
            raise UsageError(f"{path}: there is no such file", "Name the corpus's files.")


def examine(spec: RunSpec, settings: Settings, registry: Registry) -> dict[str, OfTask]:
    """Task → what was found.

    Args:
        spec: Names the model, the tasks and their data.
        settings: What is tested.
        registry: The loaded plugins.

    Raises:
        HarnessError: The model cannot be used, does not answer such requests, or data are damaged.
    """
    probes = settings.variants if "min_k" in settings.tests else ()
    spec = replace(spec, probes=probes)
    with closing(open_model(spec.model_config, registry)) as model:
        planned = plan(spec, model, registry)
        names = [task.task.name for task in planned.tasks]
        for name in settings.control:
            if name not in names:
                raise UnknownNameError("task of --control", name, names)
        control = _control(spec, settings, registry, model)
        found = {}
        for task in planned.tasks:
            name, items = task.task.name, list(_items(task.planned))
            tested = tuple(_tested(model, spec, settings, items, control.get(name, ())))
            found[name] = OfTask(len(items), overlap_of(items, settings), tested, notes=task.notes)
    return adjusted(found)


def _control(
    spec: RunSpec, settings: Settings, registry: Registry, model: ModelBackend
) -> dict[str, Sequence[Item]]:
    """Task → the items that the model did not see."""
    if not settings.control or "min_k" not in settings.tests:
        return {}
    data = {**spec.data, **settings.control}
    planned = plan(replace(spec, tasks=tuple(settings.control), data=data), model, registry)
    return {task.task.name: list(_items(task.planned)) for task in planned.tasks}


def overlap_of(items: Sequence[Item], settings: Settings) -> overlap.Overlap | None:
    """What of the items the corpus has; None where there is none."""
    if "overlap" not in settings.tests or not settings.corpus:
        return None
    return overlap.overlap(items, overlap.documents_of(settings.corpus))


def _items(planned: Sequence[object]) -> Iterator[Item]:
    """The original samples with the texts of their variants."""
    from harness import PlannedSample

    variants: dict[str, dict[str, list[str]]] = {}
    originals = []
    for each in planned:
        assert isinstance(each, PlannedSample)
        if each.probe is None:
            originals.append(each.sample)
        else:
            of_item = variants.setdefault(each.sample.id, {})
            of_item.setdefault(each.probe, []).append(text_of(each.sample))
    for sample in originals:
        text = text_of(sample)
        others = {
            probe: [other for other in texts if other != text]
            for probe, texts in variants.get(sample.id, {}).items()
        }
        yield Item(sample.id, text, sample.cluster, others)


def _tested(
    model: ModelBackend,
    spec: RunSpec,
    settings: Settings,
    items: Sequence[Item],
    control: Sequence[Item],
) -> Iterator[Tested]:
    if "order" in settings.tests:
        yield likelihood.order_test(
            model,
            spec.model,
            items,
            per_shard=settings.per_shard,
            orders=settings.orders,
            most_shards=settings.most_shards,
            seed=spec.seed,
        )
    if "min_k" in settings.tests:
        yield likelihood.min_k_test(model, spec.model, items, control, seed=spec.seed)


def adjusted(found: Mapping[str, OfTask]) -> dict[str, OfTask]:
    """With p-values adjusted over all tests of the call, by Holm's method (1979)."""
    ordered = sorted(
        (each.p_value, task, each.test)
        for task, of in found.items()
        for each in of.tested
        if each.p_value is not None
    )
    adjusted: dict[str, dict[str, float]] = {task: {} for task in found}
    least = 0.0
    for place, (p_value, task, test) in enumerate(ordered):
        least = max(least, min(1.0, (len(ordered) - place) * p_value))
        adjusted[task][test] = least
    return {task: replace(of, adjusted=adjusted[task]) for task, of in found.items()}
