"""Named entities in a text: asked for as JSON or as tags in the text, or tagged word by word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.authoring import generation, options, prompts
from harness.authoring.answers import choices
from harness.authoring.tasks import ComposedTask
from harness.protocols import Task, TaskOptions
from harness.types import DataSource, Sample, Sampling
from harness_tasks.entities.readers import read_texts
from harness_tasks.entities.spans import dumped, expected
from harness_tasks.entities.tagging import ask_for_tags, tagged
from harness_tasks.entities.templates import TEMPLATES

VERSION = "2"


def open_entities(chosen: TaskOptions) -> Task:
    """Your own texts, and the files of CoNLL's and WNUT's shared tasks."""
    from harness_tasks.entities.metric import EntityMatches
    from harness_tasks.settings import Entities

    settings = options.read(Entities, chosen, "entities")
    types, tag_names = settings.types, settings.tag_names
    matches = EntityMatches(types)
    notes = {
        "types": ", ".join(types) or "those of the data",
        **({"labels": ", ".join(tag_names)} if tag_names else {}),
    }

    def reader(data: DataSource) -> Iterator[Sample]:
        return read_texts(data, types, tag_names)

    def remark(samples: Sequence[Sample]) -> Iterator[str]:
        return _remarks(samples, types)

    if options.scoring(chosen, ("generate", "tag")) == "tag":
        return ComposedTask(
            "entities",
            matches.metrics,
            {"scoring": "tag", **notes},
            reader,
            ask_for_tags,
            lambda sample, responses: matches.grade_entities(tagged(sample, responses), sample),
            version=VERSION,
            remark=remark,
        )
    template, source = prompts.choose(TEMPLATES, chosen)
    return generation.task(
        name="entities",
        reader=reader,
        prompt=EntityPrompt(
            template, source, "text", _in_tags if template == "tagged" else _listed
        ),
        sampling=Sampling(
            max_tokens=settings.max_tokens,
            stop=choices.next_question(source),
        ),
        graders=(matches,),
        notes=notes,
        version=VERSION,
        remark=remark,
    )


@dataclass(frozen=True, slots=True)
class EntityPrompt(prompts.Prompt):
    """A prompt whose solved examples name the types that the sample's does."""

    def alike(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Sample]:
        """See ``harness.authoring.prompts.Prompt``."""
        types = sample.metadata["types"]
        return [replace(shot, metadata={**shot.metadata, "types": types}) for shot in shots]


def _listed(sample: Sample) -> str:
    return dumped(expected(sample), places=False)


def _in_tags(sample: Sample) -> str:
    text, end = "", 0
    for entity in sorted(expected(sample), key=lambda each: (each.start or 0, -each.end)):
        if entity.start is not None and entity.start >= end:  # of nested ones the outer
            text += sample.input[end : entity.start] + f"<{entity.type}>{entity.text}"
            text, end = text + f"</{entity.type}>", entity.end
    return text + sample.input[end:]


def _remarks(samples: Sequence[Sample], types: Sequence[str]) -> Iterator[str]:
    if samples and not types:
        found = samples[0].metadata["types"]
        assert isinstance(found, tuple | list)
        yield f"F1 by type: --set entities.types={','.join(found)}"
