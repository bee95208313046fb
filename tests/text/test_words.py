"""Whole words and bytes as tokens."""

import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.text import SPECIALS, UNK, Bytes, Tokenizer, Words
from jaxemb.text.base import MASK

TEXTS = ["Sort the list, then the set.", "the list is sorted", "A café: naïve!"]


def test_words_stand_in_the_order_of_their_frequency_then_of_the_alphabet():
    tokenizer = Words(vocabulary=30).train(TEXTS)
    pieces = tokenizer.pieces()
    assert pieces[:5] == list(SPECIALS)
    assert pieces[5:7] == ["the", "list"]
    assert pieces[7:] == sorted(pieces[7:])
    assert Words(vocabulary=30).train(TEXTS[::-1]).to_json() == tokenizer.to_json()


def test_a_text_is_its_words_and_nothing_around_them():
    tokenizer = Words(vocabulary=30).train(TEXTS)
    pieces = tokenizer.pieces()
    ids = tokenizer.encode(["the LIST, cafe", "", "unheard of", "[MASK] [SEP]"])
    assert [pieces[i] for i in ids[0]] == ["the", "list", ",", "cafe"]
    assert ids[1].tolist() == [] and ids[2].tolist() == [UNK, UNK]
    assert MASK not in ids[3]


def test_rare_words_are_unknown_and_case_is_kept_where_asked():
    tokenizer = Words(vocabulary=30, least=2).train(TEXTS)
    assert tokenizer.pieces()[5:] == ["the", "list"]
    cased = Words(vocabulary=30, lowercase=False).train(TEXTS)
    assert {"Sort", "café"} <= set(cased.pieces())
    assert Words(vocabulary=8).train(TEXTS).size == 8
    with pytest.raises(UsageError, match="occurs 9 times"):
        Words(least=9).train(TEXTS)


@pytest.mark.parametrize(
    "text",
    [Words(vocabulary=30, max_tokens=6, query_tokens=4), Bytes(max_tokens=6, query_tokens=4)],
)
def test_a_long_text_is_its_beginning_in_every_role(text):
    """There is no mark of the end to keep."""
    tokenizer = text.train(TEXTS)
    whole = from_json(to_json(text)).__class__(vocabulary=text.vocabulary, max_tokens=400)
    again = Tokenizer.from_json(tokenizer.to_json(), whole)
    (long,) = again.encode([TEXTS[0]])
    for role, limit in (("document", 6), ("query", 4)):
        (cut,) = tokenizer.encode([TEXTS[0]], role=role)
        np.testing.assert_array_equal(cut, long[:limit])
    (cut,) = tokenizer.encode([TEXTS[0]], max_tokens=3)
    np.testing.assert_array_equal(cut, long[:3])


def test_bytes_are_those_of_utf_8_and_come_back():
    rng = np.random.default_rng()
    codes = rng.choice(np.r_[1:0xD800, 0xE000:0x110000], 300)
    text = "".join(map(chr, codes)) + "\n\t é 中 🙂"
    (ids,) = Bytes(max_tokens=4000).train().encode([text])
    assert bytes((ids - len(SPECIALS)).tolist()).decode() == text
    every = "".join(map(chr, range(1, 256)))
    (ids,) = Bytes(max_tokens=4000).train().encode([every])
    np.testing.assert_array_equal(ids - 5, np.frombuffer(every.encode(), np.uint8))


def test_bytes_need_no_texts_and_no_less_than_all_of_them():
    assert Bytes().train().to_json() == Bytes().train(["anything"]).to_json()
    assert Bytes().train().size == Bytes().vocabulary == 261
    assert (
        Bytes().train().encode([" ", ""])[1].tolist() == Bytes().train().encode([" "])[0].tolist()
    )
    with pytest.raises(UsageError, match="at least 261"):
        Bytes(vocabulary=256)
