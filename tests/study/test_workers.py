import dataclasses
import json
import signal
import subprocess
import sys
import threading

import pytest

from jaxemb import arm
from jaxemb.study import workers
from jaxemb.study.execution import Options
from jaxemb.study.jobs import Job, shares
from jaxemb.study.recipe import Tuning
from jaxemb.study.runs import run_arm
from tests.toy_runs import jobs, run

TUNING = Tuning(learning_rates=(1e-3, 2e-3), metrics=("sts/spearman",))


def several(**changes) -> list[Job]:
    return jobs(Options(), tuning=TUNING, **changes)


def test_shares_are_the_trials_and_then_the_seeds():
    one, _ = several()
    found = [(share.trial, share.seeds) for share in shares(one)]
    assert found == [(1e-3, (0, 1)), (2e-3, (0, 1)), (None, (0,)), (None, (1,))]
    untuned = jobs(Options())[0]
    assert [(share.trial, share.seeds) for share in shares(untuned)] == [(None, (0,)), (None, (1,))]


def test_seeds_come_when_their_arm_has_been_tried_and_others_come_before():
    first, second = several()
    schedule = workers.Schedule([first, second])
    one = schedule.take()
    two = schedule.take(near=one)
    assert (one.arm, one.trial, two.arm, two.trial) == ("mean", 1e-3, "mean", 2e-3)
    other = schedule.take(near=two)
    assert (other.arm, other.trial) == ("max", 1e-3)
    schedule.done(one)
    assert schedule.take(near=one).trial == 2e-3  # of the second arm: a trial is not back yet
    schedule.done(two)
    assert [schedule.take(near=two).seeds for _ in range(2)] == [(0,), (1,)]


def test_each_thread_keeps_to_an_arm_and_helps_at_the_end():
    first, second = several()
    schedule = workers.Schedule([first, second])
    mine, other = [schedule.take()], schedule.take()
    assert (mine[0].arm, other.arm) == ("mean", "max")
    for _ in range(4):  # while the other thread is at its first share
        schedule.done(mine[-1])
        mine.append(schedule.take(near=mine[-1]))
    assert [(share.arm, share.trial, share.seeds) for share in mine] == [
        ("mean", 1e-3, (0, 1)), ("mean", 2e-3, (0, 1)), ("mean", None, (0,)), ("mean", None, (1,)),
        ("max", 2e-3, (0, 1)),
    ]  # fmt: skip
    schedule.done(mine[-1])
    schedule.done(other)
    assert schedule.take(near=mine[-1]).seeds == (0,)


def test_a_thread_waits_for_the_trials_of_the_last_arm():
    schedule = workers.Schedule(several()[:1])
    trials = [schedule.take(), schedule.take()]
    taken = []
    thread = threading.Thread(target=lambda: taken.append(schedule.take()))
    thread.start()
    schedule.done(trials[0])
    thread.join(0.2)
    assert thread.is_alive() and taken == []
    schedule.done(trials[1])
    thread.join(10)
    assert taken[0].seeds == (0,)
    schedule.drop()
    assert schedule.take() is None


def test_a_refused_arm_is_left_out_and_the_others_stay():
    first, second = several()
    schedule = workers.Schedule([first, second])
    schedule.drop(first.folder)
    assert {schedule.take().arm for _ in range(2)} == {"max"}


def test_two_processes_share_a_lone_arm_and_give_what_one_gives(tmp_path):
    records = {}
    for count in (1, 2):
        events = []
        options = {"overrides": (("steps", 4),)}
        one = dict(arms=(arm("one"),), claims=(), tuning=TUNING, options=options)
        records[count] = run(tmp_path / str(count), events, jobs=count, **one)
        assert not [event for event in events if event["event"] in ("failed", "refused")]
        tried = [event["trial"] for event in events if event["event"] == "tuned"]
        assert sorted(tried) == [1e-3, 2e-3]
    alone, shared = (records[count]["arms"]["one"] for count in (1, 2))
    assert alone["learning_rate"] == shared["learning_rate"]
    for one, other in zip(alone["seeds"], shared["seeds"], strict=True):
        assert one["metrics"] == pytest.approx(other["metrics"], abs=2e-2)


