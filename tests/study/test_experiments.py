"""Every experiment: its arms are built at every scale, and all of them are run at `smoke`."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from jaxemb.config import to_json
from jaxemb.evaluation import STS, At, During, final, monitor
from jaxemb.statistics.result import Result
from jaxemb.study import execution, registry
from jaxemb.study.claims import EVERY_TASK
from jaxemb.study.execution import Named, Options
from jaxemb.study.smoke import CAPS, shrunk

NAMES = sorted(registry.discover().entries)


def named(name: str) -> Named:
    entry = registry.discover().get(name)
    return Named(
        name=name,
        file=str(entry.path),
        papers=entry.papers,
        experiment=entry.load(),
        title=entry.doc,
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_arm_has_shapes_at_every_scale(name):
    for scale in ("smoke", "small", *named(name).experiment.scales):
        _, arms = execution.prepare(named(name), Options(scale=scale))
        for _, recipe in arms:
            assert recipe.network is None or jax.tree.leaves(recipe.network.shapes())


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_runs_at_smoke(name, tmp_path):
    record = execution.run(
        named(name), Options(scale="smoke", runs=tmp_path, jobs=1), lambda _: None
    )
    assert record["failed"] == [] and record["verdict"] is None
    assert all(len(arm["seeds"]) == 1 for arm in record["arms"].values())
    controls = {"bm25", "random_vectors", "untrained", "static_bag"}
    modelled = named(name).experiment.base.network is not None  # else there is nothing to control
    assert not modelled or controls <= record["controls"].keys()
    assert json.loads((tmp_path / name / "smoke/record.json").read_text()) == record


@pytest.mark.parametrize("name", NAMES)
def test_a_claim_speaks_of_metrics_that_are_measured(name):
    experiment = named(name).experiment
    measured = {f"{t.name}/{m}" for t in final(experiment.base.evaluation) for m in t.metrics}
    assert {claim.metric for claim in experiment.claims} <= measured | {EVERY_TASK}


@pytest.mark.parametrize("name", NAMES)
def test_smoke_caps_every_size(name):
    def check(node):
        if isinstance(node, list):
            [check(item) for item in node]
        elif isinstance(node, dict):
            for key, value in node.items():
                assert key not in CAPS or not isinstance(value, int) or value <= CAPS[key]
                check(value)

    check(to_json(shrunk(named(name).experiment.base)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Told(STS):
    """A task whose score is what the model says it is."""

    def run(self, embed):
        return Result(metrics={"spearman": float(embed(["a"], "query")[0, 0])})


def test_a_watched_task_runs_when_it_is_due():
    watched = [During(inner=Told(), every=2), At(inner=STS(), dim=2)]
    assert final(watched) == (watched[1],)
    calls = []

    def model():
        calls.append("copied")
        return 0.5

    watch = monitor(watched, lambda value: lambda texts, role: np.full((1, 1), value, np.float32))
    assert watch(3, model) is None and calls == []
    assert watch(4, model) == {"sts@dev/spearman": 0.5} and calls == ["copied"]
    assert monitor([], lambda value: None)(4, model) is None and calls == ["copied"]
