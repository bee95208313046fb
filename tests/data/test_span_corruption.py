"""Spans that are cut out: the whole text comes back, shares and lengths are as asked, losses read it."""

import jax
import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.data import (
    GivenTexts,
    LastPieces,
    MaskPieces,
    NumberedPieces,
    SpanCompleted,
    SpanCorrupted,
    Texts,
)
from jaxemb.data.span_corruption import spans_drawn, spans_of
from jaxemb.heads import CausalDecoder
from jaxemb.losses import Denoising, Embedded, NextToken
from jaxemb.text import CLS, MASK, SEP, Template, WordPiece

DRAW = np.random.default_rng(0)
WORDS = tuple(" ".join(f"word{k}" for k in DRAW.integers(0, 99, n % 30 + 1)) for n in range(96))
NAMES = tuple(f"<extra_id_{n}>" for n in range(40))


@pytest.fixture(scope="module")
def inner():
    return Texts(source=GivenTexts(texts=WORDS), fields=("text",), batch_size=32)


@pytest.fixture(scope="module")
def tokenizer(inner):
    text = WordPiece(vocabulary=400, max_tokens=64)
    made = text.train(list(inner.texts()))
    return made.with_words(NAMES, text)


def pieces(text, row):
    return np.asarray(text.ids)[row][np.asarray(text.mask)[row]].tolist()


def restored(corrupted, spans, sentinels):
    """The whole text of a corrupted one and its spans, by the order of sentinels."""
    parts, number = [], 0
    assert spans[0] == sentinels[0]
    for piece in spans:
        if number < len(sentinels) and piece == sentinels[number]:
            parts.append([])
            number += 1
        else:
            parts[-1].append(piece)
    assert parts[-1] == []
    found, span = [], 0
    for piece in corrupted:
        if span < len(parts) - 1 and piece == sentinels[span]:
            found += parts[span]
            span += 1
        else:
            found.append(piece)
    assert span == len(parts) - 1
    return found, parts[:-1]


KINDS = [NumberedPieces(), LastPieces(), MaskPieces()]


@pytest.mark.parametrize("sentinels", KINDS, ids=repr)
@pytest.mark.parametrize(("share", "mean"), [(0.15, 3.0), (0.5, 4.0), (0.9, 1.0), (0.3, 20.0)])
def test_the_whole_text_comes_back(inner, tokenizer, sentinels, share, mean):
    data = SpanCorrupted(inner=inner, share=share, mean=mean, sentinels=sentinels)
    batches = data.batches(tokenizer, seed=0)
    known = sentinels(tokenizer, 40).tolist()
    gone = total = wanted = 0
    for _ in range(12):
        batch = next(batches)
        assert tuple(batch) == data.columns
        for row in range(32):
            whole = pieces(batch["query"], row)
            corrupted, after = (
                pieces(batch[name], row) for name in ("corrupted", "corrupted_spans")
            )
            assert corrupted[0] == CLS and corrupted[-1] == SEP
            found, parts = restored(corrupted, after, known)
            assert found == whole and all(parts)
            count = spans_of(np.array([len(whole) - 2]), share, mean)
            assert (sum(map(len, parts)), len(parts)) == (count.pieces[0], count.spans[0])
            gone, total = gone + sum(map(len, parts)), total + len(whole) - 2
            wanted += share * (len(whole) - 2)
    assert abs(gone - wanted) / total < 0.03
    for name in ("corrupted", "corrupted_spans"):  # no holes, and nothing behind the mask
        mask, ids = batch[name].mask, batch[name].ids
        assert (np.diff(mask.astype(int), axis=1) <= 0).all() and not ids[~mask].any()


