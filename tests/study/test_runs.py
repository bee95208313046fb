import dataclasses
import fcntl
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxemb
from jaxemb import arm
from jaxemb.config import UsageError, from_json, override, to_json
from jaxemb.fitting import Apply, Slice
from jaxemb.model import Transform
from jaxemb.statistics.result import Result
from jaxemb.study import Better, control_scores, execution, registry, runs
from jaxemb.study.execution import Options
from jaxemb.study.identity import data_fingerprints
from jaxemb.study.recipe import Tuning
from jaxemb.study.run_files import read_curve, read_results, read_scores
from jaxemb.study.runs import run_arm
from tests.toy_runs import experiment, folders, jobs, named, run


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    events = []
    return folder, run(folder, events), events


def test_a_run_is_a_folder_that_describes_itself(finished):
    folder, record, _ = finished
    runs = folders(folder)
    assert [path.parent.name[:-9] + "/" + path.name for path in runs] == [
        "max/seed-0", "max/seed-1", "mean/seed-0", "mean/seed-1",
    ]  # fmt: skip
    described = json.loads((runs[0] / "run.json").read_text())
    assert described["status"] == "done" and described["arm"] == "max" and described["seed"] == 0
    assert from_json(described["recipe"]).embedder.pooling == jaxemb.pooling.Max()
    assert runs[0].parent.name.endswith(described["fingerprint"][:8])
    curve = read_curve(runs[0])
    assert [line["step"] for line in curve] == [1, 2]
    assert described["flops"] == sum(line["flops"] for line in curve) > 0
    assert not (runs[0] / "checkpoints").exists()
    assert 0 < described["seconds_to_first_step"] < described["seconds"]
    assert described["programs"] > 0 and described["peak_memory_bytes"] > 1e7


def test_a_run_loads_and_scores_as_recorded(finished):
    from jaxemb.study.run_scores import scores_of

    folder, record, _ = finished
    run_folder = folders(folder)[0]
    model = jaxemb.load(run_folder)
    recipe = from_json(json.loads((run_folder / "run.json").read_text())["recipe"])
    again = scores_of(model, recipe.evaluation)
    stored = read_results(run_folder)
    for task, result in again.items():
        assert result.metrics == pytest.approx(stored[task].metrics)
        np.testing.assert_array_equal(result.examples["cluster"], stored[task].examples["cluster"])


def test_the_record_holds_what_the_design_says(finished):
    folder, record, _ = finished
    stored = json.loads((folder / "toy/small/record.json").read_text())
    assert stored["arms"].keys() == {"mean", "max"} and stored["experiment"] == "toy"
    one = stored["arms"]["mean"]
    assert {"overrides", "fingerprint", "parameters", "flops", "seeds"} <= one.keys()
    assert 0 < one["flops_spent"] <= one["flops"]
    assert [seed["seed"] for seed in one["seeds"]] == [0, 1]
    scores = read_scores(folders(folder)[2])
    assert one["seeds"][0]["metrics"] == pytest.approx(scores, rel=1e-5)
    claim = stored["claims"][0]
    assert {
        "text",
        "effect",
        "interval",
        "p",
        "p_corrected",
        "detectable",
        "verdict",
    } <= claim.keys()
    assert "random_vectors" in stored["controls"] and stored["failed"] == []


def test_finished_runs_are_skipped(finished):
    folder, record, _ = finished
    before = {path: (path / "run.json").stat().st_mtime_ns for path in folders(folder)}
    events = []
    again = run(folder, events)
    assert {path: (path / "run.json").stat().st_mtime_ns for path in folders(folder)} == before
    assert sum(event["event"] == "skipped" for event in events) == 4
    assert again["arms"] == record["arms"]


def test_an_arm_is_run_by_one_process_at_a_time(finished):
    folder, record, _ = finished
    with (folders(folder)[0].parent / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match=r"max-\w{8} is being run by another process"):
            run(folder)
    assert run(folder)["arms"] == record["arms"]


def test_a_sweep_of_more_arms_than_files_may_be_open_holds_them_all(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (600, hard))
    arms = [tmp_path / str(n) for n in range(700)]
    try:
        with (
            execution._alone(arms),
            pytest.raises(UsageError, match="by another process"),
            execution._alone(arms[-1:]),
        ):
            pass
        with execution._alone(arms[-1:]):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_same_recipe_gives_the_same_numbers_in_worker_processes(finished, tmp_path):
    _, record, _ = finished
    events = []
    again = run(tmp_path, events, jobs=2)
    assert not [event for event in events if event["event"] in ("failed", "refused")]
    for name, entry in record["arms"].items():
        for one, other in zip(entry["seeds"], again["arms"][name]["seeds"], strict=True):
            assert one["metrics"] == pytest.approx(other["metrics"], abs=2e-2)


