import os
import subprocess
import sys
import time

import numpy as np
import pytest
import tokenizers

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.text import CLS, PAD, SEP, SPECIALS, UNK, Template, Tokenizer, WordPiece

TEXTS = [
    "Return a sorted copy of an array.",
    "Sort the array in-place, along an axis.",
    "Compute the café's eigenvalues: naïve → fast.",
    "def sorted_copy(values): return sorted(values)",
] * 5


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return WordPiece(vocabulary=256, max_tokens=16).train(TEXTS)


def test_specials_are_the_first_five_ids(tokenizer):
    assert tokenizer.pieces()[:5] == list(SPECIALS)
    assert (PAD, UNK, CLS, SEP) == (0, 1, 2, 3)


def test_a_text_stands_between_cls_and_sep(tokenizer):
    (ids,) = tokenizer.encode(["sorted array"])
    assert ids[0] == CLS and ids[-1] == SEP and len(ids) > 2
    assert ids.dtype == np.int32


def test_pieces_of_a_word_spell_it(tokenizer):
    pieces = tokenizer.pieces()
    (ids,) = tokenizer.encode(["eigenvalues axis"])
    spelled = "".join(pieces[i].removeprefix("##") for i in ids[1:-1])
    assert spelled == "eigenvaluesaxis"


def test_small_texts_give_fewer_pieces_than_the_vocabulary_allows():
    assert WordPiece(vocabulary=8192).train(["sort"]).size < 50


def test_size_never_exceeds_the_vocabulary():
    for vocabulary in (7, 20, 40, 64):
        tokenizer = WordPiece(vocabulary=vocabulary).train(TEXTS)
        assert tokenizer.size <= vocabulary
        assert max(ids.max() for ids in tokenizer.encode(TEXTS)) < tokenizer.size


def test_case_and_accents_are_folded_unless_asked_otherwise(tokenizer):
    a, b = tokenizer.encode(["Café SORT", "cafe sort"])
    np.testing.assert_array_equal(a, b)
    cased = WordPiece(vocabulary=256, lowercase=False).train(TEXTS)
    a, b = cased.encode(["Sort", "sort"])
    assert a.tolist() != b.tolist()


def test_an_empty_text_is_cls_sep(tokenizer):
    for ids in tokenizer.encode(["", "  \n", "\u200b"]):
        assert ids.tolist() == [CLS, SEP]


def test_no_texts_give_no_ids(tokenizer):
    assert tokenizer.encode([]) == []


def test_special_pieces_cannot_be_written_in_a_text(tokenizer):
    (ids,) = tokenizer.encode(["[MASK] [SEP] [PAD]"])
    assert set(ids[1:-1].tolist()).isdisjoint({PAD, CLS, SEP, 4})


def test_truncation_keeps_sep_and_equals_the_head_of_the_whole(tokenizer):
    text = " ".join(TEXTS)
    (short,) = tokenizer.encode([text])
    (whole,) = Tokenizer.from_json(tokenizer.to_json(), WordPiece(max_tokens=5000)).encode([text])
    assert len(short) == 16 and short[-1] == SEP
    np.testing.assert_array_equal(short[:-1], whole[:15])


def test_a_cut_text_with_vanishing_words_is_still_encoded_whole(tokenizer):
    text = "\u200b " * 500 + "sorted array axis"  # the first 500 words have no pieces
    (ids,) = tokenizer.encode([text])
    (expected,) = tokenizer.encode(["sorted array axis"])
    np.testing.assert_array_equal(ids, expected)


@pytest.mark.parametrize("text", ["sort " * 100_000, "a," * 50_000, "x" * 100_000, "\n" * 100_000])
def test_a_100_000_token_text_is_cut_quickly(tokenizer, text):
    start = time.perf_counter()
    (ids,) = tokenizer.encode([text])
    assert len(ids) <= 16
    assert time.perf_counter() - start < 2


def test_lone_surrogates_do_not_crash(tokenizer):
    (ids,) = tokenizer.encode(["sort \ud800 array"])
    assert ids[0] == CLS and ids[-1] == SEP


