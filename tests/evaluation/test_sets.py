"""Data of bitext, reranking, label sets and summaries: from files and from documentation."""

import json

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.evaluation import (
    BitextFile,
    BitextMining,
    LabelSetFile,
    MultiLabelClassification,
    PyDocsCode,
    PyDocsDegraded,
    PyDocsLabelSets,
    PyDocsSeeAlso,
    Reranking,
    RerankingFile,
    Summarization,
    SummaryFile,
    evaluate,
)
from jaxemb.evaluation.pydocs_sets import damaged


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        (tmp_path / name).write_text(content)
        return str(tmp_path / name)

    return write


def test_each_text_of_a_bitext_stands_once(write):
    rows = "split\tde\ten\ntrain\tja\tyes\n"
    rows += "test\tnein\tno\ntest\tnee\tno\ntest\tnein\tnix\ntest\tdu\tyou\n"
    path = write("x.tsv", rows)
    problem = BitextFile(path=path, source="de", target="en").load()
    assert (problem.source, problem.target) == (["nein", "du"], ["no", "you"])
    turned = BitextFile(path=path, source="en", target="de", split="train")
    assert turned.load().source == ["yes"]
    assert turned.fingerprint() != BitextFile(path=path, source="de", target="en").fingerprint()
    with pytest.raises(UsageError, match="no column fr"):
        BitextFile(path=path, source="fr", target="en").load()


def test_queries_with_one_kind_of_candidate_are_not_asked(write):
    rows = (
        "qid\tquery\ttext\tlabel\na\twho?\tme\t1\na\twho?\tit\t0\nb\twhy?\tso\t1\na\twho?\tyou\t2\n"
    )
    problem = RerankingFile(path=write("x.tsv", rows)).load()
    assert problem.queries == ["who?"]
    assert problem.candidates == [["me", "it", "you"]]
    assert problem.relevant == [[1, 0, 2]]
    with pytest.raises(UsageError, match="no query has"):
        RerankingFile(path=write("y.tsv", "qid\tquery\ttext\tlabel\nb\twhy?\tso\t1\n")).load()
    halves = rows.replace("you\t2", "you\t0.5")
    with pytest.raises(UsageError, match="grade 0.5 is not whole"):
        RerankingFile(path=write("z.tsv", halves)).load()


def test_label_sets_from_columns_and_from_lists(write):
    rows = (
        "split\ttext\tlabel\tfine\ntrain\tu\tA\ta\ntrain\tv\tB\tb\ntest\tw\tA\tb\ntest\tx\tC\ta\n"
    )
    problem = LabelSetFile(path=write("x.tsv", rows), labels=("label", "fine")).load()
    assert problem.names == ("fine=a", "fine=b", "label=A")
    assert problem.train_labels.tolist() == [[True, False, True], [False, True, False]]
    assert problem.labels.tolist() == [[False, True, True], [True, False, False]]
    lists = [
        {"split": part, "text": part + str(n), "label": ["p", "q"][: n + 1]}
        for part in ("train", "test") for n in range(2)
    ]  # fmt: skip
    path = write("x.jsonl", "".join(json.dumps(row) + "\n" for row in lists))
    assert LabelSetFile(path=path).load().labels.tolist() == [[True, False], [True, True]]
    with pytest.raises(UsageError, match="no column kind"):
        LabelSetFile(path=path, labels=("kind",)).load()


def test_summaries_need_a_grade_each(write):
    row = {"human_summaries": ["h"], "machine_summaries": ["a", "b"], "relevance": [1, 0.5]}
    problem = SummaryFile(path=write("x.jsonl", json.dumps(row))).load()
    assert (problem.references, problem.summaries) == ([["h"]], [["a", "b"]])
    assert problem.gold == [[1.0, 0.5]]
    with pytest.raises(UsageError, match="2 summaries and 1 grades"):
        SummaryFile(path=write("y.jsonl", json.dumps({**row, "relevance": [1]}))).load()
    with pytest.raises(UsageError, match="human_summaries must be a list, not an empty one"):
        SummaryFile(path=write("z.jsonl", json.dumps({**row, "human_summaries": []}))).load()


@pytest.fixture
def coded(docs):
    class Coded(type(docs)):
        def records(self, split):
            return [{**r, "code": f"def {r['name']}()"} for r in super().records(split)]

    return Coded()


def test_code_and_summary_are_of_one_object(coded):
    problem = PyDocsCode(source=coded, pairs=50).load()
    code = {record["summary"]: record["code"] for record in coded.records("test")}
    assert len(problem.source) == len(set(problem.target)) == 50
    assert [code[summary] for summary in problem.source] == problem.target


def test_relevant_candidates_are_linked_and_others_are_not(docs):
    records = {record["summary"]: record for record in docs.records("test")}
    problem = PyDocsSeeAlso(source=docs, queries=30, others=6).load()
    assert len(problem.queries) == 30
    for query, candidates, relevant in zip(
        problem.queries, problem.candidates, problem.relevant, strict=True
    ):
        assert query not in candidates and len(set(candidates)) == len(candidates)
        assert sum(grade == 0 for grade in relevant) == 6 and any(relevant)
        for text, grade in zip(candidates, relevant, strict=True):
            one, other = records[query], records[text]
            linked = other["name"] in one["links"] or one["name"] in other["links"]
            assert linked == bool(grade)
            assert linked or one["package"] == other["package"]
    first = [relevant[0] for relevant in problem.relevant]
    assert len(set(first)) == 2  # in no fixed order


def test_summaries_lose_as_many_words_as_their_grade_says(docs):
    problem = PyDocsDegraded(source=docs, texts=40, levels=5, least=5).load()
    whole = {record["summary"] for record in docs.records("test")}
    for summaries, gold in zip(problem.summaries, problem.gold, strict=True):
        assert gold == [1, 0.75, 0.5, 0.25, 0] and summaries[0] in whole
        kept = summaries[0].split()
        for text, grade in zip(summaries, gold, strict=True):
            changed = sum(a != b for a, b in zip(kept, text.split(), strict=True))
            assert changed <= round((1 - grade) * len(kept))
    draw = np.random.default_rng(0)
    assert damaged("a b c d", 0.5, ["z"], draw).split().count("z") == 2


def test_label_sets_of_documentation_are_its_fields(docs):
    records = {record["body"]: record for record in docs.records("test")}
    problem = PyDocsLabelSets(source=docs, train=100, texts=90).load()
    assert problem.labels.shape == (90, 7) and problem.train_labels.shape == (100, 7)
    for text, carried in zip(problem.texts, problem.labels, strict=True):
        expected = {f"{name}={records[text][name]}" for name in ("package", "kind")}
        assert {problem.names[n] for n in np.flatnonzero(carried)} == expected
    with pytest.raises(UsageError, match="fewer than two"):
        PyDocsLabelSets(source=docs, least=500).load()


def test_words_are_read_better_than_chance(coded, embed):
    tasks = (
        BitextMining(data=PyDocsCode(source=coded)),
        MultiLabelClassification(data=PyDocsLabelSets(source=coded)),
        Reranking(data=PyDocsSeeAlso(source=coded)),
        Summarization(data=PyDocsDegraded(source=coded, least=5)),
    )
    draw = np.random.default_rng(0)

    def random(texts, role):
        return draw.normal(size=(len(texts), 64)).astype("float32")

    words, chance = evaluate(embed, tasks), evaluate(random, tasks)
    for task in tasks[1:]:
        main = task.metrics[0]
        assert words[task.name].metrics[main] > chance[task.name].metrics[main], task.name
        assert words[task.name].data == task.fingerprint() != task.on("dev").fingerprint()
