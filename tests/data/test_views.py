import re
import time

import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.data import (
    ClassPairs,
    Columns,
    Following,
    HardNegatives,
    Labels,
    NameRemoved,
    Neighbour,
    Questions,
    SeeAlso,
    ShuffledPositives,
    SummaryToBody,
    SummaryToCode,
    View,
    document,
    lexical_overlap,
    normalise,
    question,
)

VIEWS = (
    SummaryToBody(),
    SummaryToCode(),
    Neighbour(),
    SeeAlso(),
    Labels(),
    Labels(field="kind"),
    NameRemoved(),
    NameRemoved(inner=SummaryToCode()),
    HardNegatives(count=3),
    ShuffledPositives(),
    Columns(query="summary", positive="body"),
    HardNegatives(inner=NameRemoved()),
    Questions(),
    HardNegatives(inner=Questions(inner=NameRemoved())),
    ClassPairs(inner=Labels(field="kind"), count=2),
)


def record(name: str, **fields) -> dict:
    empty = {"body": "", "code": "", "links": (), "neighbours": (), "kind": "function"}
    module = name.rpartition(".")[0]
    return {"name": name, "module": module, "package": "p", **empty, **fields}


RECORDS = [
    record("m.sort", summary="Sort a list.", body="`m.sort` is stable. Resort.", links=("m.heap",),
           neighbours=("m.heap",), code="def sort(x):\n    return x"),
    record("m.heap", summary="Make a heap.", body="It is a tree.", neighbours=("m.sort", "n.x"),
           code="def heap(): pass"),
    record("n.x", summary="SORT  a list.", body="Another body.", links=("m.sort", "gone.away")),
    record("n.y", summary="Do nothing."),
]  # fmt: skip


@pytest.mark.parametrize("view", VIEWS, ids=repr)
def test_examples_have_the_columns_that_were_promised(pydocs, view: View):
    records = pydocs.records("train")
    examples = view(records)
    assert examples
    for example in examples:
        assert set(view.columns) <= set(example)
        assert {"group", "name"} <= set(example)
        for column in view.columns:
            kind = str if column in ("query", "positive") else (int, float, tuple)
            assert isinstance(example[column], kind)
    assert view(records) == examples
    assert from_json(to_json(view)) == view


@pytest.mark.parametrize("view", VIEWS, ids=repr)
def test_equal_texts_have_equal_numbers_across_columns(pydocs, view: View):
    numbers: dict[str, set[int]] = {}
    for example in view(pydocs.records("train")):
        for role in ("query", "positive"):
            if role in view.columns:
                numbers.setdefault(normalise(example[role]), set()).add(example[f"{role}_id"])
        for text, number in zip(
            example.get("negatives", ()), example.get("negatives_id", ()), strict=True
        ):
            numbers.setdefault(normalise(text), set()).add(number)
    assert all(len(ids) == 1 for ids in numbers.values())
    assert len({min(ids) for ids in numbers.values()}) == len(numbers)


def test_summary_to_body_leaves_out_records_without_a_body():
    examples = SummaryToBody()(RECORDS)
    assert [e["name"] for e in examples] == ["m.sort", "m.heap", "n.x"]
    assert examples[0]["query_id"] == examples[2]["query_id"] != examples[1]["query_id"]


def test_a_text_is_no_pair_with_itself():
    assert SummaryToBody()([record("m.f", summary="Do it.", body="do  it.")]) == []


def test_summary_to_code():
    assert [e["positive"] for e in SummaryToCode()(RECORDS)] == [
        "def sort(x):\n    return x",
        "def heap(): pass",
    ]


def test_neighbour_pairs_go_forward_once():
    pairs = [(e["query"], e["positive"]) for e in Neighbour()(RECORDS)]
    assert pairs == [
        (document(RECORDS[0]), document(RECORDS[1])),
        (document(RECORDS[1]), document(RECORDS[2])),
    ]


def test_the_following_text_is_that_of_the_next_number_in_the_same_file():
    records = [
        {"i": str(n), "text": f"{file} {n}", "module": file} for file in "ab" for n in (0, 1, 3, 4)
    ]
    pairs = [(e["query"], e["positive"]) for e in Following()(records)]
    assert pairs == [("a 0", "a 1"), ("a 3", "a 4"), ("b 0", "b 1"), ("b 3", "b 4")]
    with pytest.raises(UsageError, match="no field 'i'"):
        Following()([{"text": "a"}])


