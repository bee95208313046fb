"""A run with workers is killed at a random moment, one process of it or all; it ends in equal bits.

All fifty: python -m pytest -m siege tests/siege/test_kills.py
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.siege.damages import contents

ROOT = Path(__file__).parents[2]
SCRIPT = (
    "import sys; from pathlib import Path; from tests import toy_runs as t\n"
    "r = t.run(Path(sys.argv[1]), jobs=2, claims=(), options={'overrides': (('steps', 30), "
    "('runtime.checkpoint_every', 4))})\n"
    "sys.exit(len(r['failed']))"
)
KILLED = ("a worker", "the parent", "all of them")


def start(folder: Path) -> subprocess.Popen:
    environment = {**os.environ, "JAX_NUM_CPU_DEVICES": "1", "PYTHONPATH": str(ROOT)}
    quiet = subprocess.DEVNULL
    command = [sys.executable, "-c", SCRIPT, str(folder)]
    return subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet, cwd=ROOT)


def workers(parent: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def steps_taken(folder: Path) -> int:
    return sum(len(p.read_text().splitlines()) for p in folder.glob("toy/small/*/*/metrics.jsonl"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert start(folder).wait(300) == 0
    return folder


def measured(folder: Path) -> dict[str, bytes]:
    """What a run found: its scores, and those of each example."""
    kept = ("scores.json", ".npz")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted((folder / "toy/small").glob("*/seed-*/**/*"))
        if path.is_file() and path.name.endswith(kept)
    }


@pytest.mark.siege
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found in /proc")
@pytest.mark.parametrize("number", range(50))
def test_killed_with_workers_a_run_ends_in_equal_bits(whole, tmp_path, number):
    draw = random.Random(number)
    until, victim = draw.randrange(1, 110), KILLED[number % len(KILLED)]
    process = start(tmp_path)
    deadline = time.monotonic() + 120
    while steps_taken(tmp_path) < until and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(draw.uniform(0, 0.2))
    children = workers(process.pid)
    victims = {
        "a worker": children[:1], "the parent": [process.pid],
        "all of them": [process.pid, *children],
    }[victim]  # fmt: skip
    for one in victims:
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait(120)
    while alive := [one for one in children if Path(f"/proc/{one}/stat").exists()]:
        assert time.monotonic() < deadline, f"workers {alive} outlive their parent"
        time.sleep(0.05)
    assert start(tmp_path).wait(300) == 0
    assert measured(tmp_path) == measured(whole) and measured(whole)
    names = [str(path) for path in contents(tmp_path)]
    assert not [name for name in names if "orbax-checkpoint-tmp" in name or ".model-" in name]
    assert not list(tmp_path.glob("toy/small/*/*/checkpoints"))
