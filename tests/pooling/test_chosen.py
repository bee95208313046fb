"""Poolings that choose tokens, beside loops in numpy, and the way of a prompt to them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.encoders import Bag
from jaxemb.heads import Identity
from jaxemb.model import Embedder, Model
from jaxemb.pooling import (
    AtMarkers,
    Concatenation,
    EachToken,
    FirstToken,
    FirstTokens,
    LastToken,
    LayerMean,
    Max,
    Mean,
    Trimmed,
    WithoutPrompt,
)
from jaxemb.text import Chunked, Template, TextBatch, WordPiece
from jaxemb.tokens import TokenTable

RNG = np.random.default_rng()
B, T, W = 5, 9, 4
MARKS = (7, 11)
# Padding on the right, on the left and on both sides; a text without tokens, and one without markers.
MASK = np.zeros((B, T), bool)
for row, (first, last) in zip(MASK, [(0, 9), (0, 5), (4, 9), (2, 7), (3, 3)], strict=True):
    row[first:last] = True
IDS = RNG.integers(2, 7, (B, T))
IDS[0, [1, 4, 8]], IDS[1, [2, 6]], IDS[2, [1, 4]] = (7, 11, 7), (11, 7), (11, 7)
STATES = RNG.normal(size=(2, B, T, W)).astype(np.float32)
DIRTY = jnp.asarray(np.where(MASK[..., None], STATES, np.nan))


def at(pooling, ids=IDS, **said):
    told = {name: jnp.asarray(value) for name, value in {"ids": ids, **said}.items()}
    return np.asarray(
        jax.jit(lambda told: pooling.apply({"batch": told}, DIRTY, jnp.asarray(MASK)))(told)
    )


def test_markers_are_read_where_they_stand():
    found = [
        STATES[-1, b, [t for t in range(T) if MASK[b, t] and IDS[b, t] in MARKS]] for b in range(B)
    ]
    assert [len(h) for h in found] == [3, 1, 1, 0, 0]
    nothing = np.zeros(W)
    for inner, expected in (
        (Mean(), [h.mean(0) if len(h) else nothing for h in found]),
        (FirstToken(), [h[0] if len(h) else nothing for h in found]),
        (LastToken(), [h[-1] if len(h) else nothing for h in found]),
        (Max(), [h.max(0) if len(h) else nothing for h in found]),
        (
            FirstTokens(tokens=2),
            [np.resize(np.vstack([h, np.zeros((2, W))])[:2], 2 * W) for h in found],
        ),
    ):
        np.testing.assert_allclose(at(AtMarkers(ids=MARKS, inner=inner)), expected, atol=1e-6)


def test_each_occurrence_is_an_item_of_its_own():
    pooling = AtMarkers(ids=MARKS, inner=EachToken())
    told, here = {"ids": jnp.asarray(IDS)}, MASK & np.isin(IDS, MARKS)
    items = pooling.apply({"batch": told}, jnp.asarray(MASK), method="items")
    np.testing.assert_array_equal(items, here)
    np.testing.assert_array_equal(at(pooling), np.where(here[..., None], STATES[-1], 0))


def test_markers_inside_other_poolings_find_the_ids():
    inner = AtMarkers(ids=(7,), inner=LastToken())
    both = at(Concatenation(poolings=(LayerMean(layers=(-1,), inner=inner), FirstToken())))
    np.testing.assert_array_equal(both[:, :W], at(inner))
    np.testing.assert_array_equal(both[:, W:], at(FirstToken()))
    assert at(inner)[0].tolist() == STATES[-1, 0, 8].tolist()


def test_without_ids_markers_say_so():
    with pytest.raises(UsageError, match="this batch has none"):
        AtMarkers().apply({}, DIRTY, jnp.asarray(MASK))
    with pytest.raises(UsageError, match="needs the ids"):
        at(AtMarkers(ids=()))


def test_a_prompt_s_tokens_are_left_out_wherever_padding_is():
    prompt = MASK & (np.cumsum(MASK, axis=1) <= 3)
    kept = MASK & ~prompt
    means = [STATES[-1, b, kept[b]].mean(0) if kept[b].any() else np.zeros(W) for b in range(B)]
    np.testing.assert_allclose(at(WithoutPrompt(), prompt=prompt), means, atol=1e-6)
    trimmed = WithoutPrompt(inner=Trimmed(first=0, last=1))
    np.testing.assert_allclose(at(trimmed, prompt=prompt), at(Trimmed(first=3, last=1)), atol=1e-6)
    np.testing.assert_array_equal(at(WithoutPrompt()), at(Mean()))  # nothing was said of a prompt


# --- the way of a prompt from the template to the pooling

TEXTS = ["sort a list", "open the file", "join strings", "a"]
SOLD = Template(query="sort the list ", document="")


def model(pooling, template: Template = SOLD) -> Model:
    """A table of words read as they are: a vector is what the pooling makes of rows of the table."""
    text = WordPiece(vocabulary=64, max_tokens=12, template=template)
    embedder = Embedder(
        text=text, tokens=TokenTable(), encoder=Bag(width=W), pooling=pooling, head=Identity()
    )
    tokenizer = text.train([*TEXTS, SOLD.query] * 3)
    return Model(embedder=embedder, params=embedder.init(jax.random.key(0)), tokenizer=tokenizer)


def test_encode_counts_the_prompt_of_each_role():
    ours, plain = model(WithoutPrompt()), model(Mean(), Template())
    ids = plain.tokenizer.encode([SOLD.query + text for text in TEXTS])
    count = ours.tokenizer.prompt_tokens(role="query")
    assert count == len(plain.tokenizer.encode([SOLD.query])[0]) - 1 > 3
    table = np.asarray(ours.params["tokens"]["embedding"])
    means = [table[own[count:]].mean(0) for own in ids]
    found = ours.encode(TEXTS, role="query", normalize=False)
    np.testing.assert_allclose(found, means, atol=1e-6)
    alone = ours.encode(TEXTS[0], prompt=SOLD.query, normalize=False)
    np.testing.assert_allclose(alone, means[0], atol=1e-6)
    documents = ours.encode(TEXTS, normalize=False)
    np.testing.assert_allclose(documents, plain.encode(TEXTS, normalize=False), atol=1e-6)


def test_a_cut_prompt_leaves_the_closing_mark():
    ours = model(WithoutPrompt())
    table = np.asarray(ours.params["tokens"]["embedding"])
    found = ours.encode(TEXTS, role="query", max_tokens=3, normalize=False)
    np.testing.assert_allclose(found, np.tile(table[3], (len(TEXTS), 1)), atol=1e-6)


def test_chunks_have_no_token_of_the_prompt():
    chunked = [Chunked.joined(TEXTS[:3], " ")]
    ours, plain = (model(p).chunks(chunked, role="query")[0] for p in (WithoutPrompt(), Mean()))
    np.testing.assert_array_equal(ours, plain)
    one = model(AtMarkers(ids=tuple(range(4, 64)))).chunks(chunked, role="query")[0]
    np.testing.assert_allclose(one, plain, atol=1e-6)


def test_batches_of_training_say_which_tokens_are_the_prompt_s():
    ours = model(WithoutPrompt())
    pairs = zip(TEXTS, TEXTS[::-1], strict=True)
    records = [{"query": a, "positive": b, "negatives": (b, a)} for a, b in pairs]
    batch = first_batch(ours, records)
    query, count = batch["query"], ours.tokenizer.prompt_tokens(role="query")
    np.testing.assert_array_equal(
        query.prompt, query.mask & (np.arange(query.ids.shape[1]) < count)
    )
    assert not batch["positive"].prompt.any()
    assert batch["negatives"].prompt.shape == batch["negatives"].ids.shape
    assert first_batch(model(Mean()), records)["query"].prompt is None
    table, mask = np.asarray(ours.params["tokens"]["embedding"]), query.mask & ~query.prompt
    means = [table[ids[own]].mean(0) for ids, own in zip(query.ids, mask, strict=True)]
    np.testing.assert_allclose(ours.embedder.apply(ours.params, query), means, atol=1e-6)


def first_batch(ours: Model, records: list) -> dict[str, TextBatch]:
    from jaxemb.data.collation import Collator

    return Collator(("query", "positive", "negatives"), ours, remember=True)(records)


def test_several_towers_are_asked_by_column():
    ours = model(WithoutPrompt())
    assert ours.counts_prompt("query") and not model(Mean()).counts_prompt("query")
    nested = LayerMean(layers=(0,), inner=Concatenation(poolings=(Mean(), WithoutPrompt())))
    assert nested.reads_prompt
    assert dataclasses.replace(ours.embedder, pooling=nested).reads_prompt