def test_see_also_follows_links_inside_the_split():
    pairs = [(e["name"], e["positive"]) for e in SeeAlso()(RECORDS)]
    assert pairs == [("m.sort", document(RECORDS[1])), ("n.x", document(RECORDS[0]))]


def test_labels_number_the_values():
    labels = [e["label"] for e in Labels(field="module")(RECORDS)]
    assert labels == [0, 0, 1, 1]
    chosen = Labels(field="module", classes=("n", "k"))(RECORDS)
    assert [(e["name"], e["label"]) for e in chosen] == [("n.x", 0), ("n.y", 0)]
    with pytest.raises(UsageError, match="record 1 has no field 'topic'; it has name, module"):
        Labels(field="topic")(RECORDS)


def test_the_name_is_removed_with_its_prefix_in_any_case():
    (first, *_) = NameRemoved()(RECORDS)
    assert first["query"] == "a list."
    assert first["positive"] == "`` is stable. Resort."
    (code, *_) = NameRemoved(inner=SummaryToCode())(RECORDS)
    assert code["positive"] == "def(x):\n    return x"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("see a.b.sort now", "see now"),
        ("sort", ""),
        ("Sort, then SORT_ALL.", ", then SORT_ALL."),
        ("End. sort", "End."),
        (".sort sort.x", ".x"),
        ("sortsort sort sort", "sortsort"),
        ("İ sort", "İ sort"),  # its lower case has another length: left alone
    ],
)
def test_removal_of_a_name(text, kept):
    (example,) = NameRemoved()([record("m.sort", summary="Q.", body=text + " x")])
    assert example["positive"] == (kept + " x").strip()


def test_no_query_has_the_name_of_its_object(pydocs):
    def named(view: View) -> int:
        return sum(
            re.search(rf"(?<!\w){re.escape(e['name'].rpartition('.')[2])}(?!\w)", e["query"], re.I)
            is not None
            for e in view(pydocs.records("train"))
        )

    assert named(SummaryToBody()) > 20
    assert named(NameRemoved()) == 0


def test_overlap_is_the_share_of_query_words_in_the_positive():
    assert lexical_overlap([{"query": "Sort a list", "positive": "a LIST"}]) == pytest.approx(2 / 3)
    assert lexical_overlap([]) == lexical_overlap([{"query": "-", "positive": "a"}]) == 0.0


def test_hard_negatives_stand_near_and_are_never_the_answer(pydocs):
    examples = HardNegatives(count=3)(pydocs.records("train"))
    positives: dict[int, set[int]] = {}
    for example in examples:
        positives.setdefault(example["query_id"], set()).add(example["positive_id"])
    groups = {normalise(e["positive"]): set() for e in examples}
    for example in examples:
        groups[normalise(example["positive"])].add(example["group"])
    for example in examples:
        ids = example["negatives_id"]
        assert len(ids) == len(set(ids)) == 3
        assert not positives[example["query_id"]] & set(ids)
        assert example["query_id"] not in ids
    near = [e["group"] in groups[normalise(e["negatives"][0])] for e in examples]
    assert sum(near) / len(near) > 0.8


def test_hard_negatives_need_other_texts():
    with pytest.raises(UsageError, match="only 1 other texts to be negatives, count=2"):
        HardNegatives(count=2)(RECORDS)
    assert HardNegatives(count=1)(RECORDS)


def test_shuffled_positives_are_the_same_texts_elsewhere(pydocs):
    plain, shuffled = (v(pydocs.records("train")) for v in (SummaryToBody(), ShuffledPositives()))
    assert [e["query"] for e in plain] == [e["query"] for e in shuffled]
    assert sorted(e["positive"] for e in plain) == sorted(e["positive"] for e in shuffled)
    kept = sum(a["positive_id"] == b["positive_id"] for a, b in zip(plain, shuffled, strict=True))
    assert kept < 0.1 * len(plain)


@pytest.mark.parametrize(
    ("sentence", "asked"),
    [
        ("Sort a list in place.", "How do I sort a list in place?"),
        ("Computes the norm. It is slow.", "How do I compute the norm?"),
        ("Return  the mean\nof rows.", "How do I get the mean of rows?"),
        ("Tries again; copies nothing.", "How do I try again; copies nothing?"),
        ("The number of rows.", "What is the number of rows?"),
        ("This class holds a pair.", "What holds a pair?"),
        ("Poisson distribution.", "What is Poisson distribution?"),
        ("Sort.", "What is Sort?"),
        ("Is it sorted?", "Is it sorted?"),
        ("", ""),
    ],
)
def test_sentences_become_questions(sentence, asked):
    assert question(sentence) == asked


