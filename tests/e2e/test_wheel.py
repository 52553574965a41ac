"""The built wheel, away from the sources, does the main job."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

PACKAGES = {
    "harness",
    "harness_align",
    "harness_backends",
    "harness_data",
    "harness_grounding",
    "harness_probes",
    "harness_ray",
    "harness_importers",
    "harness_tracking",
    "harness_view",
    "harness_lm_eval",
    "harness_judges",
    "harness_reports",
    "harness_tasks",
}


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the tracked files, so that nothing untracked slips in."""
    source = tmp_path_factory.mktemp("source")
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=root, capture_output=True, text=True
    )
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    for name in tracked.stdout.splitlines():
        if (root / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, source / name)
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    done = subprocess.run(build, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.rmtree(source)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_our_packages_and_no_other(wheel: Path, root: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == PACKAGES
    assert any(name.endswith("report.html") for name in names)
    assert any(name.endswith("model.safetensors") for name in names)
    assert any(name.endswith("bbq.jsonl") for name in names)


def test_the_package_list_is_the_folders_present(root: Path) -> None:
    listed = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"][
        "targets"
    ]["wheel"]["packages"]
    found = [
        str(path.parent.relative_to(root))
        for folder in (".", "plugins", "tasks", "reports")
        for path in (root / folder).glob("harness*/__init__.py")
    ]
    assert sorted(listed) == sorted(found)


def test_the_wheel_runs_the_main_job(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    library = Path(
        sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)})
    )
    # The dependencies are ours; our own sources are not: only the wheel can give `harness`.
    paths = [path for path in sys.path if path.endswith("site-packages")]
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(library)
    script = (
        f"import sys; sys.path.extend({paths!r})\n"
        f"import harness; assert harness.__file__.startswith({str(library)!r}), harness.__file__\n"
        "from harness.cli import main; main()"
    )
    command = [str(environment / "bin" / "python"), "-c", script]
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    arguments = "run --model demo --tasks squad,xsum,bias --data sample --limit 10 --out out"
    done = subprocess.run(
        command + arguments.split(), cwd=tmp_path, capture_output=True, text=True, env=variables
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))
    assert {"squad", "xsum", "bbq", "crows_pairs"} <= set(result["tasks"])
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000
