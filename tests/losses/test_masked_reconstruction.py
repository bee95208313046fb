"""Texts from a vector and visible pieces: the definition in 64 bits, what is seen, and training."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from jaxemb.data import GivenTexts, Masked, Texts
from jaxemb.encoders import Transformer
from jaxemb.heads import (
    Identity,
    LanguageModelHead,
    MaskedDecoder,
    OneStreamDecoder,
    TwoStreamDecoder,
)
from jaxemb.heads.masked_decoders import visible
from jaxemb.losses import (
    Logits,
    LossState,
    MaskedAutoEncoding,
    MaskedLanguageModel,
    MaskedReconstruction,
    Term,
    Vector,
    VectorWithLogits,
    reduce,
)
from jaxemb.model import Embedder, Model
from jaxemb.nn import Learned
from jaxemb.pooling import FirstToken
from jaxemb.text import TextBatch, WordPiece
from jaxemb.tokens import TokenTable
from jaxemb.training import AdamW, GradCache, Steps, Train
from jaxemb.training.loop import train
from tests.losses.samples import T, V, as_jax, masked, masked_with_logits

KEY = jax.random.key(3)
SIZES = {"vocabulary": V, "heads": 2, "hidden": 10, "position": Learned(max_tokens=9)}
DECODERS = (OneStreamDecoder(**SIZES), TwoStreamDecoder(**SIZES))
over_decoders = pytest.mark.parametrize("decoder", DECODERS, ids=lambda x: type(x).__name__)


def drawn(loss: MaskedReconstruction, draw=masked, rows: int = 6) -> tuple[dict, dict, Any]:
    """Columns in 64 bits and in 32, and parameters away from where they start."""
    rng = np.random.default_rng()
    given = draw(rng, rows)
    columns = as_jax(given)
    state = jax.jit(loss.init)(KEY, columns)
    moved = jax.tree.map(
        lambda x: np.asarray(x + rng.normal(size=x.shape) / 3, np.float32), state.params
    )
    return given, columns, state._replace(params=moved)


@functools.partial(jax.jit, static_argnums=0)
def terms(loss: MaskedReconstruction, state: LossState, columns: dict) -> dict[str, Term]:
    return loss.apply(state, columns, key=KEY)[0]


@functools.partial(jax.jit, static_argnums=0)
def decoded(decoder: MaskedDecoder, params: Any, *text: jax.Array) -> tuple[jax.Array, jax.Array]:
    return decoder.apply({"params": params}, *text)


def normed(x: np.ndarray, own: dict) -> np.ndarray:
    spread = np.sqrt(x.var(-1, keepdims=True) + 1e-6)
    return (x - x.mean(-1, keepdims=True)) / spread * own["scale"] + own["bias"]


def written_out(params: Any, queries: np.ndarray, states: np.ndarray, seen: np.ndarray):
    """Log-probabilities `[queries, vocabulary]` of one text; `seen` `[queries, states]`."""
    p = jax.tree.map(lambda x: np.asarray(x, np.float64), params)

    def mapped(x: np.ndarray, name: str) -> np.ndarray:
        return x @ p[name]["kernel"] + p[name]["bias"]

    queries, states = normed(queries, p["input_norm"]), normed(states, p["input_norm"])
    q, k, v = mapped(queries, "query"), mapped(states, "key"), mapped(states, "value")
    read = []
    for part in np.split(np.arange(q.shape[1]), 2):
        scores = np.where(seen, q[:, part] @ k[:, part].T / np.sqrt(len(part)), -np.inf)
        read.append(scipy.special.softmax(scores, axis=1) @ v[:, part])
    y = normed(queries + mapped(np.concatenate(read, axis=1), "output"), p["attention_norm"])
    own = p["feed_forward"]
    x = y @ own["expand"]["kernel"] + own["expand"]["bias"]
    x = x * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    y = normed(y + x @ own["output"]["kernel"] + own["output"]["bias"], p["feed_forward_norm"])
    return scipy.special.log_softmax(y @ p["embedding"].T + p["bias"], axis=1)


@functools.cache
def row_keys(rows: int) -> jax.Array:
    return jax.vmap(jax.random.fold_in, (None, 0))(KEY, jnp.arange(rows))


def two_streams(params: Any, vector: np.ndarray, ids: np.ndarray, key: jax.Array):
    table, places = (np.asarray(x, np.float64) for x in _tables(params))
    queries = vector + places[: len(ids)]
    states = np.vstack([vector, table[ids] + places[: len(ids)]])
    pieces = np.asarray(visible(key[None], T, 0.5))[0, : len(ids), : len(ids)]
    seen = np.hstack([np.ones((len(ids), 1), bool), pieces])
    return written_out(params, queries, states, seen), np.ones(len(ids), bool)


def one_stream(params: Any, vector: np.ndarray, ids: np.ndarray, key: jax.Array):
    table, places = (np.asarray(x, np.float64) for x in _tables(params))
    text = np.zeros((1, T), np.int32), np.ones((1, T), bool)
    made = decoded(DECODERS[0], params, np.ones((1, len(vector)), np.float32), *text, key[None])
    asked = np.asarray(made[1][0])[: len(ids)]
    tokens = np.where(asked[:, None], np.asarray(params["mask"], np.float64), table[ids])
    queries = tokens + places[: len(ids)]
    seen = np.ones((len(ids), len(ids) + 1), bool)
    return written_out(params, queries, np.vstack([vector, queries]), seen), asked


def _tables(params: Any) -> tuple[Any, Any]:
    return params["embedding"], params["position"]["embedding"]


@pytest.mark.parametrize(
    ("decoder", "reference"), [(DECODERS[0], one_stream), (DECODERS[1], two_streams)]
)
def test_the_loss_is_its_definition(decoder, reference):
    loss = MaskedReconstruction(decoder=decoder)
    given, columns, state = drawn(loss)
    found = reduce(terms(loss, state, columns))[0]
    total = count = 0.0
    for n, key in enumerate(row_keys(6)):
        real = given["query"].extra["mask"][n]
        ids = given["query"].extra["ids"][n][real]
        logs, asked = reference(state.params, given["masked"][n], ids, key)
        total -= given["weight"][n] * np.sum(logs[np.arange(len(ids)), ids] * asked)
        count += given["weight"][n] * np.sum(asked)
    np.testing.assert_allclose(found, total / count, rtol=2e-5)


@over_decoders
def test_padding_on_either_side_changes_nothing(decoder):
    loss = MaskedReconstruction(decoder=decoder)
    _, columns, state = drawn(loss)
    extra = columns["query"].extra
    before = terms(loss, state, columns)["token"]
    for sides in ((0, 3), (2, 0)):
        longer = {n: np.pad(x, ((0, 0), sides)) for n, x in extra.items()}
        longer["ids"] = np.where(longer["mask"], longer["ids"], V - 1)
        other = columns | {"query": columns["query"]._replace(extra=longer)}
        after = terms(loss, state, other)["token"]
        np.testing.assert_allclose(after.value, before.value, rtol=1e-5)
        np.testing.assert_array_equal(after.weight, before.weight)


@over_decoders
@pytest.mark.parametrize("place", range(T))
def test_no_piece_is_told_by_itself_and_others_are(decoder, place):
    _, columns, state = drawn(MaskedReconstruction(decoder=decoder))
    rows = 8
    vectors = np.random.default_rng(0).normal(size=(rows, 8)).astype(np.float32)
    ids, mask = np.arange(rows * T).reshape(rows, T) % V, np.ones((rows, T), bool)
    other = (ids + (np.arange(T) == place)) % V

    def logits(ids, vectors=vectors):
        found = decoded(decoder, state.params, vectors, ids, mask, row_keys(rows))
        return [np.asarray(x) for x in found]

    (before, asked), (after, again) = logits(ids), logits(other)
    np.testing.assert_array_equal(asked, again)
    own = asked[:, place]
    assert own.any()
    np.testing.assert_array_equal(before[own, place], after[own, place])
    # Of the other places that are asked some see it, and every one reads the vector.
    moved = np.any(before != after, axis=2) & asked
    assert moved.any() and (asked & ~moved).any()
    assert np.all(np.any(before != logits(ids, 1 - vectors)[0], axis=2) | ~asked)


def test_each_place_of_each_text_sees_a_draw_of_its_own():
    seen = np.asarray(visible(row_keys(40), 30, 0.7))
    assert not seen[:, np.arange(30), np.arange(30)].any()
    others = seen.sum() / (40 * 30 * 29)
    assert abs(others - 0.3) < 4 * np.sqrt(0.21 / (40 * 30 * 29))
    assert len(np.unique(seen.reshape(-1, 30), axis=0)) == 40 * 30
    np.testing.assert_array_equal(seen[:, :9, :9], visible(row_keys(40), 9, 0.7))


def test_the_encoders_own_term_is_masked_language_modelling():
    loss = MaskedAutoEncoding(decoder=DECODERS[1])
    _, columns, state = drawn(loss, masked_with_logits)
    both = terms(loss, state, columns)
    alone = terms(MaskedReconstruction(decoder=DECODERS[1]), state, columns)
    np.testing.assert_allclose(both["token"].value, alone["token"].value, rtol=1e-6)
    extra = columns["masked"].extra
    seen = columns["masked"]._replace(vectors=extra["logits"], real=extra["mask"])
    wanted = MaskedLanguageModel(column="masked")({**columns, "masked": seen}, key=KEY)["token"]
    for one, other in zip(both["masked"], wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


WORDS = ("sort", "merge", "split", "join", "search", "insert", "append", "remove")
TEXTS = tuple(f"{a} {b} {a}" for a in WORDS for b in WORDS[:4])


@pytest.fixture(scope="module")
def model() -> Model:
    network = Embedder(
        text=WordPiece(vocabulary=60, max_tokens=8),
        tokens=TokenTable(),
        encoder=Transformer(width=16, layers=1, heads=2, hidden=16),
        pooling=FirstToken(),
        head=Identity(),
        output=LanguageModelHead(),
    )
    tokenizer = network.text.train(TEXTS)
    return dataclasses.replace(Model.create(network, KEY), tokenizer=tokenizer)


def test_one_pass_gives_what_two_readings_do(model):
    ids = np.arange(18, dtype=np.int32).reshape(3, 6) + 5
    batch = TextBatch(ids, np.arange(6) < np.array([[6], [4], [1]]))
    both, vector, logits = (
        jax.jit(lambda params, reading=reading: reading(model.embedder, params, batch, None))(
            model.params
        )
        for reading in (VectorWithLogits(), Vector(), Logits())
    )
    np.testing.assert_allclose(both.vectors, vector.vectors, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(both.extra["logits"], logits.vectors, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(both.extra["mask"], logits.real)


def test_an_encoder_is_trained_by_both_terms(model):
    texts = Texts(source=GivenTexts(texts=TEXTS), fields=("text",), batch_size=32)
    stage = Train(
        data=Masked(inner=texts, share=0.3),
        loss=MaskedAutoEncoding(decoder=TwoStreamDecoder(vocabulary=60, heads=2, hidden=16)),
        optimizer=AdamW(learning_rate=1e-2),
        gradients=GradCache(chunk=16),
        budget=Steps(80),
    )
    told: list[dict] = []
    moved = train(model, stage, key=KEY, seed=0, report=told.append)
    for name in ("token", "masked"):
        first, last = (
            np.mean([one[f"loss/{name}"] for one in part]) for part in (told[:5], told[-5:])
        )
        assert last < 0.6 * first, name
    assert not np.allclose(model.encode(["sort merge sort"]), moved.encode(["sort merge sort"]))
