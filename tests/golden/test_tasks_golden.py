"""Published scores, reached from published data and predictions through the tasks themselves."""

import csv
import json
import tarfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

import harness_probes.plugin
import harness_tasks.plugin
from harness import plugins
from harness.config import RunSpec
from harness.protocols import Task, TaskOptions
from harness.run import runner
from harness.types import Completion, DataSource, Estimate, Generate, Sample, Score, Unscored
from support.shared_data import SHARED

DATA = SHARED / "data"
pytestmark = pytest.mark.shared
GENERATES = TaskOptions(supports=frozenset({Generate}))


def open_task(name: str) -> Task:
    specs = [
        *harness_tasks.plugin.harness_register_tasks(),
        *harness_probes.plugin.harness_register_tasks(),
    ]
    return next(spec for spec in specs if spec.name == name).open(GENERATES)


def path_source(*paths: Path) -> DataSource:
    return DataSource("path", ":".join(map(str, paths)), tuple(map(str, paths)))


def replay(
    task: Task, samples: Iterable[Sample], answer: Callable[[Sample], str]
) -> Mapping[str, Estimate]:
    """Scores saved answers and aggregates them, as a run does."""
    rows: dict[str, list[Score]] = {metric.name: [] for metric in task.metrics}
    for sample in samples:
        (request,) = task.requests(sample, [])
        assert isinstance(request, Generate)
        for name, value in task.score(sample, [Completion(answer(sample))]).items():
            assert not isinstance(value, Unscored), value
            rows[name].append(Score(sample.id, name, value, cluster=sample.cluster))
    return {metric.name: metric.aggregate(rows[metric.name]) for metric in task.metrics}


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def test_squad_v2_of_bert_has_the_official_script_s_numbers() -> None:
    folder = DATA / "squad"
    task = open_task("squad_v2")
    predictions = json.loads(
        (folder / "predictions_v2.0/BERT_single_model_Google_AI_Language.json").read_text()
    )
    samples = list(task.samples(path_source(folder / "squad2_dev_first_articles.json")))
    assert len(samples) == 1407
    got = replay(task, samples, lambda sample: predictions[sample.id])
    assert got["exact_match"].value * 100 == pytest.approx(75.55081734186211, rel=1e-14)
    assert got["f1"].value * 100 == pytest.approx(78.83251404548824, rel=1e-14)
    assert got["hasans_exact_match"].n == 705
    assert got["hasans_exact_match"].value * 100 == pytest.approx(70.3546, abs=5e-5)
    assert got["hasans_f1"].value * 100 == pytest.approx(76.9040, abs=5e-5)
    assert got["noans_exact_match"].n == 702
    assert got["noans_exact_match"].value * 100 == pytest.approx(80.7692, abs=5e-5)
    assert "clusters" in got["f1"].method


def wmt22_scores() -> dict[tuple[str, str], float]:
    with open(DATA / "wmt22/automatic-scores.tsv", encoding="utf-8") as file:
        return {
            (row["system"], row["metric"]): float(row["score"])
            for row in csv.DictReader(file, delimiter="\t")
            if row["pair"] == "en-de"
        }


SYSTEMS = ("OpenNMT", "JDExploreAcademy", "Online-A", "PROMT")
FAST = {("OpenNMT", "A"), ("PROMT", "B")}


@pytest.mark.parametrize(
    ("system", "references"),
    [
        pytest.param(
            system, references, marks=() if (system, references) in FAST else pytest.mark.slow
        )
        for system in SYSTEMS
        for references in ("A", "B", "all")
    ],
)
def test_wmt22_has_the_official_bleu_and_chrf(system: str, references: str) -> None:
    folder = DATA / "wmt22"
    task = open_task("wmt22_en_de")
    names = ["A", "B"] if references == "all" else [references]
    paths = [folder / f"generaltest2022.en-de.ref.{name}.de" for name in names]
    samples = task.samples(path_source(folder / "generaltest2022.en-de.src.en", *paths))
    outputs = lines(folder / f"generaltest2022.en-de.hyp.{system}.de")
    got = replay(task, samples, lambda sample: outputs[int(sample.id) - 1])
    official = wmt22_scores()
    assert got["bleu"].n == 2037
    assert got["bleu"].value == pytest.approx(official[system, f"bleu-{references}"], abs=5e-5)
    assert got["chrf"].value == pytest.approx(official[system, f"chrf-{references}"], abs=5e-5)
    bleu = task.metrics[0]
    assert getattr(bleu, "signature", "").startswith(
        f"nrefs:{len(names)}|case:mixed|eff:no|tok:13a"
    )


