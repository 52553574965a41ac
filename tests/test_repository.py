"""The files at the root and under ``.github`` agree with the project."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from support import ROOT
from support.shared_data import unchecked

GITHUB = ROOT / ".github"
SCHEMAS = {
    "workflows/test.yml": "vendor.github-workflows",
    "ISSUE_TEMPLATE/fault.yml": "vendor.github-issue-forms",
    "ISSUE_TEMPLATE/wish.yml": "vendor.github-issue-forms",
    "ISSUE_TEMPLATE/config.yml": "vendor.github-issue-config",
}
FOLDERS = ("docs", "harness", "plugins", "tasks", "reports", "tests", "tools", "examples")
CONFLICT = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)
PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s\\;]+)", re.MULTILINE)


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    return dict(yaml.safe_load((GITHUB / "workflows/test.yml").read_text("utf-8")))


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"])


def versions(name: str) -> dict[str, str]:
    """Package → version, of a file of pins."""
    pins = PIN.findall((ROOT / name).read_text("utf-8"))
    return {re.sub(r"[-_.]+", "-", package.lower()): version for package, version in pins}


def test_every_file_for_github_has_a_schema_here() -> None:
    found = {each.relative_to(GITHUB).as_posix() for each in GITHUB.rglob("*.yml")}
    assert found == set(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_github_reads_is_valid(name: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", SCHEMAS[name]]
    done = subprocess.run([*command, GITHUB / name], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_action_is_valid_and_takes_what_init_writes() -> None:
    path = ROOT / "action" / "action.yml"
    schema = ("--builtin-schema", "vendor.github-actions")
    command = [sys.executable, "-m", "check_jsonschema", *schema, str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    written = (ROOT / "harness/cli/templates/github.yml").read_text("utf-8")
    used = [
        each["uses"] for each in yaml.safe_load(path.read_text())["runs"]["steps"] if "uses" in each
    ]
    assert len(used) == 4
    assert [each for each in used if each not in written] == []


def test_the_workflow_runs_the_tests_on_every_supported_python(
    workflow: dict[str, Any], project: dict[str, Any]
) -> None:
    job = workflow["jobs"]["test"]
    assert any("make test" in step.get("run", "") for step in job["steps"])
    supported = [each.rpartition(" ")[2] for each in project["classifiers"] if ":: 3." in each]
    assert job["strategy"]["matrix"]["python"] == supported
    assert project["requires-python"] == f">={supported[0]}"


def test_the_workflow_may_only_read_and_its_actions_are_pinned(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow["jobs"].values())
    actions = [step["uses"] for step in workflow["jobs"]["test"]["steps"] if "uses" in step]
    assert actions
    assert [each for each in actions if not re.search(r"@[0-9a-f]{40}$", each)] == []


def test_the_actions_are_those_that_init_writes(workflow: dict[str, Any]) -> None:
    written = (ROOT / "harness/cli/templates/github.yml").read_text("utf-8")
    for step in workflow["jobs"]["test"]["steps"]:
        assert step.get("uses", "") in written


def test_hooks_before_a_commit_run_programs_of_the_environment() -> None:
    settings = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    programs = [hook["entry"].split()[0] for repo in settings["repos"] for hook in repo["hooks"]]
    assert programs
    for program in programs:
        assert program.startswith(".venv/bin/")
        assert shutil.which(Path(program).name, path=Path(sys.executable).parent), program


def test_the_lock_and_the_constraints_name_the_same_versions() -> None:
    constrained = versions("constraints.txt")
    assert constrained.pop("torch")
    assert versions("locked.txt") == constrained


def test_every_package_of_the_lock_has_hashes_and_no_address() -> None:
    text = (ROOT / "locked.txt").read_text("utf-8")
    entries = re.split(r"\n(?=\S)", text)
    entries = [each for each in entries if PIN.match(each)]
    assert len(entries) == len(versions("locked.txt")) > 100
    assert [each for each in entries if "--hash=sha256:" not in each] == []
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


def test_every_direct_dependency_is_constrained(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    alone = ("vllm", "lm-eval", "energy")  # not in `all`: a GPU's; two with LGPL packages
    optional = {name: needed for name, needed in extras.items() if name not in alone}
    needed = [*project["dependencies"], *(each for extra in optional.values() for each in extra)]
    names = {re.split(r"[^\w-]", each)[0].lower().replace("_", "-") for each in needed}
    assert names - {"evalign"} <= set(versions("constraints.txt"))


def test_extras_are_named_so_that_every_pip_finds_them(project: dict[str, Any]) -> None:
    """pip before 23.3 takes ``lm_eval`` for no extra, warns, and installs without it."""
    extras = set(project["optional-dependencies"])
    assert [name for name in extras if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)] == []
    code = [
        path.read_text("utf-8")
        for folder in ("harness", "plugins", "tasks", "reports")
        for path in (ROOT / folder).rglob("*.py")
    ]
    wanted = {
        name
        for text in code
        for name in re.findall(r"""MissingExtraError\([^()]+, "([^"]+)"\)""", text)
    }
    assert "lm-eval" in wanted
    assert wanted <= extras


def test_no_file_holds_both_sides_of_a_merge() -> None:
    texts = [*ROOT.glob("*.*"), *(file for each in FOLDERS for file in (ROOT / each).rglob("*.*"))]
    texts = [each for each in texts if each.suffix in (".md", ".py", ".toml", ".html", ".ipynb")]
    assert len(texts) > 500
    assert [each for each in texts if CONFLICT.search(each.read_text("utf-8"))] == []


def test_what_is_skipped_without_the_shared_data_is_named() -> None:
    assert unchecked([]) == ""
    line = unchecked(["golden/a.py::test_x", "golden/a.py::test_y[1]", "b.py::test_z"])
    assert line.startswith("NOT CHECKED: 3 tests")
    assert line.endswith("b.py (1), golden/a.py (2)")
