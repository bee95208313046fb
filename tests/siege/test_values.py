"""Values that nobody can mean, typed or in an experiment's file: refused in one sentence."""

import time

import pytest

from tests.siege.damages import answer, one_sentence

FILE = (
    """
import itertools
import sys
from jaxemb import arm, recipes
from jaxemb.evaluation import STS, Retrieval
from jaxemb.study import Better, Experiment, experiment, Tuning
import dataclasses

BASE = dataclasses.replace(recipes.pair_retriever(), evaluation=(Retrieval(), STS()))

def endless():
    for n in itertools.count():
        yield arm(f"arm-{n}")

@experiment(papers=(1,))
def mine():
    """
    + '"""Is it refused?"""'
    + """
    given = dict(base=BASE, arms=(arm("mean"),), controls=(), tuning=None)
    CHANGE
    return Experiment(**given)
"""
)
TYPED = (
    "train.optimizer.weight_decay=-1", "b1=2", "b1=-1", "b2=1", "epsilon=-1", "epsilon=0",
    "seed=-1", "temperature=1e-320", "temperature=0", "temperature=-1", "temperature=nan",
    "temperature=inf", "retrieval.k=0", "retrieval.depth=0", "retrieval.depth=-1",
    "width=1000000000", "width=0", "width=-1", "layers=1000000", "layers=-1", "evaluation=()",
    "learning_rate=-1", "learning_rate=1e999", "clip=0", "warmup=1", "warmup=-1", "budget.steps=-1",
    "train.data.batch_size=0", "train.data.batch_size=-1", "checkpoint_every=0",
    "documents=-1", "heads=0", "heads=3",
    "pooling=latent_over_tokens(latents=0)", "pooling=latent_attention(heads=0)",
    "pooling=latent_over_tokens(latents=-1)", "pooling=power_mean(power=0)",
    "pooling=first_tokens(tokens=0)", "pooling=trimmed(first=-1)",
    "pooling=selected_tokens(share=2)", "pooling=convolution_pooling(window=0)",
    "loss=matryoshka(inner=info_nce(),dims=(0,))",
    "loss=matryoshka(inner=info_nce(),dims=())", "train.optimizer.epsilon=-1",
    "embedder=none", "stages=1",
    "mask=window(reach=-1)", "mask=prefix(tokens=-1)", "position=rotary(base=0)",
    "position=rotary(share=2)", "position=sinusoidal(base=-1)", "dropout=1", "dropout=-0.5",
    "runtime.dtype=int8", "optimizer=sgd(momentum=1)", "nothing=1", "layers=", "=1",
)  # fmt: skip
QUICK_TYPED = {
    "train.optimizer.weight_decay=-1", "temperature=1e-320", "width=1000000000", "layers=1000000",
    "evaluation=()", "pooling=latent_over_tokens(latents=0)",
}  # fmt: skip
OPTIONS = (
    ("--seeds", "1000000000"), ("--seeds", "0"), ("--seeds", "-1"),
    ("--arms", "nobody"), ("--scale", "enormous"),
)  # fmt: skip
WRITTEN = {
    "no arms": "given['arms'] = ()",
    "arms of one name": "given['arms'] = given['arms'] * 2",
    "endless arms": "given['arms'] = endless()",
    "too many arms": "given['arms'] = tuple(itertools.islice(endless(), 10_001))",
    "endless seeds": "given['seeds'] = itertools.count()",
    "a product of axes": "from jaxemb import grid; "
    "given['arms'] = grid(seed=range(999), depth=range(999), k=range(999))",
    "no seeds": "given['seeds'] = ()",
    "a seed below 0": "given['seeds'] = (-1,)",
    "a seed that is no whole number": "given['seeds'] = (0.5,)",
    "margin is no number": "given['margin'] = float('nan')",
    "margin below 0": "given['margin'] = -1",
    "margin is text": "given['margin'] = 'some'",
    "tuning on a judged seed": "given['tuning'] = Tuning(seeds=(0,))",
    "no learning rates": "given['tuning'] = Tuning(learning_rates=())",
    "a learning rate below 0": "given['tuning'] = Tuning(learning_rates=(-1.0,))",
    "a fraction of 0": "given['tuning'] = Tuning(fraction=0.0)",
    "tuning by nothing": "given['tuning'] = Tuning(metrics=())",
    "another type": "return 1",
    "nothing": "return None",
    "an exit": "sys.exit(0)",
    "an error": "1 / 0",
    "too deep": "f = lambda: f(); f()",
    "a claim of no arm": "given['claims'] = (Better('sts/spearman', 'mean', than='nobody'),)",
    "an unknown field": "given['nothing'] = 1",
    "an arm of an unknown key": "given['arms'] = (arm('a', nothing=1),)",
    "an arm's name": "given['arms'] = (arm('../a', pooling='mean'),)",
}
QUICK_WRITTEN = {"no arms", "too many arms", "a product of axes", "margin is no number", "an exit"}


def quickly(cases, quick, ids=None):
    for case in cases:
        marks = () if case in quick else pytest.mark.siege
        yield pytest.param(case, marks=marks, id=ids(case) if ids else case)


def refused(tmp_path, capsys, change, *arguments):
    path = tmp_path / "mine.py"
    path.write_text(FILE.replace("CHANGE", change))
    started = time.monotonic()
    given = ("--experiments", path, "--runs", tmp_path / "runs")
    sentence = one_sentence(answer(capsys, "run", "mine", *given, *arguments))
    assert time.monotonic() - started < 20
    assert not list(tmp_path.rglob("run.json")), "nothing was run"
    return sentence


@pytest.mark.parametrize("text", list(quickly(TYPED, QUICK_TYPED)))
def test_a_value_that_is_typed(tmp_path, capsys, text):
    sentence = refused(tmp_path, capsys, "pass", text)
    assert text.partition("=")[0].rpartition(".")[2] in sentence


@pytest.mark.parametrize(
    "option", list(quickly(OPTIONS, OPTIONS[:1], ids=lambda option: "=".join(option)))
)
def test_an_option(tmp_path, capsys, option):
    refused(tmp_path, capsys, "pass", *option)


@pytest.mark.parametrize("what", list(quickly(WRITTEN, QUICK_WRITTEN)))
def test_an_experiments_file(tmp_path, capsys, what):
    refused(tmp_path, capsys, WRITTEN[what])


def test_a_model_beyond_memory_is_refused_by_its_bytes(tmp_path, capsys):
    assert "bytes of memory" in refused(tmp_path, capsys, "pass", "width=1000000")
