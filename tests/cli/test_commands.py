"""Commands beside the usual: asked to end, without a score to show, with the role of a task."""

import signal

import numpy as np
import pytest

from jaxemb.__main__ import main
from jaxemb.cli import commands, console, encoding
from jaxemb.config import UsageError, override
from jaxemb.study.recipe import Recipe
from jaxemb.training.interrupt import Interrupt


def test_a_request_to_end_lets_the_step_under_way_finish():
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with commands._gentle_end(), Interrupt() as interrupt:
            signal.raise_signal(signal.SIGTERM)
            assert interrupt.asked
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, usual)


def test_a_request_to_end_is_heard_where_ctrl_c_is_not():
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt), commands._gentle_end():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, usual)


def test_a_suite_of_which_nothing_could_be_scored_is_a_table():
    found = {"tasks": [], "types": {}, "mean": None, "mean_of_types": None, "passed_over": {}}
    assert "mean over data sets  -" in console.suite_table(found)


def test_a_text_may_be_that_of_a_type_of_task(tmp_path, monkeypatch, capsys):
    class Toy:
        def encode_batches(self, texts, role, **settings):
            yield np.full((len(list(texts)), 1), len(role), np.float32)

    monkeypatch.setattr(encoding, "load", lambda path: Toy())
    (tmp_path / "texts.txt").write_text("one\n")
    assert main(["encode", "m", str(tmp_path / "texts.txt"), "--role", "sts/query"]) == 0
    assert capsys.readouterr().out == '{"text": "one", "vector": [9.0]}\n'


def test_a_word_of_several_needs_no_quotes():
    recipe = override(Recipe(), "runtime.dtype", "bfloat16")
    assert recipe.runtime.dtype == "bfloat16"
    assert override(recipe, "dtype", "'float32'").runtime.dtype == "float32"
    with pytest.raises(UsageError, match="one of 'replicate', 'fsdp', not zero"):
        override(recipe, "runtime.parameters", "zero")
