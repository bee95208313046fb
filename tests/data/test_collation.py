"""Batches hold the numbers that examples have: ids of any size, real numbers as they are."""

import numpy as np
import pytest
import tokenizers

from jaxemb.config import UsageError
from jaxemb.data.collation import Collator
from jaxemb.text import GivenPieces, Tokenizer

PIECES = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "sort": 5}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    pieces = PIECES | {"file": 65_541, "list": 70_000}
    backend = tokenizers.Tokenizer(tokenizers.models.WordPiece(pieces, unk_token="[UNK]"))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return Tokenizer(backend, GivenPieces(vocabulary=70_001))


@pytest.mark.parametrize("remember", [True, False])
def test_ids_beyond_16_bits_are_those_of_encode(tokenizer, remember):
    texts = ["sort list", "file", "list file sort"]
    collated = Collator(("query",), tokenizer, remember=remember)
    for _ in range(2):  # the second time from what is remembered
        batch = collated([{"query": text} for text in texts])["query"]
        for row, mask, ids in zip(batch.ids, batch.mask, tokenizer.encode(texts), strict=True):
            np.testing.assert_array_equal(row[mask], ids)
    assert batch.ids.max() == 70_000


def collated(tokenizer, name, values):
    return Collator((name,), tokenizer, remember=False)([{name: value} for value in values])[name]


@pytest.mark.parametrize("values", [[0.5, 0.25], [np.float64(0.5), 1], [np.full((2, 3), 0.5)] * 2])
def test_real_numbers_of_any_rank_stay_what_they_are(tokenizer, values):
    found = collated(tokenizer, "weight", values)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.asarray(values))


def test_whole_numbers_that_do_not_fit_are_refused(tokenizer):
    assert collated(tokenizer, "query_id", [2**31 - 1, -(2**31)]).dtype == np.int32
    for far in (2**40, 2**31, -(2**31) - 1):
        with pytest.raises(UsageError, match="'query_id' holds whole numbers beyond 32 bits"):
            collated(tokenizer, "query_id", [1, far])