def test_a_folder_of_another_recipe_is_refused(finished, tmp_path):
    folder, _, _ = finished
    named_, options = named(), Options(runs=tmp_path, jobs=1)
    toy, arms = execution.prepare(named_, options)
    job = execution.jobs_of(named_, options, toy, arms)[0]
    target = Path(job.folder) / "seed-0"
    target.mkdir(parents=True)
    other = json.loads((folders(folder)[0] / "run.json").read_text())
    (target / "run.json").write_text(json.dumps(other | {"fingerprint": "0" * 64}))
    with pytest.raises(UsageError, match="another recipe"):
        run_arm(job, lambda event: None)


def test_a_run_of_a_default_that_has_changed_since_is_another_recipe(finished, tmp_path):
    folder, _, _ = finished
    named_, options = named(), Options(runs=tmp_path, jobs=1)
    job = execution.jobs_of(named_, options, *execution.prepare(named_, options))[0]
    job = dataclasses.replace(job, seeds=(0,))
    done = folder / "toy" / "small" / Path(job.folder).name / "seed-0"
    target = Path(job.folder) / "seed-0"
    shutil.copytree(done, target)
    stored = json.loads((done / "run.json").read_text())
    events = []
    run_arm(job, events.append)
    assert [event["event"] for event in events] == ["skipped"]
    then = to_json(override(from_json(stored["recipe"]), "text.max_tokens", 17))
    (target / "run.json").write_text(json.dumps(stored | {"recipe": then}))
    with pytest.raises(UsageError, match="another recipe"):
        run_arm(job, events.append)


def test_a_diverging_arm_is_set_apart_and_the_others_go_on(tmp_path):
    arms = (arm("good"), arm("bad", learning_rate=1e38))
    events = []
    record = run(tmp_path, events, arms=arms, claims=(), options={"overrides": (("steps", 3),)})
    assert {failure["arm"] for failure in record["failed"]} == {"bad"}
    assert "Diverged" in record["failed"][0]["error"]
    assert record["arms"]["bad"]["seeds"] == [] and len(record["arms"]["good"]["seeds"]) == 2
    assert [event["seed"] for event in events if event["event"] == "failed"] == [0, 1]


def test_the_learning_rate_is_picked_on_dev_with_another_seed(tmp_path):
    tuning = Tuning(learning_rates=(1e-3, 1e38), metrics=("sts/spearman",))
    options = {"overrides": (("steps", 8),)}
    record = run(tmp_path, arms=(arm("one"),), claims=(), tuning=tuning, options=options)
    assert record["arms"]["one"]["learning_rate"] == 1e-3
    described = json.loads((folders(tmp_path)[0] / "run.json").read_text())
    assert from_json(described["recipe"]).stages[-1].optimizer.learning_rate == 1e-3
    trials = json.loads((folders(tmp_path)[0].parent / "tuning.json").read_text())["trials"]
    assert [trial["learning_rate"] for trial in trials] == [1e-3, 1e38]


def test_one_seed_is_not_judged(tmp_path):
    record = run(
        tmp_path, seeds=(0,), arms=(arm("mean", pooling="mean"), arm("max", pooling="max"))
    )
    assert record["claims"] == [] and record["verdict"] is None
    score = record["arms"]["mean"]["summary"]["sts/spearman"]
    assert score["low"] is None is score["high"], "how much seeds differ is not known"
    assert record["ranking"] is None, "no letters without intervals"


def test_a_record_never_loses_seeds_that_are_on_disk(finished):
    folder, record, _ = finished
    fewer = run(folder, seeds=(0,))
    assert fewer["arms"] == record["arms"] and fewer["claims"] == record["claims"]
    assert fewer["verdict"] == record["verdict"] == record["claims"][0]["verdict"]


def test_a_record_of_some_arms_has_no_verdict(finished):
    folder, record, _ = finished
    claims = (Better("sts/spearman", "mean", than="max"), Better("sts/spearman", "max", than="x"))
    arms = (*experiment().arms, arm("x", pooling="min"))
    options = {"arms": ("mean", "max"), "variant": "arms=mean,max"}
    some = run(folder, arms=arms, claims=claims, options=options)
    assert some["arms"] == record["arms"] and some["verdict"] is None
    assert [claim["text"] for claim in some["claims"]] == [claims[0].text]
    assert json.loads((folder / "toy/small/record.json").read_text())["verdict"] is not None


def test_scales_are_overrides_of_the_base():
    scales = {"medium": {"train.budget.steps": 7}, "paper": {"encoder.deepth": 3}}
    toy = experiment(scales=scales)
    assert execution.at_scale(toy, "medium").base.stages[-1].budget.steps == 7
    with pytest.raises(UsageError, match="Scale paper: .*no field 'deepth'"):
        execution.at_scale(toy, "paper")
    with pytest.raises(UsageError, match="no scale 'large'.*smoke, small, medium, paper"):
        execution.at_scale(toy, "large")
    with pytest.raises(UsageError, match="scale 'small' is defined for every"):
        experiment(scales={"small": {}})