def test_trials_are_kept_and_are_made_anew_when_asked(tmp_path):
    def tried(**more):
        events = []
        options = {"overrides": (("steps", 4),), **more}
        run(tmp_path, events, arms=(arm("one"),), seeds=(0,), claims=(), controls=(),
            tuning=TUNING, options=options)  # fmt: skip
        return [event["trial"] for event in events if event["event"] == "tuned"]

    assert tried() == [1e-3, 2e-3]
    folder = next(tmp_path.glob("toy/small/one-*"))
    (folder / "tuning.json").unlink()
    (folder / "trials" / "0.002.json").unlink()
    (folder / "seed-0" / "run.json").unlink()
    assert tried() == [2e-3]
    assert tried() == []
    # A damaged choice is made again from the trials, and stands in the record.
    chosen = json.loads((folder / "tuning.json").read_text())["learning_rate"]
    (folder / "tuning.json").write_text("{}")
    assert tried() == []
    record = json.loads((folder.parent / "record.json").read_text())
    assert record["arms"]["one"]["learning_rate"] == chosen
    assert tried(again=True) == [1e-3, 2e-3]


def test_a_trial_that_fails_is_told_by_the_seeds(tmp_path, monkeypatch):
    from jaxemb.study import tuning

    def broken(*args):
        raise AttributeError("somebody's own mistake")

    monkeypatch.setattr(tuning, "_dev_score", broken)
    one = jobs(Options(runs=tmp_path), tuning=TUNING)[0]
    events = []
    for share in shares(one):
        run_arm(share, events.append)
    assert [(event["event"], event["seed"]) for event in events] == [("failed", 0), ("failed", 1)]


def test_a_process_that_dies_takes_its_seed_with_it_and_no_other(tmp_path):
    events = []

    def kill_in_seed_0(event):
        events.append(event)
        if event["event"] == "step" and event["seed"] == 0:
            for process in list(pool._processes):
                process.send_signal(signal.SIGKILL)

    one = jobs(Options(runs=tmp_path, overrides=(("steps", 3),)))[0]
    pool = workers._Pool([one], kill_in_seed_0)
    pool.serve(())
    ends = [(event["event"], event["seed"]) for event in events if event["event"] != "step"]
    assert ("failed", 0) in ends and ("done", 1) in ends and ("done", 0) not in ends
    told = next(event["error"] for event in events if event["event"] == "failed")
    assert "ended with code -9" in told and "log.txt" in told


def test_what_waits_is_not_left_waiting_when_a_process_cannot_be_started(monkeypatch):
    def refuse(*args):
        raise OSError("no more processes")

    pool = workers._Pool(several()[:1], lambda event: None)
    monkeypatch.setattr(pool, "_start", refuse)
    for _ in range(2):
        with pytest.raises(OSError, match="no more processes"):
            pool.serve(())
    assert pool.schedule.take().seeds == (0,)


def test_a_folder_that_cannot_be_written_is_told_by_the_worker(tmp_path):
    (tmp_path / "file").write_text("no folder")
    folder = tmp_path / "file" / "arm"
    events = []
    worker = workers._Worker(events.append)
    worker.take(dataclasses.replace(jobs(Options())[0], folder=str(folder)))
    assert events == [
        {
            "event": "refused",
            "arm": "mean",
            "error": f"{folder} cannot be written: Not a directory.",
        }
    ]


def test_only_events_reach_the_pipe_of_a_worker(tmp_path):
    """Whatever else is printed goes to the arm's log, from C too."""
    script = (
        "import os, sys; from jaxemb.study import workers\n"
        "def run_arm(job, emit):\n"
        "    print('a library', flush=True); os.write(1, b'another')\n"
        "    emit({'event': 'done', 'name': 'π'})\n"
        "workers.run_arm = run_arm\n"
        "sys.exit(workers.main([]))"
    )
    job = dataclasses.replace(jobs(Options())[0], folder=str(tmp_path / "arm"))
    line = json.dumps(dataclasses.asdict(job)) + "\n"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, input=line, capture_output=True, encoding="utf-8", check=True)
    assert [json.loads(row) for row in done.stdout.splitlines()] == [
        {"arm": "mean", "event": "done", "name": "π"}, {"event": "ready"},
    ]  # fmt: skip
    log = (tmp_path / "arm" / "log.txt").read_text()
    assert "a library" in log and "another" in log
