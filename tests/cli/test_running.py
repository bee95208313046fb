"""An experiment shown, planned, run and swept."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import jaxemb
from jaxemb.cli.experiment import arm_names
from jaxemb.cli.running import EndsLikeInterrupt
from jaxemb.study.arms import Arm
from tests.cli.answers import NAME

ROOT = Path(jaxemb.__file__).parents[1]


def test_show(line):
    code, out, err = line("show", NAME, "temperature=0.25")
    assert (code, err) == (0, "")
    assert "Claim    Bidirectional" in out
    assert "transformer(layers=2, width=128" in out
    assert "info_nce(temperature=0.05" in out
    assert "\nArms, each with temperature=0.25\n" in out
    assert "causal-last  " in out and "mask=causal pooling=last_token" in out
    assert "bidirectional-layers beats causal-last in retrieval/ndcg@10" in out


def test_show_lists_every_field(line):
    out = line("show", NAME, "--fields")[1]
    rows = dict(row.split(maxsplit=1) for row in out.splitlines() if row.startswith("  embedder."))
    assert rows["embedder.encoder.layers"].split(maxsplit=1) == ["2", "from 0 to 1000"]
    assert rows["embedder.pooling"].strip() == "mean"


def test_a_dry_run_shows_the_arms_and_runs_nothing(line, tmp_path):
    code, out, err = line(
        "run", NAME, "--dry-run", "--runs", str(tmp_path / "runs"), "--seeds", "3"
    )
    assert (code, err) == (0, "")
    assert f"5 arms x 3 seeds, into {tmp_path / 'runs' / NAME / 'small'}; nothing was run." in out
    assert not (tmp_path / "runs").exists()


def test_a_dry_sweep_crosses_its_axes(line):
    out = line("sweep", NAME, "mask=causal,bidirectional", "temperature=.1,.2", "--dry-run")[1]
    names = [row.split()[0] for row in out.splitlines() if row.startswith("mask=")]
    assert names == [
        f"mask={m},temperature={t}" for m in ("causal", "bidirectional") for t in (0.1, 0.2)
    ]
    assert "4 arms x 5 seeds" in out
    assert "9 arms x 5 seeds" in line(
        "sweep", NAME, "mask=causal,bidirectional", "temperature=.1,.2", "--arms", "--dry-run"
    )[1]  # fmt: skip


def test_the_name_of_a_task_may_hold_its_settings(line):
    """A message suggests such keys; they are typed as they are told."""
    told = line("run", "matryoshka_2d", "dim=8", "--dry-run")[2]
    key = "evaluation.retrieval@layers=1,dim=16.dim"
    assert f" {key}," in told
    assert line("run", "matryoshka_2d", f"{key}=2", "--dry-run")[0] == 0
    code, out, _ = line("sweep", "matryoshka_2d", f"{key}=2,3", "--dry-run")
    assert code == 0 and f"{key}=2\n" in out and f"{key}=3\n" in out


def test_sweep_writes_a_slurm_script(line, tmp_path):
    script = tmp_path / "job.sh"
    code, out, _ = line("sweep", NAME, "pooling=mean,latent_over_tokens(latents=2)", "layers=1",
                        "--slurm", str(script), "--seeds", "2")  # fmt: skip
    assert code == 0 and "2 tasks" in out
    text = script.read_text()
    assert "#SBATCH --array=0-1" in text
    assert "'pooling=latent_over_tokens(latents=2)' layers=1 --scale small" in text
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


def test_plan_prices_from_shapes(line):
    code, out, _ = line("plan", NAME, "--devices", "8", "--json")
    first = json.loads(out)[0]
    assert code == 0 and first["arm"] == "causal-last"
    whole, split = first["replicate"], first["fsdp"]
    assert whole["parameters"] == 4 * first["parameters"]
    assert whole["optimizer"] >= 2 * whole["parameters"]
    assert split["parameters"] < whole["parameters"] / 7
    assert split["activations"] == whole["activations"] > 0
    assert "On each of 8 devices" in line("plan", NAME, "--devices", "8")[1]


# --- running


def record(**more) -> dict:
    metrics = {"retrieval/ndcg@10": 0.4, "sts/spearman": 0.5}
    seeds = [{"seed": seed, "metrics": metrics} for seed in (0, 1)]
    arm = {"overrides": {}, "fingerprint": "0" * 8, "parameters": 10, "flops": 20, "seeds": seeds}
    return {
        "format": 1, "experiment": NAME, "papers": [101], "scale": "small", "date": "2030-01-01",
        "commit": "abc", "versions": {"jax": "0"}, "data": {}, "arms": {"causal-last": arm},
        "controls": {}, "claims": [], "verdict": None, "failed": [], **more,
    }  # fmt: skip


@pytest.fixture
def ran(monkeypatch, tmp_path):
    """`execution.run` replaced: notes what it was given and returns a record."""
    from jaxemb.study import execution

    calls = SimpleNamespace(named=None, chosen=None, record=record(), error=None)

    def run(named, chosen, emit):
        calls.named, calls.chosen = named, chosen
        emit({"event": "preparing", "arms": ["causal-last"], "seeds": (0, 1)})
        emit({"event": "failed", "arm": "causal-last", "seed": 1, "error": "loss is nan"})
        if calls.error:
            raise calls.error
        folder = execution.folder_of(chosen, named.name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "record.json").write_text(json.dumps(calls.record))
        return calls.record

    monkeypatch.setattr(execution, "run", run)
    monkeypatch.chdir(tmp_path)
    return calls


def test_run_prints_the_table_and_writes_the_report(line, ran, tmp_path):
    code, out, err = line("run", NAME, "temperature=0.2", "--seeds", "2", "--jobs", "3")
    assert code == 0
    assert "causal-last" in out and "0.400" in out
    variant = tmp_path / "runs" / NAME / "small" / "variants" / "temperature=0.2"
    assert (variant / "report.html").exists() and ran.chosen.variant == "temperature=0.2"
    assert ran.chosen.overrides == (("temperature", "0.2"),)
    assert (ran.chosen.seeds, ran.chosen.jobs, ran.chosen.again) == (2, 3, False)
    assert "1 arm x 2 seeds" in err and "FAILED, loss is nan" in err
    assert line("report", NAME)[0] == 0


def test_some_arms_are_run_into_a_folder_of_their_own(line, ran, tmp_path):
    assert line("run", NAME, "--arms", "causal-last,bidirectional-layers")[0] == 0
    assert ran.chosen.arms == ("causal-last", "bidirectional-layers")
    (variant,) = (tmp_path / "runs" / NAME / "small" / "variants").iterdir()
    assert variant.name == "arms=causal-last,bidirectional-layers"
    assert "--arms causal-last,bidirectional-layers" in ran.chosen.command


def test_names_of_arms_may_hold_commas():
    arms = [Arm(name) for name in ("bag", "bag,dim=16", "mask=causal,dim=8")]
    typed = "bag,dim=16,mask=causal,dim=8,bag"
    assert arm_names(typed, arms) == ("bag,dim=16", "mask=causal,dim=8", "bag")
    assert arm_names(None, arms) == () == arm_names("", arms)


def test_a_dry_run_of_some_arms(line):
    code, out, _ = line("run", NAME, "--arms", "causal-layers", "--dry-run")
    assert code == 0 and "1 arm x 5 seeds" in out and "causal-last" not in out


def test_a_failed_arm_shows_in_the_exit_code(line, ran):
    ran.record = record(failed=[{"arm": "causal-last", "seed": 1, "error": "loss is nan"}])
    code, _, err = line("run", NAME)
    assert code == 1
    assert "failed  causal-last seed 1: loss is nan" in err


def test_sweep_leaves_the_own_arms_out_with_their_claims(line, ran):
    assert line("sweep", NAME, "layers=1,2")[0] == 0
    experiment = ran.named.experiment
    assert [arm.name for arm in experiment.arms] == ["layers=1", "layers=2"]
    assert experiment.claims == () and ran.chosen.overrides == ()


def test_sweep_with_the_own_arms_keeps_the_claims(line, ran):
    assert line("sweep", NAME, "layers=1", "--arms")[0] == 0
    experiment = ran.named.experiment
    assert [arm.name for arm in experiment.arms][-2:] == ["bidirectional-layers", "layers=1"]
    assert len(experiment.claims) == 2
    assert line("sweep", NAME, "layers=1", "--arms", "causal-tokens,causal-last")[0] == 0
    experiment = ran.named.experiment
    assert [arm.name for arm in experiment.arms] == ["causal-last", "causal-tokens", "layers=1"]
    assert (
        experiment.claims == () and ran.chosen.variant == "layers=1,arms=causal-tokens,causal-last"
    )


def test_an_interrupted_run_says_how_to_go_on(line, ran):
    ran.error = KeyboardInterrupt()
    code, _, err = line("run", NAME)
    assert code == 130
    assert "interrupted; finished seeds are kept, and the same command goes on" in err


def test_a_request_to_end_is_taken_like_an_interrupt():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), EndsLikeInterrupt():
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_reader_that_has_gone_is_no_error():
    command = f"{sys.executable} -m jaxemb papers | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] in ("0", "141")


TOY = """\"\"\"Does the command line hold together?\"\"\"
import dataclasses

