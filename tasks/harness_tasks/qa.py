"""Question answering over a passage: SQuAD 1.1, SQuAD 2.0, and your own data in their manner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.authoring import generation, options, prompts
from harness.authoring.generation import completion
from harness.authoring.grading import Grader, grade_all, metrics_of
from harness.authoring.readers import text_files
from harness.authoring.readers.rows import Header, Place
from harness.authoring.readers.samples import read, shared
from harness.authoring.readers.tables import is_json_lines
from harness.authoring.readers.text_files import Row
from harness.authoring.tasks import ComposedTask
from harness.errors import DataError
from harness.protocols import Task, TaskAnswers, TaskOptions
from harness.types import DataSource, ExtractAnswer, HubDataset, Request, Sample, Sampling
from harness_tasks.specs import spec

VERSION = "2"
FIELDS = frozenset({"context", "question", "answers", "answer", "title"})
HEADER = Header(FIELDS)
NO_ANSWER = "unanswerable"

TEMPLATES = {
    "default": "{% if title %}Title: {{ title }}\n\n{% endif %}Background: {{ context }}\n\n"
    "Question: {{ question }}\n\nAnswer:",
    "extract": "{{ context }}\n\nAnswer the question with words copied from the passage above.\n"
    "Question: {{ question }}\nAnswer:",
}
TEMPLATES_UNANSWERABLE = {
    "default": TEMPLATES["default"],
    "extract": "{{ context }}\n\nAnswer the question with words copied from the passage above, "
    f"or with the word {NO_ANSWER} if it does not hold the answer.\n"
    "Question: {{ question }}\nAnswer:",
}


def open_squad(chosen: TaskOptions) -> Task:
    """SQuAD 1.1's scores; a version 2 file is read too."""
    return _open("squad", chosen)


def open_squad_v2(chosen: TaskOptions) -> Task:
    """SQuAD 2.0: the passage may not hold the answer."""
    return _open("squad_v2", chosen)


def open_qa(chosen: TaskOptions) -> Task:
    """Your own questions, scored by SQuAD 2.0's rules."""
    return _open("qa", chosen)


def _open(name: str, chosen: TaskOptions) -> Task:
    from harness_tasks.metrics.evaluate_library import with_library_metrics
    from harness_tasks.metrics.squad import SquadV1, SquadV2
    from harness_tasks.settings import Questions

    settings = options.read(Questions, chosen, name)
    answerable = name == "squad"
    known = TEMPLATES if answerable else TEMPLATES_UNANSWERABLE
    template, source = prompts.choose(known, chosen)
    language: str = settings.language
    grader = SquadV1(language) if answerable else SquadV2(name == "squad_v2", language)
    graders = with_library_metrics([grader], chosen)
    if options.scoring(chosen, ["generate", "extract"]) == "extract":
        return _extraction(name, graders, answerable, language)
    notes = {"language": language}
    if not answerable:
        notes["unanswerable"] = f"empty or the word {NO_ANSWER!r}"
    return generation.task(
        name=name,
        reader=read_questions,
        prompt=prompts.Prompt(template, source, "question", _answer),
        sampling=Sampling(max_tokens=settings.max_tokens, stop=("\n",)),
        graders=graders,
        notes=notes,
        version=VERSION,
    )