def test_questions_are_numbered_as_they_read():
    records = [
        record("m.a", summary="Sort a list.", body="One."),
        record("m.b", summary="Sorts a list. Twice.", body="Two."),
    ]
    first, second = Questions()(records)
    assert first["query"] == second["query"] == "How do I sort a list?"
    assert first["query_id"] == second["query_id"] and first["positive_id"] != second["positive_id"]


def test_pairs_of_a_class_and_negatives_of_others(pydocs):
    view = ClassPairs(inner=Labels(field="kind"), count=3, seed=1)
    records = [record(f"m.{n}", summary=f"Text {n}", kind="abbbcccc"[n]) for n in range(8)]
    kinds = {r["summary"]: r["kind"] for r in records}
    found = view(records)
    # A class of one text has no pair; the others are queries once and positives once.
    assert sorted(e["query"] for e in found) == [f"Text {n}" for n in range(1, 8)]
    assert sorted(e["positive"] for e in found) == [f"Text {n}" for n in range(1, 8)]
    for example in found:
        own = kinds[example["query"]]
        assert kinds[example["positive"]] == own and example["positive"] != example["query"]
        assert own not in {kinds[text] for text in example["negatives"]}
        assert len(set(example["negatives"])) == 3 and "abc"[example["family"]] == own
    assert view(records) == found != ClassPairs(inner=view.inner, count=3, seed=2)(records)
    with pytest.raises(UsageError, match="reads the column 'label'"):
        ClassPairs(inner=SummaryToBody())
    with pytest.raises(UsageError, match="class 2 has only 4 texts of other classes, count=5"):
        ClassPairs(inner=view.inner, count=5)([*records[4:], *records[:4]])
    with pytest.raises(UsageError, match="no class has two texts"):
        view([records[0], *records[3:4]])


def test_columns_read_fields_by_role():
    rows = [
        {"q": "a", "d": "b", "bad": ["c", "a"], "s": "0.5", "l": 3},
        {"q": "b", "d": 7, "bad": ["d", "e"], "s": 1, "l": "4"},
    ]
    view = Columns(query="q", positive="d", negatives="bad", score="s", label="l")
    first, second = view(rows)
    assert view.columns == (
        "query", "positive", "negatives", "query_id", "positive_id", "negatives_id", "score",
        "label",
    )  # fmt: skip
    assert (first["score"], first["label"], second["label"]) == (0.5, 3, 4)
    assert second["positive"] == "7" and second["query_id"] == first["positive_id"]
    assert first["negatives_id"][1] == first["query_id"]


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (Columns(query="missing"), "record 1 has no field 'missing'; it has query, positive, x"),
        (Columns(positive="x"), r"field 'x' of record 1 is \[1\], not text"),
        (Columns(score="query"), "field 'query' of record 1 is 'a', not a number"),
        (Columns(label="half"), "record 1 has no field 'half'"),
        (Columns(negatives="x"), "not a list of texts"),
    ],
)
def test_columns_name_what_is_wrong(view, message):
    with pytest.raises(UsageError, match=message):
        view([{"query": "a", "positive": "b", "x": [1]}])


def test_columns_refuse_fractions_as_labels_and_uneven_negatives():
    with pytest.raises(UsageError, match="is 0.5, not a whole number"):
        Columns(positive=None, label="l")([{"query": "a", "l": 0.5}])
    with pytest.raises(UsageError, match="equally many texts"):
        Columns(positive=None, negatives="n")([{"query": "a", "n": n} for n in (["b"], ["b", "c"])])


def test_a_document_needs_one_of_its_fields():
    with pytest.raises(UsageError, match="record 5 has no field 'summary' or 'body'; it has text"):
        document({"text": "a"}, position=4)


def test_wrappers_take_records_without_names_and_large_groups():
    rows = [{"query": f"q{i}", "positive": f"p{i}"} for i in range(5000)]
    view = HardNegatives(inner=NameRemoved(inner=Columns()), count=2)
    begin = time.perf_counter()
    examples = view(rows)
    assert examples[7]["negatives"] == ("p8", "p6")
    assert time.perf_counter() - begin < 20  # not quadratic: that takes minutes


@pytest.mark.parametrize("score", ["nan", float("inf")])
def test_a_score_that_is_not_finite_is_refused(score):
    records = [{"a": "x", "b": "y", "score": score}]
    with pytest.raises(UsageError, match="a finite number"):
        Columns(query="a", positive="b", score="score")(records)