from jaxemb import Experiment, experiment, grid, recipes
from jaxemb.evaluation import STS


@experiment()
def toy():
    base = dataclasses.replace(recipes.pair_retriever(), evaluation=(STS(),))
    return Experiment(base=base, arms=grid(pooling=("mean", "max")), controls=())
"""


def test_from_run_to_vectors(line, tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text(TOY)
    monkeypatch.chdir(tmp_path)
    run = ("run", "toy", "--experiments", "toy.py", "--scale", "smoke", "--jobs", "1")
    code, out, err = line(*run)
    assert code == 0, err
    assert "pooling=mean seed 0: scoring" in err and "pooling=max" in out
    first, second = sorted((tmp_path / "runs/toy/smoke").glob("pooling=*"))
    assert "pooling=max seed 0: finished before" in line(*run)[2]

    code, out, _ = line("compare", str(first), str(second))
    assert code == 0 and "embedder.pooling  max  mean\n" in out
    assert "sts/spearman" in out and "each arm has one seed" in out

    printed = line("eval", str(first / "seed-0"), "--json")[1]
    scores = json.loads(printed)["scores"]
    (tmp_path / "printed.json").write_text(printed)
    code, out, _ = line("compare", str(first), "printed.json", "--json")
    assert code == 0 and json.loads(out)["metrics"][0]["effect"] == pytest.approx(0, abs=1e-6)
    told = json.loads((first / "seed-0" / "scores.json").read_text())
    assert scores == pytest.approx(told, abs=1e-6)

    (tmp_path / "texts.txt").write_text("join strings\n\nsort a list\n")
    assert (
        line("encode", str(first / "seed-0"), "texts.txt", "--dim", "4", "--out", "v.npy")[0] == 0
    )
    vectors = np.load("v.npy")
    assert vectors.shape == (3, 4)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)
    code, out, _ = line("report", "toy", "--scale", "smoke", "--out", "page")
    assert code == 0 and (tmp_path / "page" / "report.html").exists()
    again = "jaxemb run toy --experiments toy.py --scale smoke"
    assert again in (tmp_path / "page" / "report.md").read_text()
    assert (tmp_path / "runs/toy/smoke/experiment.py").read_text() == TOY
