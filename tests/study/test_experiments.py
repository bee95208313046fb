"""Every experiment: its arms are built at every scale, and all of them are run at `smoke`."""

import dataclasses
import functools
import json

import jax
import numpy as np
import pytest

from jaxemb import Experiment, Pretrained, Train, arm, recipes
from jaxemb.analysis import costs
from jaxemb.cli.parts import slots
from jaxemb.config import UsageError, paths, small
from jaxemb.data import PyDocs
from jaxemb.encoders import Transformer
from jaxemb.evaluation import STS, At, During, final, monitor
from jaxemb.losses import InfoNCE, Matryoshka
from jaxemb.model import Network
from jaxemb.pooling import Mean
from jaxemb.statistics.result import Result
from jaxemb.study import execution, registry
from jaxemb.study.claims import EVERY_TASK
from jaxemb.study.execution import Named, Options
from jaxemb.study.smoke import smoke

NAMES = sorted(registry.discover().entries)


@functools.cache
def named(name: str) -> Named:
    entry = registry.discover().get(name)
    return Named(
        name=name,
        file=str(entry.path),
        papers=entry.papers,
        experiment=entry.load(),
        title=entry.doc,
    )


@functools.cache
def prepared(name: str, scale: str):
    return execution.prepare(named(name), Options(scale=scale))[1]


@pytest.mark.parametrize("name", NAMES)
def test_every_arm_has_shapes_at_every_scale(name):
    for scale in ("smoke", "small", *named(name).experiment.scales):
        for _, recipe in prepared(name, scale):
            assert recipe.network is None or jax.tree.leaves(recipe.network.shapes())


def of_headline(name: str) -> tuple[str, ...]:
    """The first arm of an experiment's first claim; of those without claims, the first arm."""
    experiment = named(name).experiment
    claimed = [arm for claim in experiment.claims[:1] for arm in claim.arms]
    return tuple((claimed or [arm.name for arm in experiment.arms])[:1])


WHOLE = [pytest.param(name, (), marks=pytest.mark.slow, id=f"{name}-whole") for name in NAMES]
HEADLINES = [pytest.param(name, of_headline(name), id=name) for name in NAMES]


@pytest.mark.in_turn(10)
@pytest.mark.parametrize("name, arms", [*HEADLINES, *WHOLE])
def test_every_experiment_runs_at_smoke(name, arms, tmp_path):
    """One arm of the headline, of ten experiments; all arms of all by the marker."""
    options = Options(scale="smoke", runs=tmp_path, jobs=1, arms=arms)
    record = execution.run(named(name), options, lambda _: None)
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
def test_smoke_makes_every_arm_small(name):
    for _, recipe in prepared(name, "smoke"):
        given = not isinstance(recipe.embedder, Network)  # weights that are read have their size
        assert given or (costs.of_recipe(recipe)["parameters"] or 0) < 100_000
        trained = [stage for stage in recipe.stages if isinstance(stage, Train)]
        assert all(stage.budget.steps <= 2 and stage.data.batch_size == 8 for stage in trained)
        sources = [value for value in paths(recipe).values() if isinstance(value, PyDocs)]
        assert all(source == PyDocs().small() for source in sources)


def test_every_part_has_a_small_form():
    made = []
    for cls in {cls for parts in slots().values() for cls in parts.values()}:
        try:
            part = cls()
        except (TypeError, UsageError):  # it has fields without defaults
            continue
        assert type(small(part)) is cls and small(small(part)) == small(part)
        made.append(cls)
    assert len(made) > 100


def test_an_arm_is_made_small_as_its_recipe_is():
    arms = (
        arm("numbers", {"encoder.layers": 12, "train.budget.steps": 9}, max_tokens=300),
        arm("part", pooling="mean", encoder=Transformer(layers=3, width=64)),
        arm("weights", {"embedder": Pretrained("x"), "embedder.layers": 4}, stages=()),
    )
    toy = smoke(Experiment(base=recipes.pair_retriever(), arms=arms))
    numbers, part, weights = (dict(one.overrides) for one in toy.arms)
    assert numbers == {"encoder.layers": 2, "train.budget.steps": 2, "max_tokens": 16}
    assert part == {"pooling": Mean(), "encoder": Transformer(layers=2, width=32)}
    assert weights == {"embedder": Pretrained("x").small(), "embedder.layers": 1, "stages": ()}
    with pytest.raises(UsageError, match="Arm odd: There is no field 'laiers'"):
        smoke(Experiment(base=recipes.pair_retriever(), arms=(arm("odd", laiers=3),)))


def test_dims_of_a_smoke_run_fit_its_width():
    whole = Matryoshka(inner=InfoNCE(), dims=(16, 32, 64), weights=(1.0, 2.0, 3.0))
    assert whole.small() == Matryoshka(inner=InfoNCE(), dims=(8, 16), weights=(1.0, 2.0))
    assert Matryoshka(inner=InfoNCE(), dims=(64,)).small().dims == (16,)
    cuts = (At(inner=STS(), dim=64), At(inner=STS(), dim=32))
    (one,) = small(cuts)
    assert one.dim == 16 and small((2, 2)) == (2, 2), "equal parts are one, equal numbers two"


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


def test_lengths_beyond_the_width_are_refused_before_anything_runs():
    recipe = recipes.pair_retriever(steps=4)
    train = dataclasses.replace(recipe.stages[-1], loss=Matryoshka(inner=InfoNCE(), dims=(64, 256)))
    recipe = dataclasses.replace(recipe, stages=(*recipe.stages[:-1], train))
    with pytest.raises(UsageError, match="Arm wide: dims=.*only 128 numbers"):
        execution.check("wide", recipe)
