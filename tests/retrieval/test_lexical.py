"""BM25 against its formula, written out."""

import math
from collections import Counter

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.retrieval import BM25
from jaxemb.retrieval.lexical import words

DOCUMENTS = [
    "Read a table from a file.",
    "Write the table to a file, to the same file.",
    "Draw a picture",
    "",
    "Read a table from a file.",
]


def formula(query, documents, k1, b):
    counts = [Counter(words(document)) for document in documents]
    mean = sum(sum(count.values()) for count in counts) / len(counts)
    scores = np.zeros(len(documents))
    for word in words(query):
        holds = sum(word in count for count in counts)
        idf = math.log(1 + (len(documents) - holds + 0.5) / (holds + 0.5))
        for place, count in enumerate(counts):
            length = sum(count.values())
            scores[place] += idf * count[word] / (count[word] + k1 * (1 - b + b * length / mean))
    return scores


@pytest.mark.parametrize(("k1", "b"), [(1.2, 0.75), (0.9, 0.4)])
@pytest.mark.parametrize(
    "query", ["a table", "file file the", "unheard-of words", "Draw_1 picture", ""]
)
def test_scores_follow_the_formula(query, k1, b):
    index = BM25(k1=k1, b=b).index(DOCUMENTS)
    np.testing.assert_allclose(index.scores(query), formula(query, DOCUMENTS, k1, b), atol=1e-6)


def test_search_is_a_stable_sort_of_the_scores():
    index = BM25().index(DOCUMENTS)
    for k in (1, 2, 3, 5, 9):
        ids, scores = index.search(["read a file", "nothing"], k)
        assert ids.shape == scores.shape == (2, min(k, 5))
        for row, query in enumerate(["read a file", "nothing"]):
            expected = np.argsort(-index.scores(query), kind="stable")[:k]
            np.testing.assert_array_equal(ids[row], expected)


def test_letters_keep_their_marks_in_every_script():
    """To `re` a vowel sign is no letter: words of Hindi would fall to pieces that all share."""
    documents = ["मेला", "माला माली मूल मूली मिल", "पानी"]
    assert words(" ".join(documents)) == " ".join(documents).split()
    assert BM25().index(documents).search(["मेला"], 1)[0].tolist() == [[0]]
    assert words("Cafe\u0301 สวัสดี، a_b") == ["cafe\u0301", "สวัสดี", "a", "b"]


def test_documents_without_words_are_refused():
    with pytest.raises(UsageError, match="none in the 2 documents"):
        BM25().index(["", "..."])


def test_the_library_below_tells_no_details(caplog):
    with caplog.at_level("DEBUG"):
        BM25().index(["a word", "another word"])
    assert not [record for record in caplog.records if record.name.startswith("bm25s")]
