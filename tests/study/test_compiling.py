"""The memory of a step as the compiler plans it."""

import dataclasses

import pytest

from jaxemb.__main__ import main
from jaxemb.config import override_all
from jaxemb.study.compiling import compiled_bytes
from jaxemb.study.planning import need
from jaxemb.study.smoke import smoke
from tests.toy_runs import experiment


@pytest.fixture(scope="module")
def toy():
    return smoke(experiment()).base


def test_a_step_takes_its_state_and_more(toy):
    taken = compiled_bytes(toy)
    known = need(toy)
    assert taken > known.parameters + known.optimizer
    wider = override_all(toy, [("train.data.batch_size", 64)])
    assert compiled_bytes(wider) > taken


def test_what_trains_nothing_takes_no_step(toy):
    assert compiled_bytes(dataclasses.replace(toy, stages=())) is None


def test_plan_tells_it(capsys):
    assert main(["plan", "pooling_and_attention", "--scale", "smoke", "--compile"]) == 0
    out = capsys.readouterr().out
    assert "as compiled here B" in out and "causal-last" in out