XSUM_ROUGE = {  # rouge-score 0.1.2 with stemmer, in percent
    "convs2s": (30.94, 11.02, 25.05),
    "topic-convs2s": (31.58, 11.49, 25.58),
    "ptgen": (29.34, 9.17, 23.04),
    "lead": (16.01, 1.58, 11.79),
    "ext-oracle": (29.36, 8.72, 22.40),
}


@pytest.mark.parametrize(
    "system",
    ["convs2s", *(pytest.param(name, marks=pytest.mark.slow) for name in list(XSUM_ROUGE)[1:])],
)
def test_xsum_systems_have_their_rouge(system: str, tmp_path: Path) -> None:
    names = ("gold-test-sentences.txt", f"{system}-test-output.txt")
    with tarfile.open(DATA / "xsum/xsum-model-predictions.tar.gz") as archive:
        for name in names:
            file = archive.extractfile(f"xsum-model-predictions/{name}")
            assert file is not None
            (tmp_path / name).write_bytes(file.read())
    task = open_task("xsum")
    outputs = lines(tmp_path / names[1])
    # The archive has no articles; a line-aligned pair needs a first file, which is not scored.
    samples = task.samples(path_source(tmp_path / names[0], tmp_path / names[0]))
    got = replay(task, samples, lambda sample: outputs[int(sample.id) - 1])
    assert got["rouge1"].n == 11334
    for metric, expected in zip(("rouge1", "rouge2", "rougeL"), XSUM_ROUGE[system], strict=True):
        assert got[metric].value * 100 == pytest.approx(expected, abs=0.005), metric


BBQ_SCORES = {  # (category, format): metric → percent, from the paper's Figures 3 and 6
    ("Religion", "arc"): {"ambiguous_bias": 24.5, "disambiguated_bias": 3.5},
    ("Religion", "race"): {"ambiguous_bias": 14.3, "disambiguated_bias": 0.2},
    ("Religion", "qonly"): {"ambiguous_accuracy": 58.0, "ambiguous_bias": 21.3},
    ("Disability_status", "arc"): {"ambiguous_bias": 32.6, "disambiguated_bias": -0.7},
    ("Disability_status", "race"): {"ambiguous_bias": 21.2, "disambiguated_bias": -1.4},
    ("Disability_status", "qonly"): {"ambiguous_accuracy": 50.1, "ambiguous_bias": 29.8},
}


@pytest.mark.parametrize(("category", "form"), list(BBQ_SCORES))
def test_bbq_of_unifiedqa_has_the_paper_s_scores(category: str, form: str) -> None:
    path = DATA / f"bbq/full_with_unifiedqa_preds/{category}.jsonl"
    rows = {row["example_id"]: row for row in map(json.loads, lines(path))}
    task = open_task("bbq")

    def answer(sample: Sample) -> str:
        row = rows[int(sample.id.removeprefix(f"{category}-"))]
        return str(row[f"unifiedqa-t5-11b_pred_{form}"])

    samples = list(task.samples(path_source(path)))
    assert all(sample.metadata["target"] for sample in samples)
    got = replay(task, samples, answer)
    assert got["unread"].value == 0
    for metric, expected in BBQ_SCORES[category, form].items():
        assert got[metric].value * 100 == pytest.approx(expected, abs=0.05), metric


def test_every_category_of_bbq_s_folder_has_its_target() -> None:
    samples = list(open_task("bbq").samples(path_source(DATA / "bbq/sample200")))
    assert len(samples) == 1200
    assert len({sample.id for sample in samples}) == 1200
    assert {sample.groups["category"] for sample in samples} == {
        "Age",
        "Nationality",
        "Sexual_orientation",
        "Physical_appearance",
        "Religion",
        "Disability_status",
    }
    assert all(sample.metadata["target"] for sample in samples)
    assert all(sample.metadata["unknown"] != sample.metadata["target"] for sample in samples)


GSM8K_ACCURACY = {  # percent of 1,319 problems, as the released solutions are graded
    "6b_finetuning": 21.683,
    "6b_verification": 39.045,
    "175b_finetuning": 34.723,
    "175b_verification": 56.255,
}


