"""`jaxemb run` by two processes on loopback: the result of one, and an end in common."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxemb.__main__ import main
from jaxemb.study.run_files import read_curve

ROOT = Path(__file__).parents[2]
TOY = """\"\"\"Do several processes hold together?\"\"\"
import dataclasses

from jaxemb import Experiment, experiment, grid, recipes
from jaxemb.evaluation import STS


@experiment()
def toy():
    base = dataclasses.replace(recipes.pair_retriever(), evaluation=(STS(),))
    return Experiment(base=base, arms=grid(pooling=("mean",)), controls=(), seeds=(0,))
"""
RUN = ("run", "toy", "--experiments", "toy.py", "--scale", "smoke", "--runs")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Starts both processes of a command; none is left when the test ends."""
    (tmp_path / "toy.py").write_text(TOY)
    monkeypatch.chdir(tmp_path)
    started: list[subprocess.Popen] = []

    def both(*arguments: str) -> list[subprocess.Popen]:
        address = ("--coordinator", f"127.0.0.1:{free_port()}", "--processes", "2")
        for number in range(2):
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "jaxemb", *arguments, *address]
                    + ["--process-id", str(number)],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                    env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_NUM_CPU_DEVICES": "1"},
                )
            )  # fmt: skip
        return started

    yield both
    for process in started:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen) -> tuple[int, str, list[str]]:
    """Exit code, output, and the lines of standard error; Gloo's own lines apart."""
    out, err = (
        [line for line in text.splitlines() if "Gloo" not in line]
        for text in process.communicate(timeout=150)
    )
    return process.returncode, "\n".join(out), err


def only(folder: Path) -> Path:
    """The one run in a folder of runs."""
    (found,) = (folder / "toy" / "smoke").glob("*/seed-0")
    return found


def test_two_processes_give_what_one_gives(start, tmp_path, capsys):
    first, second = map(ended, start(*RUN, "two"))
    assert (first[0], second[0]) == (0, 0), (first, second)
    assert "report  " in first[1] and "STS" in first[1]
    assert second[2] == [] and "STS" not in second[1]
    assert main((*RUN, "one", "--jobs", "1")) == 0
    capsys.readouterr()
    runs = [only(tmp_path / name) for name in ("one", "two")]
    curves = [read_curve(run) for run in runs]
    assert len(curves[0]) == len(curves[1]) > 1
    for one, two in zip(*curves, strict=True):
        assert two["step"] == one["step"] and two["flops"] == one["flops"]
        for name in ("loss", "gradient_norm"):
            assert two[name] == pytest.approx(one[name], rel=1e-5), name
    scores = [json.loads((run / "scores.json").read_text()) for run in runs]
    assert scores[1] == pytest.approx(scores[0], abs=1e-4)
    names = [sorted(p.name for p in run.iterdir()) for run in runs]
    assert names[0] == names[1] and "checkpoints" not in names[1]


def test_the_death_of_the_first_ends_the_other_with_a_sentence(start, tmp_path):
    """While both train; the first one is what JAX's own coordination goes with."""
    processes = start(*RUN, "runs", "train.budget.steps=1000000")
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("runs/toy/smoke/*/seed-0/metrics.jsonl")):
        assert time.monotonic() < deadline and all(p.poll() is None for p in processes)
        time.sleep(0.1)
    processes[0].send_signal(signal.SIGKILL)
    code, out, err = ended(processes[1])
    assert code != 0 and out == "" and len(err) == 1, err
    assert err[0].startswith("error: process 0 of this run has ended")
