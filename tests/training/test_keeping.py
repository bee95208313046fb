"""What a training ends with: the right step's parameters or their mean, and the same when resumed."""

import jax
import numpy as np
import pytest

from jaxemb.config import UsageError, fingerprint, from_json, to_json
from jaxemb.runtime import Jit, Pmap, Runtime
from jaxemb.training import (
    DecayingMean,
    Highest,
    LastStep,
    Lowest,
    MeanOfSteps,
    RisingPatience,
    Shared,
    Steps,
)
from tests.training.stages import Memory, run, same, stage

SCORES = {2: 0.3, 4: 0.7, 6: 0.7, 8: 0.1}


def scores(step, model):
    return {"sts/spearman": SCORES[step]} if step in SCORES else None


def after(steps):
    """The parameters after so many of the same eight steps."""
    kept = Memory()
    run(stage(budget=Steps(8)), checkpoints=kept)
    return [jax.tree.leaves(kept.saved[step][0].params.network) for step in steps]


def leaves(model):
    return jax.tree.leaves(model.params)


@pytest.mark.parametrize(("keeps", "step"), [(Highest, 4), (Lowest, 8)])
def test_the_best_step_is_kept_and_of_equal_ones_the_first(keeps, step):
    whole = stage(budget=Steps(8), keeps=keeps(metric="sts/spearman"))
    model, _ = run(whole, evaluate=scores)
    (wanted,) = after([step])
    assert all(map(np.array_equal, leaves(model), wanted))


def test_early_stopping_gives_back_the_best_step():
    budget = RisingPatience(inner=Steps(8), metric="sts/spearman", patience=2)
    whole = stage(budget=budget, keeps=Highest(metric="sts/spearman"))
    model, reports = run(whole, evaluate=scores)
    assert max(r["step"] for r in reports) == 6
    (wanted,) = after([4])
    assert all(map(np.array_equal, leaves(model), wanted))


def test_means_are_those_of_the_steps():
    first, second, third = after([3, 5, 7])
    model, _ = run(stage(budget=Steps(8), keeps=MeanOfSteps(first=3, every=2)))
    for ours, *parts in zip(leaves(model), first, second, third, strict=True):
        mean = np.mean(np.float64(parts), axis=0)
        np.testing.assert_allclose(ours, mean, rtol=2e-6, atol=1e-7)
    alone, _ = run(stage(budget=Steps(2), keeps=MeanOfSteps(first=3)))
    assert same(alone, run(stage(budget=Steps(2)))[0])


def test_a_decaying_mean_is_that_of_its_sum():
    from tests import toy

    start, steps, decay = leaves(toy.model()), after(range(1, 9)), 0.75
    model, _ = run(stage(budget=Steps(8), keeps=DecayingMean(decay=decay)))
    for n, ours in enumerate(leaves(model)):
        mean = np.float64(start[n])
        for step in steps:
            mean = decay * mean + (1 - decay) * np.float64(step[n])
        np.testing.assert_allclose(ours, mean, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize(
    "keeps", [Highest(metric="sts/spearman"), MeanOfSteps(first=2, every=3), DecayingMean()]
)
def test_a_resumed_training_keeps_the_same(keeps):
    kept, whole = Memory(), stage(budget=Steps(8), keeps=keeps)
    model, _ = run(whole, checkpoints=kept, evaluate=scores)
    saved = dict(kept.saved)
    for at in (1, 5, 8):
        kept.saved = {step: state for step, state in saved.items() if step <= at}
        assert same(run(whole, checkpoints=kept, evaluate=scores)[0], model)


@pytest.mark.parametrize("devices", [Jit(), Pmap()])
def test_every_layout_of_devices_keeps_it(devices):
    taken = {}

    def watched(step, model):
        taken[step] = model()
        return scores(step, model)

    whole = stage(budget=Steps(8), keeps=Highest(metric="sts/spearman"))
    model, _ = run(whole, evaluate=watched, runtime=Runtime(devices=devices))
    assert same(model, taken[4]) and not same(model, taken[8])


def test_without_evaluations_the_last_step_is_kept():
    whole = stage(budget=Steps(2), keeps=Highest(metric="sts/spearman"))
    assert same(run(whole)[0], run(stage(budget=Steps(2)))[0])


def test_a_metric_that_no_evaluation_gives_is_told():
    whole = stage(budget=Steps(2), keeps=Highest(metric="sts/pearson"))
    with pytest.raises(UsageError, match="'sts/pearson'"):
        run(whole, evaluate=scores)


def test_a_shared_stage_cannot_ask_evaluations():
    with pytest.raises(UsageError, match="without evaluations"):
        Shared(inner=stage(keeps=Highest(metric="sts/spearman"))).check(Runtime())


def test_it_is_json_and_the_default_leaves_fingerprints_alone():
    whole = stage(keeps=MeanOfSteps(first=3))
    assert from_json(to_json(whole)) == whole
    assert fingerprint(stage(keeps=LastStep())) == fingerprint(stage()) != fingerprint(whole)
    with pytest.raises(UsageError, match="first"):
        MeanOfSteps(first=0)