def test_a_tokenizer_that_cannot_read_says_so_in_a_sentence():
    backend = tokenizers.Tokenizer(tokenizers.models.WordPiece({"a": 0}, unk_token="[UNK]"))
    with pytest.raises(UsageError, match="cannot read texts: WordPiece error"):
        Tokenizer(backend, WordPiece(vocabulary=7)).encode(["zebra"])


def test_a_value_that_is_no_string_is_named_by_position(tokenizer):
    with pytest.raises(UsageError, match=r"text number 2 .* is a NoneType, not a string"):
        tokenizer.encode(["a", "b", None])
    with pytest.raises(UsageError, match="not one string"):
        tokenizer.encode("one text")


def test_role_prefixes_and_prompts_are_text_before_the_text():
    text = WordPiece(vocabulary=256, template=Template(query="sort: ", document="array: "))
    tokenizer = text.train(TEXTS)
    plain = Tokenizer.from_json(tokenizer.to_json(), WordPiece(vocabulary=256))
    for got, same in (
        (tokenizer.encode(["axis"], role="query"), plain.encode(["sort: axis"])),
        (tokenizer.encode(["axis"]), plain.encode(["array: axis"])),
        (tokenizer.encode(["axis"], prompt="copy "), plain.encode(["copy axis"])),
        (tokenizer.encode(["axis"], prompt=""), plain.encode(["axis"])),
    ):
        np.testing.assert_array_equal(got[0], same[0])


def test_an_unknown_role_lists_the_roles(tokenizer):
    with pytest.raises(UsageError, match="unknown role 'passage'.*query, document"):
        tokenizer.encode(["a"], role="passage")


def test_json_round_trip(tokenizer):
    again = Tokenizer.from_json(tokenizer.to_json(), tokenizer.text)
    assert again.to_json() == tokenizer.to_json() and again.size == tokenizer.size
    for a, b in zip(again.encode(TEXTS), tokenizer.encode(TEXTS), strict=True):
        np.testing.assert_array_equal(a, b)


def test_other_json_is_refused(tokenizer):
    with pytest.raises(UsageError, match="not the JSON of a tokenizer"):
        Tokenizer.from_json("{}", tokenizer.text)


def test_the_configuration_survives_json():
    text = WordPiece(vocabulary=100, template=Template(query="q: "))
    assert from_json(to_json(text)) == text


def test_training_is_the_same_in_every_process(tokenizer):
    script = (
        "import hashlib; from jaxemb.text import WordPiece\n"
        f"json = WordPiece(vocabulary=256, max_tokens=16).train({TEXTS!r}).to_json()\n"
        "print(hashlib.sha256(json.encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "TOKENIZERS_PARALLELISM": parallel},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed, parallel in (("1", "false"), ("2", "true"))
    }  # fmt: skip
    assert len(digests) == 1


def test_training_on_nothing_is_refused():
    for texts in ([], ["", " \n"]):
        with pytest.raises(UsageError, match="no text to train the tokenizer on"):
            WordPiece().train(texts)


@pytest.mark.parametrize(("field", "value"), [("max_tokens", 2), ("vocabulary", 6)])
def test_sizes_without_room_for_text_are_refused(field, value):
    with pytest.raises(UsageError, match=f"{field} takes .* of at least {value + 1}, not {value}"):
        WordPiece(**{field: value})


def test_training_takes_any_iterable(tokenizer):
    again = WordPiece(vocabulary=256, max_tokens=16).train(text for text in TEXTS)
    assert again.to_json() == tokenizer.to_json()


def test_forking_after_use_writes_no_warning():
    script = (
        "import os; from jaxemb.text import WordPiece\n"
        "tokenizer = WordPiece().train(['sort an array'] * 100)\n"
        "tokenizer.encode(['sort'] * 1000)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    tokenizer.encode(['sort'] * 1000); os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TOKENIZERS_PARALLELISM"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0 and "fork" not in done.stderr
