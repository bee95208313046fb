"""Eight simulated devices share the embedding of texts; the vectors are those of one device."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxemb.evaluation import During, Retrieval, evaluate, monitor
from jaxemb.evaluation.problems import RetrievalProblem
from jaxemb.model import Embedding, Model, batches
from jaxemb.text import Group, WordPiece, group_by_length
from tests import toy

WORDS = ["sort", "a", "list", "of", "numbers", "quickly", "join", "strings"]
TEXTS = [" ".join(WORDS[i % 8 :] + WORDS[: i % 5]) for i in range(61)] + ["", "sort"]


@pytest.fixture
def model():
    """The toy model with words that it can tell apart."""
    text = WordPiece(vocabulary=toy.VOCABULARY, max_tokens=16)
    embedder = dataclasses.replace(toy.embedder(), text=text)
    created = Model.create(embedder, jax.random.key(0))
    return dataclasses.replace(created, tokenizer=text.train(TEXTS))


def test_there_are_eight_devices():
    assert jax.local_device_count() == 8


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 63])
@pytest.mark.parametrize("batch_size", [None, 2, 5])
def test_vectors_are_those_of_one_device(model, monkeypatch, count, batch_size):
    shared = model.encode(TEXTS[:count], batch_size=batch_size)
    monkeypatch.setattr(batches.jax, "local_device_count", lambda: 1)
    alone = model.encode(TEXTS[:count], batch_size=batch_size)
    np.testing.assert_allclose(shared, alone, atol=1e-6)


def test_strict_stays_on_one_device_to_the_last_bit(model, monkeypatch):
    shared = model.encode(TEXTS, strict=True)
    monkeypatch.setattr(batches.jax, "local_device_count", lambda: 1)
    np.testing.assert_array_equal(shared, model.encode(TEXTS, strict=True))


def test_every_device_computes_its_rows(model):
    apply = batches.compiled(model.embedder, 8)
    sequences = model.tokenizer.encode(TEXTS[:16])
    batch = batches._padded(sequences, Group(list(range(16)), 16, 16))
    vectors = apply(model.params, batch)
    places = {shard.device: shard.data.shape[0] for shard in vectors.addressable_shards}
    assert places == dict.fromkeys(jax.local_devices(), 2)


def test_calls_divide_over_the_devices():
    for count in (1, 5, 8, 100):
        groups = group_by_length([9] * count, 32, rows=4, devices=8)
        assert sorted(i for group in groups for i in group.texts) == list(range(count))
        assert all(g.rows % 8 == 0 and len(g.texts) <= g.rows <= 32 for g in groups)


def test_the_budget_is_for_each_device():
    groups = group_by_length([16] * 300, 16, budget=64, devices=8)
    assert [group.rows for group in groups] == [32] * 9 + [16]
    assert all(group.rows // 8 * group.tokens <= 64 for group in groups)


def test_a_budget_of_tokens_is_shared_too(model, monkeypatch):
    told = []
    shared = model.encode(TEXTS, batch_tokens=16, report=lambda *batch: told.append(batch))
    assert sum(texts for texts, _ in told) == len(TEXTS) and max(told)[0] > 1
    monkeypatch.setattr(batches.jax, "local_device_count", lambda: 1)
    np.testing.assert_allclose(shared, model.encode(TEXTS, batch_tokens=16), atol=1e-6)


def test_scores_while_training_are_those_of_one_device(model, monkeypatch):
    problem = RetrievalProblem(
        queries=TEXTS[:20],
        documents=sorted(set(TEXTS[20:])),
        relevant=[{q % 7: 1} for q in range(20)],
        clusters=np.arange(20, dtype=np.int32),
    )
    task = Retrieval()
    monkeypatch.setattr(type(task.data), "load", lambda self: problem)
    monkeypatch.setattr(type(task.data), "fingerprint", lambda self: "toy")
    watch = monitor([During(inner=task, every=5)], Embedding)
    shared = watch(5, lambda: model)
    monkeypatch.setattr(batches.jax, "local_device_count", lambda: 1)
    alone = evaluate(Embedding(model), [task])["retrieval"].metrics
    assert shared == {f"retrieval@dev/{name}": pytest.approx(x) for name, x in alone.items()}
