"""What a run costs: programs do not grow with steps, and the first step is timed once."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest

from jaxemb import recipes
from jaxemb.config import override
from jaxemb.runtime.running_costs import RunningCosts
from jaxemb.study.stages import run_stages


def test_programs_are_those_compiled_under_the_watch():
    def scaled(x):
        return x * 3 + 1

    values = jnp.ones(7)
    compiled = jax.jit(scaled)
    before = RunningCosts()
    compiled(values).block_until_ready()
    assert before.summary()["programs"] == 1
    after = RunningCosts()
    compiled(values).block_until_ready()
    assert after.summary()["programs"] == 0


def test_a_run_of_twice_the_steps_compiles_no_more_programs():
    programs = []
    for steps in (6, 12):
        jax.clear_caches()
        costs = RunningCosts()
        recipe = override(recipes.pair_retriever().small(), "train.budget.steps", steps)
        told = []
        run_stages(dataclasses.replace(recipe, evaluation=()), report=told.append)
        assert len(told) == steps
        programs.append(costs.summary()["programs"])
    assert 0 < programs[1] <= programs[0]


def test_the_first_step_is_timed_once(monkeypatch):
    clock = iter([10.0, 12.5, 99.0])
    monkeypatch.setattr("jaxemb.runtime.running_costs.time.perf_counter", lambda: next(clock))
    costs = RunningCosts()
    assert costs.summary()["seconds_to_first_step"] is None
    costs.step()
    costs.step()
    assert costs.summary()["seconds_to_first_step"] == pytest.approx(2.5)