def test_overrides_of_a_key_that_an_arm_sets_are_refused():
    options = Options(overrides=(("pooling", "mean"),))
    with pytest.raises(UsageError, match="sweep"):
        execution.prepare(named(), options)


def test_a_loss_whose_columns_the_data_lacks_is_found_before_training():
    data = "texts"
    with pytest.raises(UsageError, match="positive"):
        execution.prepare(named(), Options(overrides=(("train.data", data),)))


def test_a_folder_that_cannot_be_written_is_told():
    with pytest.raises(UsageError, match="cannot be written"):
        run(Path("/proc/nowhere"))


@pytest.mark.slow  # three processes; the siege kills many more
def test_a_killed_experiment_goes_on_where_it_stopped(tmp_path):
    """Kill -9 in the middle; the resumed runs equal runs that were never interrupted."""
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]); import toy_runs as t\n"
        "t.run(Path(sys.argv[1]), jobs=1, claims=(), options={'overrides': (('steps', 40), "
        "('runtime.checkpoint_every', 5))})"
    )

    def start(folder):
        command = [sys.executable, "-c", script, str(folder), str(Path(__file__).parents[1])]
        return subprocess.Popen(command, env={**os.environ, "JAX_NUM_CPU_DEVICES": "1"})

    killed = start(tmp_path / "killed")
    checkpoints = "toy/small/*/seed-0/checkpoints/*"
    deadline = time.time() + 120
    while time.time() < deadline and killed.poll() is None:
        if any(path.name.isdigit() for path in (tmp_path / "killed").glob(checkpoints)):
            break
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (folders(tmp_path / "killed")[-1] / "scores.json").exists()
    assert start(tmp_path / "killed").wait(300) == 0
    assert start(tmp_path / "whole").wait(300) == 0
    pairs = zip(folders(tmp_path / "killed"), folders(tmp_path / "whole"), strict=True)
    for one, other in pairs:
        assert read_scores(one) == read_scores(other)
        steps = [[line["step"] for line in read_curve(path)] for path in (one, other)]
        assert steps[0] == steps[1] == list(range(1, 41))
        losses = [[line["loss"] for line in read_curve(path)] for path in (one, other)]
        assert losses[0] == losses[1]


def test_64_bits_are_another_run():
    plain = [Path(job.folder).name for job in jobs(Options())]
    with jax.enable_x64(True):
        double = [Path(job.folder).name for job in jobs(Options())]
    assert not set(plain) & set(double)


def test_another_dtype_is_another_run_and_other_devices_are_not():
    plain, half, saved = (
        [Path(job.folder).name for job in jobs(Options(overrides=overrides))]
        for overrides in (
            (),
            (("runtime.dtype", "bfloat16"),),
            (("runtime.checkpoint_every", "7"), ("runtime.devices", "pmap")),
        )
    )
    assert plain == saved and not set(plain) & set(half)


def test_a_learning_rate_that_is_given_is_not_picked():
    tuned = jobs(Options(), tuning=Tuning())
    assert all(job.tuning is not None for job in tuned)
    given = jobs(Options(overrides=(("optimizer.learning_rate", "0.02"),)), tuning=Tuning())
    assert all(job.tuning is None for job in given)
    rates = {from_json(job.recipe).stages[-1].optimizer.learning_rate for job in given}
    assert rates == {0.02}


def test_a_rate_is_picked_for_training_that_other_stages_follow(tmp_path):
    base = experiment().base
    base = dataclasses.replace(base, stages=(*base.stages, Apply(transform=Slice(dim=8))))
    tuning = Tuning(learning_rates=(1e-3, 2e-3), metrics=("sts/spearman",))
    record = run(tmp_path, base=base, arms=(arm("one"),), claims=(), seeds=(0,), tuning=tuning)
    assert record["failed"] == [] and record["arms"]["one"]["learning_rate"] in (1e-3, 2e-3)
    assert jaxemb.load(folders(tmp_path)[0]).dim == 8


def test_a_rate_is_picked_by_a_task_that_is_wrapped(tmp_path):
    from jaxemb.evaluation import STS, At

    base = dataclasses.replace(experiment().base, evaluation=(At(inner=STS(), dim=8),))
    tuning = Tuning(learning_rates=(1e-3, 2e-3), metrics=("sts@dim=8/spearman",))
    (job,) = jobs(Options(), base=base, arms=(arm("one"),), claims=(), tuning=tuning)
    events = []
    run_arm(dataclasses.replace(job, folder=str(tmp_path), seeds=(0,)), events.append)
    tuned = [event["score"] for event in events if event["event"] == "tuned"]
    assert len(tuned) == 2 and np.isfinite(tuned).all()


