"""What the tasks read off documentation is what their docstrings say."""

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.evaluation import PyDocsGrades, PyDocsLabels, PyDocsLinks
from jaxemb.evaluation.pydocs import first_sentence


def by_summary(docs):
    return {record["summary"]: record for record in docs.records("test")}


def linked(one, other):
    return other["name"] in one["links"] or one["name"] in other["links"]


def test_grades_are_read_off_the_structure(docs):
    records = by_summary(docs)
    problem = PyDocsGrades(source=docs, pairs=400).load()
    assert np.bincount(problem.gold.astype(int)).tolist() == [80, 80, 80, 80, 80]
    assert len(set(zip(problem.first, problem.second, strict=True))) == 400
    for first, second, gold in zip(problem.first, problem.second, problem.gold, strict=True):
        one, other = records[first], records.get(second)
        if gold == 4:
            assert second == first_sentence(one)
            continue
        same = [one[name] == other[name] for name in ("module", "package")]
        assert first != second
        assert linked(one, other) == (gold == 3)
        if gold < 3:
            assert same == {2: [True, True], 1: [False, True], 0: [False, False]}[gold]


def test_grades_take_what_there_is_where_a_grade_is_rare(docs):
    problem = PyDocsGrades(source=docs, pairs=2000).load()
    links = sum(len(record["links"]) > 0 for record in docs.records("test"))
    counts = np.bincount(problem.gold.astype(int))
    assert counts[3] == links
    assert counts[4] == len(docs.records("test"))


def test_linked_pairs_stand_beside_unlinked_ones_of_the_package(docs):
    records = by_summary(docs)
    problem = PyDocsLinks(source=docs, pairs=100).load()
    assert problem.gold.tolist() == [1, 0] * 50
    for first, second, gold in zip(problem.first, problem.second, problem.gold, strict=True):
        assert linked(records[first], records[second]) == bool(gold)
        assert records[first]["package"] == records[second]["package"]


def test_documents_without_links_have_no_pairs(docs):
    class Unlinked(type(docs)):
        def records(self, split):
            return [{**record, "links": ()} for record in super().records(split)]

    with pytest.raises(UsageError, match="links"):
        PyDocsLinks(source=Unlinked()).load()


def test_labels_come_from_both_splits_and_share_no_text(docs):
    problem = PyDocsLabels(source=docs, train=100, texts=90).load()
    assert problem.names == ("draw", "read", "solve", "sort", "write")
    assert (len(problem.train_texts), len(problem.texts)) == (100, 90)
    assert not set(problem.train_texts) & set(problem.texts)
    for text, label in zip(problem.texts, problem.labels, strict=True):
        assert f"will {problem.names[label]} " in text


def test_rare_labels_are_left_out(docs):
    class Rare(type(docs)):
        def records(self, split):
            records = super().records(split)
            return [
                {**record, "kind": "topic"} if n < 3 else record for n, record in enumerate(records)
            ]

    data = PyDocsLabels(source=Rare(), label="kind", text="summary")
    assert data.load().names == ("class", "function")
    with pytest.raises(UsageError, match="fewer than two values of kind"):
        PyDocsLabels(source=docs, label="kind", least=500).load()


def test_clusters_are_modules(docs):
    for data in (PyDocsGrades(source=docs, pairs=200), PyDocsLinks(source=docs)):
        problem = data.load()
        records = by_summary(docs)
        modules = [records[first]["cluster"] for first in problem.first]
        pairs = set(zip(modules, problem.clusters.tolist(), strict=True))
        assert len(pairs) == len(set(modules)) == len(set(problem.clusters.tolist()))


def test_fingerprint_follows_fields_and_source(docs):
    data = PyDocsGrades(source=docs)
    assert data.fingerprint() == PyDocsGrades(source=docs).fingerprint()
    others = (PyDocsGrades(source=docs, seed=1), PyDocsGrades(source=type(docs)(functions=7)))
    assert len({part.fingerprint() for part in (data, *others)}) == 3


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("It adds two numbers up. Then rests.", "It adds two numbers up."),
        ("It keeps e.g. three of them\nMore.", "It keeps e.g. three of them"),
        (
            "Returns the number of those that are there.",
            "Returns the number of those that are there.",
        ),
        ("Returns number : the count of those", None),
        ("Parameters x : the number to be added", None),
        (".. versionadded:: 3.2 in this form", None),
        ("Too short.", None),
        ("The summary of the object itself.", None),
        ("", None),
    ],
)
def test_first_sentence(body, expected):
    record = {"summary": "The summary of the object itself.", "body": body}
    assert first_sentence(record) == expected
