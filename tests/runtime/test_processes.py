"""Several processes that make one run: addresses, agreement without others, batches made alike."""

import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.data import shares
from jaxemb.runtime import last_words, peers, processes
from jaxemb.text import TextBatch

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("given", "environment", "told"),
    [
        ({"coordinator": "h:1"}, {}, "--coordinator .* without --processes .* and --process-id"),
        ({"coordinator": "h:1", "processes": 2}, {}, "are given without --process-id"),
        ({"processes": 2, "process_id": 1}, {}, "are given without --coordinator"),
        ({"process_id": 1}, {}, "--process-id needs --processes"),
        ({"coordinator": "h", "processes": 2, "process_id": 0}, {}, "write HOST:PORT"),
        ({"coordinator": "h:99999", "processes": 2, "process_id": 0}, {}, "write HOST:PORT"),
        ({"coordinator": "h:1", "processes": 2, "process_id": 2}, {}, "from 0 to 1"),
        ({"coordinator": "h:1", "processes": 0, "process_id": 0}, {}, "at least 1"),
        ({}, {"JAX_COORDINATOR_ADDRESS": "h:1"}, "without --processes"),
        ({}, {"JAX_NUM_PROCESSES": "two"}, "JAX_NUM_PROCESSES=two must be a whole number"),
    ],
)
def test_places_that_do_not_go_together_are_refused(given, environment, told):
    with pytest.raises(UsageError, match=told):
        processes.asked(**given, environment=environment)


def test_places_by_options_variables_and_clusters():
    variables = {"JAX_COORDINATOR_ADDRESS": "h:1", "JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "1"}
    expected = processes.Place(coordinator="h:1", processes=2, process_id=1)
    assert processes.asked(environment=variables) == expected
    assert processes.asked(process_id=0, environment=variables).process_id == 0
    assert processes.asked(cluster=True, environment={}) == processes.Place()
    slurm = {"SLURM_STEP_NODELIST": "node[1-2]", "JAX_COORDINATOR_ADDRESS": "h:1"}
    assert processes.asked(environment=slurm) == processes.Place(coordinator="h:1")
    assert processes.asked(environment={"SLURM_STEP_NODELIST": "n"}) is None


def test_a_process_by_itself_agrees_with_itself():
    assert processes.count() == 1 and processes.is_first()
    assert processes.gather({"a": 1}) == [{"a": 1}]
    assert processes.lead(lambda: 5) == 5
    with pytest.raises(ZeroDivisionError), processes.together():
        raise ZeroDivisionError
    with processes.joined(None):
        assert processes.count() == 1


@pytest.fixture
def other(monkeypatch):
    """Another process that says what it is told to."""

    def says(value):
        monkeypatch.setattr(processes, "gather", lambda own, patience=None: [own, value])

    return says


def test_what_fails_in_another_process_fails_here(other):
    other("ValueError: no")
    with pytest.raises(RuntimeError, match="process 1: ValueError: no"), processes.together():
        pass


def text(*shape):
    return TextBatch(np.ones(shape, np.int32), np.ones(shape, bool))


def test_batches_are_padded_as_far_as_any_process_needs(other):
    batch = {"query": text(2, 3), "negatives": text(2, 4, 2), "negatives_id": np.ones((2, 4), "i4")}
    # Leaves in JAX's order: negatives' ids and mask, their numbers, the query's ids and mask.
    other([[2, 5], [2, 5], [2], [6], [6]])
    found = shares.alike(batch)
    assert found["query"].ids.shape == (2, 6) and found["query"].ids.sum() == 6
    assert found["query"].mask.shape == (2, 6) and found["query"].mask.sum() == 6
    assert found["negatives"].mask.shape == (2, 4, 5) and found["negatives"].mask.sum() == 16
    assert found["negatives_id"].tolist() == batch["negatives_id"].tolist()
    other([[8, 2], [8, 2], [8], [3], [3]])
    assert shares.alike(batch)["negatives_id"].tolist() == [[1] * 4 + [-1] * 4] * 2


def test_equal_batches_stay_and_unequal_numbers_are_refused(other):
    batch = {"score": np.ones((2, 4), np.float32)}
    other([[4]])
    assert shares.alike(batch) is batch
    other([[5]])
    with pytest.raises(UsageError, match="unequal shapes"):
        shares.alike(batch)


def test_the_page_that_jax_ends_with_becomes_a_sentence():
    page = [f"E1127 x.cc:1] {words}\n" for words in last_words.FATAL] + ["    @ 0x7f\n"]
    assert list(last_words.told(["step 1\n", *page])) == ["step 1\n", last_words.SENTENCE]
    spoken = "error: process 0 of this run has ended: The data is bad.\n"
    assert list(last_words.told([spoken, *page])) == [spoken]
    assert list(last_words.told(["one\n", "two\n"])) == ["one\n", "two\n"]


# --- three real processes

WORKER = """
import os, signal, sys, time
import jax
from jaxemb.config import UsageError
from jaxemb.runtime import processes

port, number, ending = sys.argv[1], int(sys.argv[2]), sys.argv[3]
place = processes.asked(coordinator=f"127.0.0.1:{port}", processes=3, process_id=number)
try:
    with processes.joined(place, seconds=60):
        assert processes.count() == 3 and processes.is_first() == (number == 0)
        assert processes.gather(number * 2) == [0, 2, 4]
        assert processes.lead(lambda: {"from": number}) == {"from": 0}
        try:
            with processes.together():
                assert number != 2, "two failed"
        except (RuntimeError, AssertionError) as error:
            print(f"{type(error).__name__}: {error}", flush=True)
        if ending == "killed" and number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if ending == "refused" and number == 1:
            raise UsageError("The data is bad.")
        if ending == "alone" and number == 1:
            processes.PATIENCE = 0.5
            with processes.together():
                raise ValueError("one failed")
        if ending != "well":
            time.sleep(60)
except UsageError as error:
    print("error:", error, file=sys.stderr)
    sys.exit(2)
"""


@pytest.mark.parametrize("ending", ["well", "killed", "refused", "alone"])
def test_three_processes_agree_and_end_together(ending):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, port, str(number), ending],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        )
        for number in range(3)
    ]  # fmt: skip
    try:
        done = [process.communicate(timeout=120) for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
    told = [out for out, _ in done]
    assert "AssertionError: two failed" in told[2]
    assert all("RuntimeError: process 2: AssertionError: two failed" in out for out in told[:2])
    codes = [process.returncode for process in started]
    errors = [[x for x in err.splitlines() if "Gloo" not in x] for _, err in done]
    if ending == "well":
        assert codes == [0, 0, 0] and errors == [[], [], []]
        return
    assert (codes[0], codes[2]) == (peers.ENDED, peers.ENDED), done
    assert codes[1] == {"killed": -9, "refused": 2, "alone": peers.ENDED}[ending]
    reason = {
        "killed": "process 1 of this run has ended without a word; this one ends with it",
        "refused": "process 1 of this run has ended: The data is bad; this one ends with it",
        "alone": "process 1 of this run has ended: ValueError: one failed (and the others did not",
    }[ending]
    for number in (0, 2):
        assert len(errors[number]) == 1 and errors[number][0].startswith(f"error: {reason}"), done
