"""Tokenizers of every kind whose pieces get other ids."""

import json

import numpy as np
import pytest
import tokenizers

from jaxemb.config import UsageError
from jaxemb.text import Bytes, GivenPieces, Tokenizer, WordPiece, Words, fixed_ids, renumbered

TEXTS = ["Sort an array of numbers", "a list, sorted", "the rows of a table", "merge two tables"]
RNG = np.random.default_rng()


def unigram() -> Tokenizer:
    pieces = [(p, 0.0) for p in ("<s>", "<pad>", "</s>", "<unk>", "▁")]
    pieces += [(letter, -2.0) for letter in "abcdefghilmnorstuwy"] + [("▁so", -1.0), ("rt", -1.0)]
    model = tokenizers.models.Unigram(pieces, unk_id=3)
    backend = tokenizers.Tokenizer(model)
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    return Tokenizer(backend, GivenPieces(vocabulary=len(pieces)))


MADE = {
    "words": lambda: Words(vocabulary=64).train(TEXTS),
    "pieces": lambda: WordPiece(vocabulary=64).train(TEXTS),
    "bytes": lambda: Bytes().train(),
    "unigram": unigram,
}


@pytest.mark.parametrize("kind", MADE)
def test_texts_are_cut_as_before_and_only_the_ids_are_others(kind):
    tokenizer = MADE[kind]()
    ids, kept = np.arange(tokenizer.size), fixed_ids(tokenizer)
    moving = np.setdiff1d(ids, kept)
    ids[moving] = RNG.permutation(moving)
    other = renumbered(tokenizer, ids)
    for before, after in zip(tokenizer.encode(TEXTS), other.encode(TEXTS), strict=True):
        np.testing.assert_array_equal(ids[before], after)
    again = Tokenizer.from_json(other.to_json(), other.text)
    assert again.pieces() == other.pieces()
    assert np.array(other.pieces())[ids].tolist() == tokenizer.pieces()
    assert kept[:5] == [0, 1, 2, 3, 4]


def test_added_words_stay_and_special_pieces_may_not_move():
    tokenizer = Words(vocabulary=64).train(TEXTS)
    more = tokenizer.with_words(["quicksort"], tokenizer.text)
    added = [piece["id"] for piece in json.loads(more.to_json())["added_tokens"]]
    assert added and set(added) <= set(fixed_ids(more))
    ids = list(range(tokenizer.size))
    with pytest.raises(UsageError, match="special piece of id 0"):
        renumbered(tokenizer, [*ids[1:], 0])
    with pytest.raises(UsageError, match="in some order"):
        renumbered(tokenizer, ids[:-1])
