"""Sweeps as arrays of jobs, on submitit's local executor."""

import sys

import pytest

from jaxemb.__main__ import main
from jaxemb.config import UsageError
from jaxemb.study import clusters


def test_submitit_is_asked_for_where_it_is_absent(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "submitit", None)
    monkeypatch.setitem(sys.modules, "submitit.helpers", None)
    with pytest.raises(UsageError, match=r"pip install 'jaxemb\[slurm\]'"):
        clusters.submit([["true"]], name="a", folder=tmp_path)


def test_options_are_python_literals_or_text():
    assert clusters._option("timeout_min=60") == ("timeout_min", 60)
    assert clusters._option("slurm_partition=gpu-a") == ("slurm_partition", "gpu-a")
    with pytest.raises(UsageError, match="is no override"):
        clusters._option("gpu")


def test_a_command_that_fails_is_a_failed_job():
    assert clusters.Command((sys.executable, "-c", "pass"))() == 0
    with pytest.raises(RuntimeError, match="ended with code 3"):
        clusters.Command((sys.executable, "-c", "raise SystemExit(3)"))()


@pytest.fixture
def submitit():
    return pytest.importorskip("submitit")


def test_jobs_run_their_commands(submitit, tmp_path):
    write = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"
    commands = [[sys.executable, "-c", write, str(tmp_path / n), n] for n in ("one", "two")]
    commands.append([sys.executable, "-c", "raise SystemExit(3)"])
    jobs = clusters.submit(
        commands, name="toy", folder=tmp_path / "logs", options=("cluster=local", "timeout_min=1")
    )
    assert [job.result() for job in jobs[:2]] == [0, 0]
    assert [(tmp_path / n).read_text() for n in ("one", "two")] == ["one", "two"]
    with pytest.raises(submitit.core.utils.FailedJobError, match="ended with code 3"):
        jobs[2].result()


def test_an_interrupted_job_is_submitted_again(submitit):
    again = clusters.Command(("true",)).checkpoint()
    assert again.function == clusters.Command(("true",))


def test_options_that_submitit_does_not_know_are_refused(submitit, tmp_path):
    given = {"name": "a", "folder": tmp_path, "options": ("cluster=local", "colour=blue")}
    with pytest.raises(UsageError, match="submitit refuses: .*colour"):
        clusters.submit([["true"]], **given)
    with pytest.raises(UsageError, match="nothing to run"):
        clusters.submit([], **given)
    with pytest.raises(UsageError, match="cluster=local runs the jobs here"):
        clusters.submit([["true"]], name="a", folder=tmp_path, options=("cluster=nowhere",))


def test_a_sweep_submits_one_command_for_each_arm(monkeypatch, capsys, tmp_path):
    seen = {}

    class Job:
        job_id = "7_0"

    def submit(commands, **given):
        seen.update(commands=commands, **given)
        return [Job()] * len(commands)

    monkeypatch.setattr(clusters, "submit", submit)
    sweep = [
        "sweep",
        "pooling_and_attention",
        "pooling=mean,max",
        "--submit",
        str(tmp_path / "logs"),
    ]
    assert main([*sweep, "--submit-option", "slurm_partition=gpu", "--seeds", "2"]) == 0
    assert "2 jobs submitted, 7_0 to 7_0" in capsys.readouterr().out
    assert [c[5] for c in seen["commands"]] == ["pooling=mean", "pooling=max"]
    assert all(c[3:5] == ["sweep", "pooling_and_attention"] for c in seen["commands"])
    assert all(c[c.index("--jobs") + 1] == "1" and "--seeds" in c for c in seen["commands"])
    assert seen["options"] == ["slurm_partition=gpu"] and seen["folder"] == tmp_path / "logs"
    assert main([*sweep, "--arms"]) == 2
    assert "--submit submits the arms of the sweep alone" in capsys.readouterr().err
