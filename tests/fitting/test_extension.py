"""New words for an old vocabulary: what stays, what a new row is, and what a stored stage keeps."""

import dataclasses

import jax
import numpy as np
import pytest

import jaxemb
from jaxemb.config import UsageError
from jaxemb.encoders import Transformer
from jaxemb.fitting import MoreWords, Vocabulary
from jaxemb.model import Embedder, Model
from jaxemb.pooling import FirstToken
from jaxemb.study.stages import _read_change, _write_change
from jaxemb.text import WordPiece
from jaxemb.tokens import TokenTable

KEY = jax.random.key(3)
OLD = ["the cat sat on the mat", "the dog ran at the rug", "a cat and a dog", "stone, sand"] * 3
NEW = ["dormant strategems", "strategems and dormant toads; tornado strategems", "the toads"] * 2
UNTOUCHED = [*OLD[:4], "a strategemstone", "tornadoes_dormant", "", "undormant at"]


def model(vocabulary: int = 64, **text) -> Model:
    embedder = Embedder(
        text=WordPiece(vocabulary=vocabulary, max_tokens=24, **text),
        tokens=TokenTable(),
        encoder=Transformer(layers=2, width=16, heads=2),
        pooling=FirstToken(),
    )
    return Vocabulary().fit(Model.create(embedder, KEY), OLD, KEY)


def more(start: Model, words: int = 3) -> Model:
    return MoreWords(words=words).fit(start, NEW, KEY)


@pytest.mark.parametrize("vocabulary", [40, 64, 4096], ids=["full", "nearly full", "room"])
def test_texts_without_a_new_word_keep_ids_and_vectors_bit_for_bit(vocabulary):
    start = model(vocabulary)
    done = more(start)
    for before, after in zip(
        start.tokenizer.encode(UNTOUCHED), done.tokenizer.encode(UNTOUCHED), strict=True
    ):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(
        start.encode(UNTOUCHED, strict=True), done.encode(UNTOUCHED, strict=True)
    )
    assert not np.array_equal(start.encode(NEW[0]), done.encode(NEW[0]))


def test_the_most_frequent_words_that_were_cut_are_added_and_read_whole():
    start = model()
    done = more(start)
    size = start.tokenizer.size
    assert done.tokenizer.pieces()[size:] == ["strategems", "dormant", "toads"]  # tornado: fourth
    ids = done.tokenizer.encode(["Strategems, toads."])[0]
    assert ids[1] == size and size + 2 in ids
    assert done.tokenizer.size == size + 3 <= done.embedder.text.vocabulary


@pytest.mark.parametrize("vocabulary", [40, 4096], ids=["full", "room"])
def test_a_new_row_is_the_mean_of_the_rows_of_the_old_pieces(vocabulary):
    start = model(vocabulary)
    done = more(start)
    old, new = (np.asarray(m.params["tokens"]["embedding"], np.float64) for m in (start, done))
    size = start.tokenizer.size
    np.testing.assert_array_equal(new[:size], old[:size])
    np.testing.assert_array_equal(new[size + 3 :], old[size + 3 :])
    for place, word in enumerate(done.tokenizer.pieces()[size:]):
        pieces = start.tokenizer.encode([word])[0][1:-1]
        assert len(pieces) > 1
        np.testing.assert_allclose(new[size + place], old[pieces].mean(axis=0), rtol=1e-6)
    assert len(new) == max(vocabulary, size + 3) == done.embedder.text.vocabulary


def test_a_model_with_new_words_is_saved_and_loaded(tmp_path):
    done = more(model(40))
    done.save(tmp_path / "model")
    loaded = jaxemb.load(tmp_path / "model")
    assert loaded.embedder == done.embedder
    np.testing.assert_array_equal(loaded.encode(NEW), done.encode(NEW))


def test_a_stored_stage_keeps_the_larger_embedder(tmp_path):
    start = model(40)
    done = more(start)
    _write_change(tmp_path / "stage", start, done)
    read = _read_change(tmp_path / "stage", start)
    assert read.embedder == done.embedder != start.embedder
    np.testing.assert_array_equal(read.encode(NEW + UNTOUCHED), done.encode(NEW + UNTOUCHED))


def test_a_stored_stage_leaves_the_rest_of_the_embedder_to_each_arm(tmp_path):
    start = model(40)
    _write_change(tmp_path / "stage", start, more(start))
    encoder = dataclasses.replace(start.embedder.encoder, layers=1)
    embedder = dataclasses.replace(start.embedder, encoder=encoder)
    other = dataclasses.replace(Model.create(embedder, KEY), tokenizer=start.tokenizer)
    read = _read_change(tmp_path / "stage", other)
    assert read.embedder.encoder == encoder
    assert read.embedder.text == more(start).embedder.text
    assert read.encode(NEW).shape == (len(NEW), 16)
    changed = dataclasses.replace(more(start), embedder=read.embedder)
    with pytest.raises(TypeError, match="no part of the embedder but its text"):
        _write_change(tmp_path / "refused", start, changed)
    assert not (tmp_path / "refused").exists()


def test_nothing_is_added_where_no_word_is_cut_or_none_is_asked_for():
    start = model(4096)
    for done in (MoreWords().fit(start, OLD, KEY), MoreWords(words=0).fit(start, NEW, KEY)):
        assert done.tokenizer.to_json() == start.tokenizer.to_json()
        np.testing.assert_array_equal(
            done.params["tokens"]["embedding"], start.params["tokens"]["embedding"]
        )


def test_what_has_no_tokenizer_or_no_room_is_refused():
    start = model()
    with pytest.raises(UsageError, match="needs a TokenTable and a fitted tokenizer"):
        MoreWords().fit(dataclasses.replace(start, tokenizer=None), NEW, KEY)
    with pytest.raises(UsageError, match="no room for"):
        start.tokenizer.with_words([f"word{n}" for n in range(100)], start.embedder.text)
