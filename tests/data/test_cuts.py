"""Texts cut to their first words, and retrieval of documents of some length."""

from dataclasses import dataclass

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.data import FirstWords, GivenTexts, HardNegatives, OfValue, first_words
from jaxemb.evaluation import DocumentWords
from jaxemb.evaluation.problems import RetrievalData, RetrievalProblem

RNG = np.random.default_rng()


def test_first_words_are_those_of_a_split():
    for _ in range(50):
        pieces = RNG.choice(["a", "bcd", " ", "\n", "\t ", "é."], 12)
        text = "".join(pieces)
        for words in (1, 3, 9):
            cut = first_words(text, words)
            assert cut.split() == text.split()[:words] and text.startswith(cut)
            assert cut == text or cut == cut.rstrip()


def test_every_text_of_an_example_is_cut_and_equal_ones_have_equal_numbers():
    records = [
        {
            "summary": f"Sort {n} lists now.",
            "body": f"Stable sort {n}.",
            "module": "m",
            "name": str(n),
        }
        for n in range(3)
    ]
    view = FirstWords(inner=HardNegatives(), words=2)
    assert view.columns == HardNegatives().columns
    found = view(records)
    assert [e["query"] for e in found] == ["Sort 0", "Sort 1", "Sort 2"]
    assert {e["positive"] for e in found} == {"Stable sort"} == {e["negatives"][0] for e in found}
    assert len({e["query_id"] for e in found}) == 3 and len({e["positive_id"] for e in found}) == 1
    assert found[0]["negatives_id"] == (found[0]["positive_id"],)


@dataclass(frozen=True, kw_only=True)
class Five(RetrievalData):
    """Documents of 1 to 5 words; query n is answered by documents n and 4."""

    def load(self) -> RetrievalProblem:
        return RetrievalProblem(
            queries=[f"q{n}" for n in range(4)],
            documents=[" ".join([f"d{n}"] * (n + 1)) for n in range(5)],
            relevant=[{n: 1, 4: 2} if n else {0: 1} for n in range(4)],
            clusters=np.arange(4, dtype=np.int32),
            excluded=np.array([1, 2, 3, -1], np.int32),
        )


def test_short_documents_go_with_the_queries_that_only_they_answer():
    found = DocumentWords(inner=Five(), least=3, most=2).load()
    assert found.documents == ["d2 d2", "d3 d3", "d4 d4"]
    assert found.queries == ["q1", "q2", "q3"] and found.clusters.tolist() == [1, 2, 3]
    assert found.relevant == [{2: 2}, {0: 1, 2: 2}, {1: 1, 2: 2}]
    assert found.excluded.tolist() == [0, 1, -1]
    whole = DocumentWords(inner=Five()).load()
    assert whole.documents == Five().load().documents and whole.relevant == Five().load().relevant
    with pytest.raises(UsageError, match="at least 6 words"):
        DocumentWords(inner=Five(), least=6).load()


def test_records_of_a_value_are_kept():
    source = GivenTexts(texts=("a", "b", "a"))
    found = OfValue(inner=source, field="text", values=("a", "c"))
    assert found.records("dev") == [{"text": "a"}, {"text": "a"}]
    assert found.fingerprint() != OfValue(inner=source, field="text", values=("a",)).fingerprint()
    with pytest.raises(UsageError, match="no field 'label'"):
        OfValue(inner=source, field="label", values=("a",)).records("train")
    with pytest.raises(UsageError, match="no record of split"):
        OfValue(inner=source, field="text", values=("z",)).records("train")