def test_spans_and_what_lies_between_are_drawn_uniformly():
    rows, length = 40000, 40
    real = np.ones((rows, length + 5), bool)
    real[:, length:] = False
    gone = spans_drawn(real, 0.2, 2.0, np.random.default_rng(3))
    assert (gone.sum(axis=1) == 8).all() and not gone[:, length:].any()
    first = gone & ~np.pad(gone, ((0, 0), (1, 0)))[:, :-1]
    assert (first.sum(axis=1) == 4).all() and not gone[:, 0].any()
    # The first part of a uniform composition of 8 into 4.
    starts = np.argmax(first, axis=1)
    kept_after = np.array([np.argmin(row[start:]) for row, start in zip(gone, starts, strict=True)])
    lengths = np.bincount(kept_after, minlength=6)[1:6] / rows
    np.testing.assert_allclose(lengths, np.array([15, 10, 6, 3, 1]) / 35, atol=0.01)
    # Of the compositions of 32 into 4 parts, so many begin with a part of 1.
    assert abs(np.mean(starts == 1) - 465 / 4495) < 0.006


@pytest.mark.parametrize(("share", "mean"), [(0.15, 3.0), (0.5, 4.0), (0.3, 20.0), (0.9, 12.0)])
def test_of_long_texts_the_share_is_gone_in_spans_of_the_mean_length(share, mean):
    lengths = np.arange(400, 2000, 7)
    count = spans_of(lengths, share, mean)
    np.testing.assert_allclose(count.pieces / lengths, share, atol=0.002)
    np.testing.assert_allclose(count.pieces / count.spans, mean, rtol=0.1)


def test_left_padding_and_short_texts_are_read_as_they_are():
    real = np.array([[False, False, True, True, True, True], [False] * 5 + [True], [False] * 6])
    gone = spans_drawn(real, 0.5, 1.0, np.random.default_rng(0))
    assert not (gone & ~real).any() and gone.sum(axis=1).tolist() == [2, 0, 0]


def test_what_a_template_writes_is_text_and_marks_may_stand_within(tokenizer):
    # Every word of the document's prefix, and marks, within texts of the longest kind.
    words = tuple(" ".join(["word1 [SEP] word2"] * 30 + [f"word{n}"]) for n in range(3, 11))
    inner = Texts(source=GivenTexts(texts=words), fields=("text",), batch_size=8)
    text = WordPiece(vocabulary=400, max_tokens=64, template=Template(document="word1 word2 "))
    read = tokenizer.read_as(text)
    data = SpanCorrupted(inner=inner, share=0.5, mean=4.0, sentinels=NumberedPieces())
    known = NumberedPieces()(read, 40).tolist()
    batch = next(data.batches(read, seed=0))
    for row in range(8):
        corrupted, after = (pieces(batch[name], row) for name in ("corrupted", "corrupted_spans"))
        found, _ = restored(corrupted, after, known)
        assert found == pieces(batch["query"], row)
        whole = [piece for piece in found if piece not in (CLS, SEP)]
        gone = sum(piece not in known for piece in after)
        assert gone == spans_of(np.array([len(whole)]), 0.5, 4.0).pieces[0]


def test_a_prompt_is_known_where_spans_are_gone(inner, tokenizer):
    class Asks:
        tokenizer_of = staticmethod(lambda column: prompted)
        counts_prompt = staticmethod(lambda column: True)

    template = Template(query="word7 word8 ")
    prompted = tokenizer.read_as(WordPiece(vocabulary=400, max_tokens=64, template=template))
    for data, name in ((SpanCorrupted, "corrupted"), (SpanCompleted, "completed")):
        batch = next(data(inner=inner, share=0.15).batches(Asks, seed=0))
        text, whole = batch[name], batch["query"].prompt.sum(axis=1)
        assert text.prompt.shape == text.ids.shape and not (text.prompt & ~text.mask).any()
        left = text.prompt.sum(axis=1)
        # The first tokens of a row, some of which may be gone.
        assert (left <= whole).all() and (left > 0).all()
        assert (np.diff(text.prompt.astype(int), axis=1) <= 0).all()


