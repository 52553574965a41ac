"""How quick `harness view` is with many runs: first index, second start, each page.

    python benchmarks/view_speed.py --runs 1000 --samples 1000

Twenty builds are made, and copied with other dates, until there are as many as asked for. The
times of pages are medians of five requests to a server in a process of its own; comparisons are
timed twice, as they are computed (of five pairs) and as they are kept in the index.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support import viewed_runs  # noqa: E402

DISTINCT = 20
COMMAND = [sys.executable, "-m", "harness", "--plugin",
           str(ROOT / "plugins" / "harness_view" / "plugin.py"), "view"]  # fmt: skip


def make(root: Path, runs: int, samples: int) -> None:
    """The folders."""
    made = [
        viewed_runs.write(root, viewed_runs.Build(number, {"arithmetic": 0.6}), samples)
        for number in range(min(runs, DISTINCT))
    ]
    for number in range(len(made), runs):
        copy(made[number % len(made)], number)


def copy(made: Path, number: int) -> None:
    """Another run of the same answers."""
    folder = made.with_name(f"build-{number:04d}")
    shutil.copytree(made, folder)
    run_json = json.loads((folder / "run.json").read_text())
    run_json["started"] = (viewed_runs.START + timedelta(days=number)).isoformat()
    run_json["git_commit"] = f"{number:040x}"
    (folder / "run.json").write_text(json.dumps(run_json))


def timed(words: list[str]) -> float:
    """Seconds of a command."""
    begun = time.perf_counter()
    subprocess.run([*COMMAND, *words], check=True, capture_output=True)
    return time.perf_counter() - begun


def pages(root: Path, runs: int) -> None:
    """Prints what each page takes."""
    server = subprocess.Popen([*COMMAND, str(root)], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = next(
            found[0] for line in server.stdout if (found := re.search(r"http://\S+", line))
        )
        wait_until_idle(address)
        leaderboard = read(address + "leaderboard/").decode()
        board = re.findall(r"leaderboard/(arithmetic\.accuracy\.\w+)/", leaderboard)[0]
        latest = f"build-{runs - 1:04d}" if runs > DISTINCT else f"build-{runs - 1:03d}"
        samples = f"run/{latest}/samples/arithmetic/"
        shown = {
            "list of runs": "",
            "leaderboard": "leaderboard/",
            "leaderboard of a metric": f"leaderboard/{board}/",
            "history": f"history/{board}/",
            "run": f"run/{latest}/",
            "full report": f"run/{latest}/report/",
            "samples": samples,
            "samples, last page": f"{samples}?page=999999",
            "samples, by words": f"{samples}?q=left+of+17",
            "samples, wrong ones, lowest f1 first": f"{samples}?outcome=wrong&order=f1:lowest",
            "one sample": f"{samples}arithmetic-00003/",
        }
        for name, path in shown.items():
            timed_page(name, [address + path] * 5)
        pairs = [f"{address}compare/build-000/build-{n:03d}/" for n in range(1, min(runs, 6))]
        timed_page("comparison, computed", pairs)
        timed_page("comparison, kept", pairs)
    finally:
        server.terminate()
        server.wait()


def timed_page(name: str, addresses: list[str]) -> None:
    """Prints the median time of some addresses, and the size of the last page."""
    found, size = [], 0
    for address in addresses:
        begun = time.perf_counter()
        size = len(read(address))
        found.append(time.perf_counter() - begun)
    print(f"  {name:38} {1000 * statistics.median(found):8.0f} ms {size / 1000:10,.0f} kB")


def read(address: str) -> bytes:
    """A page."""
    with urllib.request.urlopen(address, timeout=120) as answer:
        return bytes(answer.read())


def wait_until_idle(address: str) -> None:
    """Waits until nothing is read or ranked any more."""
    while json.loads(read(address + "state/"))["work"]:
        time.sleep(0.5)


def main() -> None:
    """Makes the runs, and prints the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--folder", type=Path, help="where the runs go [a temporary folder]")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        root = Path(folder, "runs")
        root.mkdir()
        make(root, given.runs, given.samples)
        size = sum(each.stat().st_size for each in root.rglob("*") if each.is_file())
        print(f"{given.runs:,} runs of {given.samples:,} samples, {size / 1e6:,.0f} MB")
        print(f"  first index, ranks included            {timed([str(root), '--prepare']):8.1f} s")
        print(f"  second start                           {timed([str(root), '--prepare']):8.1f} s")
        copy(root / "build-000", given.runs)
        print(f"  start after one more run               {timed([str(root), '--prepare']):8.1f} s")
        pages(root, given.runs)


if __name__ == "__main__":
    main()
