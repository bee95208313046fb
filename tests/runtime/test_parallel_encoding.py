"""Eight simulated devices share the embedding of texts; the vectors are those of one device."""

import copy
import dataclasses
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import pytest

from jaxemb.evaluation import During, Retrieval, evaluate, monitor
from jaxemb.evaluation.problems import RetrievalProblem
from jaxemb.model import Embedding, Model, batches
from jaxemb.runtime import copies, local_mesh, place_copies
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
    batch = batches.padded(sequences, Group(list(range(16)), 16, 16))
    vectors = apply(model.params, batch)
    places = {shard.device: shard.data.shape[0] for shard in vectors.vectors.addressable_shards}
    assert places == dict.fromkeys(jax.local_devices(), 2)


def test_parameters_are_placed_once_a_model(model, monkeypatch):
    placed = []
    place = copies.place_copies
    monkeypatch.setattr(
        copies, "place_copies", lambda tree, mesh: placed.append(tree) or place(tree, mesh)
    )
    for _ in range(3):
        model.encode(TEXTS)
    model.encode(TEXTS, layers=1)
    assert len(placed) == 1
    model.encode(TEXTS[0]), model.encode(TEXTS, strict=True), model.encode([])
    assert len(placed) == 1


def test_other_parameters_are_placed_anew(model):
    before = model.encode(TEXTS)
    halved = jax.tree.map(lambda x: x / 2, model.params)
    replaced = dataclasses.replace(model, params=halved).encode(TEXTS)
    assert not np.allclose(before, replaced)
    np.testing.assert_array_equal(model.encode(TEXTS), before)
    model.params.update(halved)  # the tree that a frozen model holds can still be changed
    np.testing.assert_array_equal(model.encode(TEXTS), replaced)
    written = jax.tree.map(np.array, halved)  # arrays that can be written to are not kept
    changing = dataclasses.replace(model, params=written)
    np.testing.assert_allclose(changing.encode(TEXTS), replaced, atol=1e-6)
    for array in jax.tree.leaves(written):
        array *= 2
    np.testing.assert_allclose(changing.encode(TEXTS), before, atol=1e-6)


def test_the_first_device_holds_no_second_copy(model):
    copies = place_copies(model.params, local_mesh(8))
    for own, copied in zip(*map(jax.tree.leaves, (model.params, copies)), strict=True):
        first = copied.addressable_shards[0].data
        assert first.unsafe_buffer_pointer() == own.unsafe_buffer_pointer()
        assert len(copied.addressable_shards) == 8


def test_threads_share_the_copies_and_a_pickled_model_leaves_them_behind(model, monkeypatch):
    placed = []
    place = copies.place_copies
    monkeypatch.setattr(
        copies, "place_copies", lambda tree, mesh: placed.append(tree) or place(tree, mesh)
    )
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: model.encode(TEXTS), range(8)))
    assert len(placed) == 1
    assert all((one == found[0]).all() for one in found)
    again = copy.deepcopy(dataclasses.replace(model, tokenizer=None))
    assert again._copies._placed is None and model._copies._placed is not None


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