def test_spans_stand_behind_the_text_for_a_causal_model(inner, tokenizer):
    settings = {"inner": inner, "share": 0.3, "sentinels": NumberedPieces()}
    apart = SpanCorrupted(**settings).batches(tokenizer, seed=5)
    joined = SpanCompleted(**settings).batches(tokenizer, seed=5)
    for _ in range(5):
        one, other = next(apart), next(joined)
        targets = other["completed_targets"]
        assert targets.shape == other["completed"].ids.shape and targets.dtype == np.int32
        for row in range(32):
            text, spans = (pieces(one[name], row) for name in ("corrupted", "corrupted_spans"))
            assert pieces(other["completed"], row) == text + spans
            asked = targets[row] >= 0
            assert targets[row][asked].tolist() == spans[1:]
            assert np.flatnonzero(asked).tolist() == list(
                range(len(text) + 1, len(text) + len(spans))
            )


def test_the_losses_read_them(inner, tokenizer):
    batch = next(SpanCompleted(inner=inner).batches(tokenizer, seed=0))
    text = batch["completed"]
    logits = jax.random.normal(jax.random.key(0), (*text.ids.shape, tokenizer.size))
    columns = {
        "completed": Embedded(logits, text.mask, {"ids": text.ids}),
        "completed_targets": batch["completed_targets"],
    }
    term = NextToken(column="completed")(columns, key=jax.random.key(0))["token"]
    shifted = np.asarray(jax.nn.log_softmax(logits, axis=-1), np.float64)
    for row in (0, 7, 31):
        places = np.flatnonzero(batch["completed_targets"][row] >= 0)
        values = [-shifted[row, t - 1, text.ids[row, t]] for t in places]
        np.testing.assert_allclose(term.value[row], np.mean(values), rtol=1e-4)
        assert term.weight[row] == len(places)
    cut = next(SpanCorrupted(inner=inner).batches(tokenizer, seed=0))
    spans = cut["corrupted_spans"]
    vectors = jax.random.normal(jax.random.key(1), (32, 16))
    pieces_of = {"ids": spans.ids, "mask": spans.mask}
    loss = Denoising(
        decoder=CausalDecoder(vocabulary=tokenizer.size, heads=2),
        column="corrupted",
        target="corrupted_spans",
    )
    read = {"corrupted": Embedded(vectors), "corrupted_spans": Embedded(vectors, None, pieces_of)}
    found = loss(read, key=jax.random.key(2))["token"]
    assert np.isfinite(found.value).all() and float(found.value.mean()) > 1
    assert found.weight.tolist() == (spans.mask.sum(axis=1) - 1).tolist()


def test_what_is_cut_changes_and_comes_back_with_the_state(inner, tokenizer):
    data = SpanCorrupted(inner=inner)
    batches = data.batches(tokenizer, seed=3)
    first, state = next(batches), batches.get_state()
    second = next(batches)
    assert first["corrupted_spans"].ids.shape[1] > 1
    again = data.batches(tokenizer, seed=3)
    again.set_state(state)
    resumed = next(again)
    for name in ("corrupted", "corrupted_spans"):
        np.testing.assert_array_equal(resumed[name].ids, second[name].ids)
    assert from_json(to_json(data)) == data


def test_sentinels(inner, tokenizer):
    size = tokenizer.size
    assert LastPieces()(tokenizer, 3).tolist() == [size - 1, size - 2, size - 3]
    names = [tokenizer.pieces()[n] for n in NumberedPieces()(tokenizer, 40).tolist()]
    assert names == list(NAMES) and MaskPieces()(tokenizer, 2).tolist() == [MASK, MASK]
    with pytest.raises(UsageError, match="no piece '<extra_id_40>' for a span"):
        NumberedPieces()(tokenizer, 41)
    with pytest.raises(UsageError, match=f"the tokenizer has {size} pieces"):
        LastPieces()(tokenizer, size)
    with pytest.raises(UsageError, match="needs {} where the number stands"):
        NumberedPieces(name="<span>")


@pytest.mark.parametrize("wrong", [{"share": 0.0}, {"share": 1.0}, {"mean": 0.5}])
def test_settings_out_of_range_are_refused(inner, wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        SpanCorrupted(inner=inner, **wrong)