def test_a_rate_that_nothing_tells_is_refused_before_training(tmp_path):
    tuning = Tuning(metrics=("clustering/v_measure",))
    with pytest.raises(UsageError, match="picked by clustering/v_measure, and what is scored is"):
        jobs(Options(), tuning=tuning)
    tuning = Tuning(metrics=("sts/no_such_metric",))
    events = []
    with pytest.raises(UsageError, match="sts/no_such_metric.*sts/spearman"):
        run(tmp_path, events, arms=(arm("one"),), claims=(), tuning=tuning)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failing(Transform):
    """A part of somebody's own that raises what nobody foresees."""

    def __call__(self, vectors):
        raise AttributeError("somebody's own mistake")


def test_a_part_may_fail_in_any_way_and_the_other_seeds_go_on(tmp_path):
    base = experiment().base
    base = dataclasses.replace(base, stages=(*base.stages, Apply(transform=Failing())))
    record = run(tmp_path, base=base, arms=(arm("one"),), claims=(), controls=())
    assert [failure["seed"] for failure in record["failed"]] == [0, 1]
    assert {failure["error"] for failure in record["failed"]} == {
        "AttributeError: somebody's own mistake"
    }


def test_a_part_of_the_experiments_own_file_is_told(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(
        "import dataclasses\nfrom jaxemb.model import Transform\n\n\n"
        "@dataclasses.dataclass(frozen=True)\nclass Mine(Transform):\n    size: int = 1\n"
    )
    base = experiment().base
    mine = Apply(transform=registry.load_file(file).Mine())
    own = dataclasses.replace(base, stages=(*base.stages, mine))
    for one, told in ((base, ""), (own, "warning: Mine is defined in")):
        execution._tell_of_own_parts(jobs(Options(runs=tmp_path), base=one))
        said = capsys.readouterr().err
        assert said.startswith(told) and bool(said) == bool(told)


def test_a_network_that_cannot_be_built_is_one_sentence(monkeypatch):
    from jaxemb.model import Embedder

    def shapes(self):
        raise IndexError()

    monkeypatch.setattr(Embedder, "shapes", shapes)
    with pytest.raises(UsageError, match="Arm mean cannot be built: IndexError"):
        execution.prepare(named(), Options())


def test_data_of_two_stages_of_one_name_are_both_told():
    base = experiment().base
    vocabulary, table, train = base.stages
    dev = dataclasses.replace(table.data, split="dev")
    table = dataclasses.replace(table, name="vocabulary", data=dev)
    found = data_fingerprints(dataclasses.replace(base, stages=(vocabulary, table, train)))
    assert found["vocabulary"] == vocabulary.data.fingerprint()
    assert found["vocabulary-2"] == dev.fingerprint()
    assert list(found)[2:4] == ["train", "retrieval"]


def test_many_may_write_one_file_at_once(tmp_path):
    path = tmp_path / "scores.json"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: runs.write_json(path, {"n": [n] * 2000}), range(200)))
    assert len(set(json.loads(path.read_text())["n"])) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["scores.json"]


def test_a_control_stands_whole_or_not_at_all(tmp_path):
    place = tmp_path / "controls" / "one-1234"
    result = Result(metrics={"x": 1.0}, examples={}, data="d")
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(lambda n: control_scores._keep(place, {"task": result}, n % 2 == 0), range(40))
        )
    assert read_results(place)["task"].metrics == {"x": 1.0}
    assert [file.name for file in place.parent.iterdir()] == ["one-1234"]


def test_vectors_of_a_model_that_runs_share_are_found_on_disk(tmp_path, monkeypatch):
    """Seeds of a bag are one model; what an arm trains for itself is nobody else's."""
    from jaxemb import recipes
    from jaxemb.vectors import stored_files

    kept = tmp_path / "vectors"
    monkeypatch.setattr("jaxemb.vectors.store.store_folder", lambda: kept)
    bag = recipes.static_bag()
    arms = (arm("trained"), arm("bag", embedder=bag.embedder, stages=bag.stages))
    found = run(tmp_path / "runs", arms=arms, claims=(), seeds=(0, 1), controls=())["arms"]
    files = list(stored_files(kept))
    assert {file.about["name"] for file in files} == {"bag"}
    assert len({file.path.parent for file in files}) == 1 and all(file.vectors for file in files)
    first, again = (seed["metrics"] for seed in found["bag"]["seeds"])
    assert first == again
    plain = next(tmp_path.glob("runs/toy/small/bag-*/seed-0"))
    recipe = from_json(json.loads((plain / "run.json").read_text())["recipe"])
    scores = runs.flatten(runs.scores_of(jaxemb.load(plain), recipe.evaluation))
    assert read_scores(plain) == pytest.approx(scores, abs=1e-6)
