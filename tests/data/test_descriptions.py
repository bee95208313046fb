"""Descriptions from owners and from broader words, and sentences that a rule denies."""

import json

import pytest

from jaxemb.config import UsageError
from jaxemb.data import BroaderMeanings, DeniedEntailment, OwnerDescriptions, negated
from jaxemb.data.base import Source
from jaxemb.evaluation import Choice, RetrievalRecords, TripletRecords


class Given(Source):
    """Records of one split, the same in all of them."""

    def __init__(self, *records):
        object.__setattr__(self, "given", records)

    def __hash__(self):
        return id(self)

    def records(self, split):
        return self.given

    def fingerprint(self):
        return repr(self.given)


def said(name: str, summary: str) -> dict:
    return {"name": name, "summary": summary, "module": "m"}


def test_an_object_is_described_by_its_owner_and_misled_by_the_next_one():
    source = Given(
        said("m", "A module."), said("m.A", "About A."), said("m.A.f", "Do f."),
        said("m.B", "About B."), said("m.B.g", "Do g."), said("m.C", "About C."),
        said("m.C.h", "Do h."), said("m.D.i", "Its owner says nothing."), said("m.C.j", ""),
    )  # fmt: skip
    found = OwnerDescriptions(source=source).records("train")
    assert [(r["text"], r["description"], r["misleading"]) for r in found] == [
        ("Do f.", "About A.", ["About B."]),
        ("Do g.", "About B.", ["About A."]),
        ("Do h.", "About C.", ["About B."]),
    ]


WORDS = (
    ("dog", "noun", "a tame canine", "domestic dog"),
    ("hound", "noun", "a dog that hunts", "hunting dog"),
    ("cat", "noun", "a tame feline", "house cat"),
    ("canine", "noun", "a beast with claws that stay", "canid"),
    ("feline", "noun", "a beast with claws that hide", "felid"),
    ("beast", "noun", "a living thing that moves", "animal"),
    ("dog", "verb", "go after", "tail"),
)
SETS = (
    ("noun", ["andiron", "dog"], ["feline"]),
    ("noun", ["dog", "domestic dog"], ["canine", "canid"]),
    ("noun", ["hound", "hunting dog"], ["hunter", "dog"]),
    ("noun", ["cat", "house cat"], ["feline"]),
    ("noun", ["canine", "canid"], ["beast"]),
    ("noun", ["feline", "felid"], ["beast"]),
    ("noun", ["beast", "animal"], []),
)


@pytest.fixture
def meanings(tmp_path):
    rows = ["word\tpos\tdefinition\tsynonyms", *("\t".join(row) for row in WORDS)]
    (tmp_path / "wordnet.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    lines = (json.dumps({"pos": p, "words": w, "broader": b}) for p, w, b in SETS)
    (tmp_path / "sets.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return BroaderMeanings(path=str(tmp_path), definitions="wordnet.tsv", words="sets.jsonl")


def test_a_word_is_described_by_a_broader_one_and_misled_by_its_sibling(meanings):
    found = {
        r["name"]: (r["text"], r["description"], r["misleading"][0])
        for split in ("train", "dev", "test")
        for r in meanings.records(split)
    }
    canine, feline = "a beast with claws that stay", "a beast with claws that hide"
    # A canine is a beast, which is nothing broader; a dog has no sibling beside the hound's dog.
    assert found == {
        "dog": ("a tame canine", canine, feline),
        "cat": ("a tame feline", feline, canine),
    }


def test_no_description_is_in_two_splits(meanings):
    parts = [{r["broader"] for r in meanings.records(s)} for s in ("train", "dev", "test")]
    assert sum(map(len, parts)) == len(set().union(*parts))
    with pytest.raises(UsageError, match="no split 'all'"):
        meanings.records("all")


@pytest.mark.parametrize(
    ("sentence", "denied"),
    [
        ("A man is playing a guitar .", "A man is not playing a guitar ."),
        ("People were outside .", "People were not outside ."),
        ("The index must be an integer.", "The index must not be an integer."),
        ("Return a list.", "Do not return a list."),
        ("Computes the mean.", "Does not compute the mean."),
        ("Searches a string.", "Does not search a string."),
        ("A man is not here .", None),
        ("Nobody is here .", None),
        ("It isn't so .", None),
        ("A dog in the snow .", None),
        ("Class for things", None),
    ],
)
def test_a_sentence_is_denied_by_rule_or_not_at_all(sentence, denied):
    assert negated(sentence) == denied


def nli(premise: str, hypothesis: str, label: str) -> dict:
    return {"premise": premise, "hypothesis": hypothesis, "label": label}


def test_only_what_is_implied_is_denied():
    inner = Given(
        nli("A man runs .", "A man is moving .", "entailment"),
        nli("A man runs .", "A man is asleep .", "contradiction"),
        nli("A man runs .", "Movement", "entailment"),
    )
    found = DeniedEntailment(inner=inner).records("train")
    assert [(r["anchor"], r["entailment"], r["negation"]) for r in found] == [
        ("A man runs .", "A man is moving .", ["A man is not moving ."])
    ]


def test_records_become_a_search_and_triplets():
    rows = [{"a": "x", "b": "1", "c": ["2", "3"]}, {"a": "y", "b": "3", "c": ["1"]},
            {"a": "x", "b": "3", "c": ["2"]}]  # fmt: skip
    problem = RetrievalRecords(source=Given(*rows), query="a", document="b").load()
    assert problem.queries == ["x", "y"] and problem.documents == ["1", "3"]
    assert problem.relevant == [{0: 1, 1: 1}, {1: 1}]
    told = TripletRecords(source=Given(*rows), anchor="a", nearer="b", farther="c").load()
    assert told.farther == ["2", "1", "2"] and told.anchors == ["x", "y", "x"]


def test_anchors_may_be_read_in_another_role():
    import numpy as np

    rows = [{"anchor": "x", "positive": "1", "negative": "2"}]
    data, asked = TripletRecords(source=Given(*rows)), []

    def embed(texts, role):
        asked.append((tuple(texts), role))
        return np.eye(3, dtype=np.float32)[: len(texts)]

    Choice(data=data, anchor_role="document").run(embed)
    Choice(data=data).run(embed)
    assert asked == [
        (("1", "2"), "query"), (("x",), "document"), (("1", "2"), "query"), (("x",), "query"),
    ]  # fmt: skip