@pytest.mark.parametrize("model", list(GSM8K_ACCURACY))
def test_gsm8k_grades_each_released_solution_as_its_flag_does(model: str) -> None:
    solutions = [
        json.loads(line)[model] for line in lines(DATA / "gsm8k/example_model_solutions.jsonl")
    ]
    task = open_task("gsm8k")
    samples = list(task.samples(path_source(DATA / "gsm8k/test.jsonl")))
    graded = [
        task.score(sample, [Completion(each["solution"])])["accuracy"]
        for sample, each in zip(samples, solutions, strict=True)
    ]
    assert graded == [each["is_correct"] for each in solutions]
    got = replay(task, samples, lambda sample: solutions[int(sample.id) - 1]["solution"])
    assert got["accuracy"].n == 1319
    assert got["accuracy"].value * 100 == pytest.approx(GSM8K_ACCURACY[model], abs=5e-4)


WNUT17_F1 = {"arcada": 39.98, "drexel_cci": 26.30, "flytxt": 38.35, "mic-cis.txt": 37.06}
WNUT17_PARTIAL = {  # by nervaluate 1.2.1, whose strict F1 are the published ones, too
    "arcada": 0.6211146838156484,
    "drexel_cci": 0.3650684931506849,
    "flytxt": 0.5881045025013897,
    "mic-cis.txt": 0.565482233502538,
}


@pytest.mark.parametrize("system", list(WNUT17_F1))
def test_wnut17_s_submissions_have_their_published_f1(system: str, tmp_path: Path) -> None:
    folder = DATA / "wnut17"
    spec = RunSpec(
        f"replay:{folder / 'submissions' / system}",
        ("entities",),
        {"entities": str(folder / "emerging.test.annotated")},
        backend_settings={"replay_format": "conll"},
        out=tmp_path / "run",
    )
    found = runner.run(spec, plugins.load()).result.tasks["entities"]
    assert (found.n, found.errors) == (1287, 0)
    assert found.metrics["f1"].estimate.value * 100 == pytest.approx(WNUT17_F1[system], abs=5e-3)
    assert found.metrics["partial_f1"].estimate.value == pytest.approx(WNUT17_PARTIAL[system])
    assert found.metrics["unread"].estimate.value == 0


@pytest.mark.parametrize(
    ("name", "path", "count"),
    [
        ("squad_v2", "squad/squad2_dev_half.json", 6078),
        ("squad", "squad_paraphrased/dev_orig.json", 1062),
        ("xsum", "xsum/xsum_0shot.jsonl", 1000),
        ("sst2", "sst2/dev.tsv", 872),
        ("sst2", "sst2/test.tsv", 1821),
        ("hellaswag", "hellaswag/hellaswag.json", 1000),
        ("gsm8k", "gsm8k/test.jsonl", 1319),
        ("entities", "wnut17/wnut17train.conll", 3394),
        ("entities", "wnut17/emerging.dev.conll", 1009),
    ],
)
def test_published_files_are_read_whole_with_unique_ids(name: str, path: str, count: int) -> None:
    samples = list(open_task(name).samples(path_source(DATA / path)))
    assert len(samples) == count
    assert len({sample.id for sample in samples}) == count
    assert all(sample.targets or name == "squad_v2" for sample in samples)


def test_crows_pairs_are_read_whole() -> None:
    spec = next(
        spec
        for spec in harness_probes.plugin.harness_register_tasks()
        if spec.name == "crows_pairs"
    )
    task = spec.open(TaskOptions())
    samples = list(task.samples(path_source(DATA / "crows_pairs/crows_pairs_anonymized.csv")))
    assert [sample.id for sample in samples] == [str(number) for number in range(1508)]
    assert sum(sample.groups["bias_type"] == "race-color" for sample in samples) == 516


def test_helm_s_xsum_prompt_is_used_as_it_is() -> None:
    path = DATA / "xsum/xsum_0shot.jsonl"
    task = open_task("xsum")
    rows = map(json.loads, lines(path))
    for row, sample in zip(rows, task.samples(path_source(path)), strict=True):
        (request,) = task.requests(sample, [sample])
        assert isinstance(request, Generate)
        assert request.prompt == row["article"]
        assert row["article"] == (
            f"###\nArticle: {sample.input}\n\nSummarize the above article in 1 sentence.\n"
        )


def test_multi30k_s_line_aligned_files_are_read() -> None:
    folder = DATA / "multi30k"
    source = path_source(folder / "test_2016_flickr.en", folder / "test_2016_flickr.de")
    samples = list(open_task("multi30k_en_de").samples(source))
    assert len(samples) == 1000
    assert samples[0].input == lines(folder / "test_2016_flickr.en")[0]
    assert samples[-1].targets == (lines(folder / "test_2016_flickr.de")[-1],)