def _extraction(
    name: str, graders: tuple[Grader[str], ...], answerable: bool, language: str
) -> Task:
    """Questions whose answer is a span of the passage, given by a question-answering head.

    ``answerable``: every passage is known to hold the answer.
    """

    def ask(sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:  # noqa: ARG001
        """The question and its passage; examples have no place before them."""
        return [ExtractAnswer(sample.input, str(sample.metadata["context"]), answerable)]

    how = {"scoring": "extract", "language": language}
    return ComposedTask(
        name=name,
        metrics=metrics_of(graders),
        settings=how if answerable else {**how, "unanswerable": "the empty span"},
        reader=read_questions,
        ask=ask,
        grade=lambda sample, responses: grade_all(graders, completion(responses), sample),
        version=VERSION,
        answers=TaskAnswers("generation", lambda _, responses: completion(responses)),
    )


def _answer(sample: Sample) -> str:
    return sample.targets[0] if sample.targets else NO_ANSWER


# --------------------------------------------------------------------------- readers


def read_questions(source: DataSource) -> Iterator[Sample]:
    """Streams SQuAD's JSON, rows of any format (``context, question, answers``) or the hub's.

    Raises:
        DataError: A file or question cannot be read.
    """
    return read(source, read_row, HEADER, files={".json": _read_published})


def read_row(row: Row, place: Place) -> Sample:
    """A question of own rows or of the hub's ``squad``, ``squad_v2``."""
    import hashlib

    question, context = place.text(row, "question"), place.text(row, "context")
    arguments = shared(row, place, question, FIELDS)
    title = row.get("title") or ""
    if arguments["cluster"] is None:
        digest = hashlib.sha256(context.encode()).hexdigest()[:12]
        arguments["cluster"] = f"{title}#{digest}" if title else digest
    arguments["metadata"] |= {"context": context, "title": str(title)}
    return Sample(input=question, targets=_distinct(_answers(row, place)), **arguments)


def _answers(row: Row, place: Place) -> tuple[str, ...]:
    """A list of ``answers``, the hub's ``{"text": […], …}``, or one text ``answer``.

    In a table of text, ``answers`` may hold one answer as it is; empty, the question has none.
    """
    if "answers" not in row and "answer" in row:
        single = row["answer"]
        return () if single is None else (place.field(row, "answer", str),) if single else ()
    given = row.get("answers")
    if not place.typed and isinstance(given, str) and given.strip()[:1] not in ("[", "{"):
        return (given,) if given.strip() else ()
    answers = place.field(row, "answers", (list, dict))
    if isinstance(answers, dict):
        return place.texts(answers, "text")
    return place.texts({"answers": answers}, "answers")


def _read_published(path: Path) -> Iterator[Sample] | None:
    """SQuAD's samples; None where a JSON file holds rows."""
    if is_json_lines(path):
        return None
    document = text_files.read_json(path)
    articles = document.get("data") if isinstance(document, dict) else document
    first = articles[0] if isinstance(articles, list) and articles else None
    if isinstance(document, list) or (isinstance(first, dict) and "question" in first):
        return None
    if isinstance(document, dict) and "question" in document:  # columns
        return None
    return read_squad(document, path)


def read_squad(document: Any, path: Path) -> Iterator[Sample]:
    """The published JSON of SQuAD 1.1 and 2.0; a passage is a cluster.

    Raises:
        DataError: The document has another shape.
    """
    if not isinstance(document, dict):
        raise _shape(path, "the document", "{'data': [{'title', 'paragraphs'}]}")
    for article in _items(path, "the document", document, "data"):
        title = article.get("title") or ""
        where = f"article {title!r}"
        for number, paragraph in enumerate(_items(path, where, article, "paragraphs")):
            where = f"article {title!r}, paragraph {number}"
            if not isinstance(paragraph.get("context"), str):
                raise _shape(path, where, "a text 'context'")
            for question in _items(path, where, paragraph, "qas"):
                yield _squad_question(path, where, question, paragraph["context"], title, number)


def _squad_question(
    path: Path, where: str, row: dict[str, Any], context: str, title: str, paragraph: int
) -> Sample:
    if not isinstance(row.get("question"), str) or not isinstance(row.get("id"), str | int):
        raise _shape(path, where, "a text 'question' and an 'id' in each of 'qas'")
    where = f"question {row['id']!r}"
    answers = [answer.get("text") for answer in _items(path, where, row, "answers")]
    if not all(isinstance(answer, str) for answer in answers):
        raise _shape(path, where, "a text 'text' in each of 'answers'")
    if bool(row.get("is_impossible")) and answers:
        raise _shape(path, where, "no answers where 'is_impossible' is true")
    return Sample(
        id=str(row["id"]),
        input=row["question"],
        targets=_distinct(answers),
        cluster=f"{title}#{paragraph}",
        metadata={"context": context, "title": title},
    )


def _items(path: Path, where: str, holder: dict[str, Any], name: str) -> list[dict[str, Any]]:
    items = holder.get(name)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _shape(path, where, f"a list of objects {name!r}")
    return items


def _shape(path: Path, where: str, expected: str) -> DataError:
    return DataError(
        f"{where} is not as SQuAD publishes it", path=path, expected=f"{expected} in {where}"
    )


def _distinct(answers: Any) -> tuple[str, ...]:
    """The answers without repetitions: annotators often agree."""
    return tuple(dict.fromkeys(answers))


SPECS = (
    spec(
        "question_answering/squad",
        "SQuAD 1.1: answer a question from a passage",
        open_squad,
        hub=HubDataset("rajpurkar/squad"),
        options="Questions",
        templates=TEMPLATES,
    ),
    spec(
        "question_answering/squad_v2",
        "SQuAD 2.0: answer a question from a passage that may not hold the answer",
        open_squad_v2,
        hub=HubDataset("rajpurkar/squad_v2"),
        options="Questions",
        templates=TEMPLATES_UNANSWERABLE,
    ),
    spec(
        "question_answering/qa",
        "your own questions about passages, scored as SQuAD 2.0",
        open_qa,
        options="Questions",
        templates=TEMPLATES_UNANSWERABLE,
    ),
)
