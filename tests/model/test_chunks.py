"""Chunks read in their text: windows cover it once, and a span pools the states of its tokens."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.encoders import Transformer
from jaxemb.heads import Identity
from jaxemb.model import Embedding, Model
from jaxemb.model.chunks import windows
from jaxemb.nn import WithinSegment
from jaxemb.text import Chunked, Template, WordPiece, pad
from jaxemb.vectors.cache import EmbeddingCache
from tests.toy import embedder

WORDS = [
    "join",
    "split",
    "open",
    "close",
    "read",
    "write",
    "sort",
    "find",
    "list",
    "file",
    "text",
    "line",
    "word",
    "byte",
]


def made(max_tokens: int, **changes) -> Model:
    text = WordPiece(vocabulary=100, max_tokens=max_tokens, template=Template(document="read: "))
    network = dataclasses.replace(embedder(**changes), text=text, head=Identity())
    tokenizer = text.train([" ".join(WORDS), "read: one two"])
    return dataclasses.replace(Model.create(network, jax.random.key(0)), tokenizer=tokenizer)


@pytest.fixture(scope="module")
def model() -> Model:
    return made(48)


def a_text(seed: int, pieces: int = 4) -> Chunked:
    draw = np.random.default_rng(seed)
    return Chunked.joined(
        [" ".join(draw.choice(WORDS, draw.integers(2, 7))) for _ in range(pieces)]
    )


def states(model: Model, ids: np.ndarray) -> np.ndarray:
    return np.asarray(model.embedder.states(model.params, pad([ids], len(ids))))[-1, 0]


def test_windows_keep_every_token_once():
    for tokens in range(1, 28):
        for size in range(1, 12):
            for overlap in range(size):
                found = windows(tokens, size, overlap)
                kept = [t for w in found for t in range(w.kept, w.end)]
                assert kept == list(range(tokens))
                assert all(w.end - w.start <= size and w.start <= w.kept for w in found)
                assert all(w.kept - w.start == overlap for w in found[1:])
                assert size < tokens or len(found) == 1
    with pytest.raises(UsageError, match="overlap=4 must be at least 0 and below"):
        windows(9, 4, 4)


def test_a_chunk_is_the_mean_of_its_tokens_states(model):
    text = a_text(0)
    (vectors,) = model.chunks([text], normalize=False)
    ((ids, spans),) = model.tokenizer.chunks([text])
    own = states(model, ids)
    expected = np.stack([own[span].mean(axis=0) for span in spans])
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    assert not spans[:, 0].any() and not spans[:, -1].any(), "marks and prefix are in no chunk"
    lengths = spans.sum(axis=1)
    whole = (Chunked(text.text, ((0, len(text.text)),)),)
    (one,) = model.chunks(whole, normalize=False)
    np.testing.assert_allclose(one[0], own[spans.any(axis=0)].mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(lengths @ vectors / lengths.sum(), one[0], atol=1e-5)


def test_a_long_text_is_read_in_windows(model):
    text, size, overlap = a_text(1, pieces=16), 16, 5
    ((ids, spans),) = model.tokenizer.uncut.chunks([text])
    assert len(ids) > 48, "longer than the model's limit"
    own = np.concatenate(
        [states(model, ids[w.start : w.end])[w.kept - w.start :] for w in windows(len(ids), 16, 5)]
    )
    (vectors,) = model.chunks([text], window=size, overlap=overlap, normalize=False)
    expected = np.stack([own[span].mean(axis=0) for span in spans])
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    (cut,) = model.chunks([text], normalize=False)
    assert not cut[-1].any() and cut[0].any(), "beyond the limit there is nothing to pool"
    with pytest.raises(UsageError, match="window=64 is above this model's limit of 48"):
        model.chunks([text], window=64)


def test_a_window_as_long_as_the_text_is_no_window(model):
    texts = [a_text(2), Chunked("", ()), a_text(3, pieces=1)]
    for one, other in zip(model.chunks(texts, window=48), model.chunks(texts), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_chunks_that_do_not_read_each_other_are_chunks_alone():
    encoder = Transformer(layers=2, width=16, heads=2, mask=WithinSegment())
    draw, lengths = np.random.default_rng(4), (3, 5, 2)
    x = jnp.asarray(draw.normal(size=(1, 10, 16)), jnp.float32)
    segments = jnp.repeat(jnp.arange(1, 4), jnp.array(lengths))[None]
    params = jax.jit(encoder.init)(jax.random.key(0), x, segments)
    whole = np.asarray(jax.jit(encoder.apply)(params, x, segments))[-1, 0]
    ends = np.cumsum(lengths)
    for start, end in zip(ends - lengths, ends, strict=True):
        alone = jax.jit(encoder.apply)(params, x[:, start:end], jnp.ones((1, end - start), bool))
        np.testing.assert_allclose(whole[start:end].mean(0), alone[-1, 0].mean(0), atol=1e-5)


def test_layers_and_what_embeds_one_text_at_a_time(model):
    text = a_text(5)
    cache = EmbeddingCache(Embedding(model)).at(1)
    np.testing.assert_allclose(
        cache.chunks([text])[0], model.chunks([text], layers=1)[0], atol=1e-6
    )
    alone = EmbeddingCache(lambda texts, role: np.array([[len(t), 1.0] for t in texts], np.float32))
    expected = [[len(piece), 1.0] for piece in text.pieces]
    assert alone.chunks([text, text])[1].tolist() == expected
