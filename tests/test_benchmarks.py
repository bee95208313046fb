"""The scripts of benchmarks/: each can be imported, and our side of each runs at toy size."""

import importlib.util
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = sorted(FOLDER.glob("*.py"))


@pytest.fixture
def script(monkeypatch):
    """A script as a module; scripts import each other by their plain names."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)

    def load(name):
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield load
    for name in {path.stem for path in SCRIPTS} & (set(sys.modules) - before):
        del sys.modules[name]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_tell_how_they_are_run(script, path, monkeypatch):
    module = script(path.stem)
    assert f"python benchmarks/{path.name}" in module.__doc__ and "Prints" in module.__doc__
    monkeypatch.setattr(sys, "argv", [path.name])
    assert module.arguments()
    assert callable(module.main)


def test_throughput_encodes_and_trains(script):
    throughput = script("throughput")
    options = Namespace(
        layers=1, width=16, heads=2, tokens=16, call=None, dropout=0.1, dtype="float32"
    )
    texts = ["join two lists", "sort a list of numbers", "read a file", "open a socket"]
    ours = throughput.Ours(throughput.tokenizer(texts, options), options)
    vectors = ours.encode(texts)
    assert vectors.shape == (4, 16) and np.isfinite(vectors).all()
    lengths = [len(ids) for ids in ours.model.tokenizer.encode(texts)]
    assert ours.encode_padding(texts, lengths) >= sum(lengths)
    columns = [ours.model.tokenizer.encode(texts[:2]), ours.model.tokenizer.encode(texts[2:])]
    assert ours.feed([columns, columns]) >= 2 * sum(lengths)
    ours.train()
    ours.train()
    assert ours.program.compilations == 1 and int(ours.state.step) == 4


def test_accelerator_at_toy_size(script):
    accelerator = script("accelerator")
    for part in ("encode", "train", "memory", "attention"):
        found = accelerator.PARTS[part](accelerator.TOY)
        assert found and all(np.isfinite(v) and v > 0 for v in found.values()), (part, found)


def test_texts_of_encode_many(script):
    some = script("encode_many").texts(20, 12)
    assert len(some) == 20 and all(3 <= len(text.split()) <= 12 for text in some)


def test_exact_search_times_every_side(script):
    pytest.importorskip("faiss")
    exact_search = script("exact_search")
    draw = np.random.default_rng(0)
    queries, documents = (draw.normal(size=(n, 8)).astype("f") for n in (8, 300))
    index = exact_search.by_faiss(documents, 1)
    found = exact_search.measured(queries, documents, index, 5, 2)
    assert found["equal_ids"] > 0.99 and all(v > 0 for v in found["seconds"].values())
