"""Budgets that end training early: at the right step, and at the same one when resumed."""

import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, small, to_json
from jaxemb.training import SGD, Patience, Steps, Until
from tests.training.stages import Memory, OneBatch, run, same, stage


def still(budget):
    """A stage whose loss stays where it is."""
    return stage(data=OneBatch(), optimizer=SGD(learning_rate=0.0), budget=budget)


def scores(step, model):
    """An evaluation at every second step, whose score is the step."""
    return None if step % 2 else {"score": float(step)}


@pytest.mark.parametrize(("patience", "every", "last"), [(5, 1, 6), (4, 3, 9), (30, 1, 20)])
def test_patience_ends_where_nothing_falls(patience, every, last):
    budget = Patience(inner=Steps(20), patience=patience, every=every, gain=1e9)
    # Dropout moves the loss; a gain that large is only ever the first look's.
    _, reports = run(still(budget))
    assert reports[-1]["step"] == last


def test_patience_goes_on_while_the_metric_falls():
    falling = iter(np.r_[np.linspace(1, 0, 6), np.full(20, 0.01)])
    budget = Patience(inner=Steps(40), metric="score", patience=4, every=2)
    _, reports = run(
        still(budget), evaluate=lambda s, m: None if s % 2 else {"score": next(falling)}
    )
    least = 12  # the sixth evaluation
    assert max(r["step"] for r in reports) == least + 4


def test_until_ends_at_the_evaluation_that_reaches_it():
    budget = Until(inner=Steps(20), metric="score", target=5.0)
    model, reports = run(stage(budget=budget), evaluate=scores)
    assert max(r["step"] for r in reports) == 6
    alone = run(stage(budget=Steps(6)))[0]
    assert not same(model, alone), "the schedule is that of the whole budget"
    # Without evaluations nothing ends it.
    assert run(stage(budget=Until(inner=Steps(3), metric="score", target=0.0)))[1][-1]["step"] == 3


@pytest.mark.parametrize("at", range(1, 8))
def test_a_resumed_run_ends_where_the_whole_one_does(at):
    patient = Patience(inner=Steps(20), patience=4, gain=1e9, every=2)
    budget = Until(inner=patient, metric="score", target=100.0, every=2)
    kept, whole = Memory(), stage(budget=budget)
    model, reports = run(whole, checkpoints=kept, evaluate=scores)
    assert sorted(kept.saved) == list(range(1, 7)), "two looks after the first: steps 2, 4 and 6"
    kept.saved = {step: state for step, state in kept.saved.items() if step <= at}
    again, more = run(whole, checkpoints=kept, evaluate=scores)
    assert same(again, model) and len({r["step"] for r in more}) == max(6 - at, 0)


def test_a_budget_around_a_budget_is_scaled_and_made_small():
    budget = Until(inner=Patience(inner=Steps(200), patience=7), metric="score", target=1.0)
    data = OneBatch()
    assert budget.scaled(0.25).count(data) == 50 and small(budget).count(data) == 2
    assert from_json(to_json(budget)) == budget


@pytest.mark.parametrize("field", ["every", "patience"])
def test_looking_never_is_refused(field):
    with pytest.raises(UsageError, match=f"{field}=0"):
        Patience(inner=Steps(2), **{field: 0})
