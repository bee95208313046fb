"""Task data from files, good and bad."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.data import TextFile, read_rows
from jaxemb.evaluation import (
    STS,
    AllLabelled,
    Classification,
    LabelFile,
    MinimalPairs,
    NearestPairs,
    PairClassification,
    PairClassificationBySimilarity,
    PairFile,
    Recall,
    Retrieval,
    RetrievalAtCuts,
    RetrievalFolder,
    Sampled,
    evaluate,
    folder_suite,
)
from jaxemb.evaluation.tables import Table

PAIRS = 'split\tsentence1\tsentence2\tscore\ntrain\ta\tb\t1\ntest\tc "d\td\t2.5\ntest\te\tf\t0\n'


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return str(path)

    return write


def lines(*objects):
    return "".join(json.dumps(each) + "\n" for each in objects)


@pytest.mark.parametrize("name", ["pairs.tsv", "pairs.tsv.gz"])
def test_pairs_from_a_table(write, name):
    path = write(name, PAIRS)
    problem = PairFile(path=path).load()
    assert problem.first == ['c "d', "e"]
    assert problem.second == ["d", "f"]
    assert problem.gold.tolist() == [2.5, 0]
    assert PairFile(path=path, split="train").load().first == ["a"]


def test_pairs_from_json_with_other_names_and_line_marks_inside(write):
    path = write(
        "pairs.jsonl",
        lines(
            {"text1": "a\u2028b", "text2": "c", "label": 1}, {"text1": "", "text2": "d", "label": 0}
        ),
    )
    problem = PairFile(path=path).load()
    assert problem.first == ["a\u2028b", ""]
    assert problem.gold.tolist() == [1, 0]


def test_form_feed_does_not_end_a_row(write):
    problem = PairFile(path=write("x.tsv", "text1\ttext2\tscore\r\na\x0cb\tc\t1\r\n")).load()
    assert problem.first == ["a\x0cb"]


def test_rows_of_one_language(write):
    path = write("x.tsv", "language\ttext\tlabel\nde\tja\t1\nen\tyes\t1\nde\tnein\t0\n")
    assert AllLabelled(path=path, where=("language=de",)).load().texts == ["ja", "nein"]


def test_labels_by_split(write):
    path = write(
        "x.tsv", "split\ttext\tlabel\ntrain\ta\tno\ntest\tb\tyes\ntrain\tc\tyes\ndev\td\tno\n"
    )
    problem = LabelFile(path=path).load()
    assert (problem.train_texts, problem.texts) == (["a", "c"], ["b"])
    assert problem.names == ("no", "yes")
    assert (problem.train_labels.tolist(), problem.labels.tolist()) == ([0, 1], [1])
    assert LabelFile(path=path).on("dev").load().texts == ["d"]


def test_labels_without_split_are_parted_by_text(write):
    rows = [f"text {number}\t{number % 2}" for number in range(300)]
    problem = LabelFile(path=write("x.tsv", "text\tlabel\n" + "\n".join(rows))).load()
    assert 40 < len(problem.texts) < 80
    assert not set(problem.texts) & set(problem.train_texts)
    shuffled = LabelFile(path=write("y.tsv", "text\tlabel\n" + "\n".join(rows[::-1]))).load()
    assert set(shuffled.texts) == set(problem.texts)


@pytest.mark.parametrize("names", [("train", "validation"), ("validation", "train")])
def test_texts_to_fit_on_are_never_judged_whatever_the_order_of_rows(write, names):
    """Rows of a split that nobody asks for are judged with the others, not beside their own copies."""
    rows = [f"{name}\t{name} {n}\t{n % 2}" for name in names for n in range(100)]
    problem = LabelFile(path=write("x.tsv", "split\ttext\tlabel\n" + "\n".join(rows))).load()
    assert not set(problem.texts) & set(problem.train_texts)
    assert len(problem.texts) + len(problem.train_texts) == 200


def test_rows_may_be_told_apart_by_numbers_and_lack_a_split(write):
    rows = [{"text": f"t{n}", "label": "ab"[n % 2], "year": 2000 + n % 3} for n in range(9)]
    rows[0]["split"] = "test"
    path = write("x.jsonl", lines(*rows))
    assert AllLabelled(path=path, where=("year=2001",)).load().texts == ["t1", "t4", "t7"]
    assert Table(read_rows(path), path).of_split(None).texts("text") == ["t0"]


def test_clustering_sets_have_no_split_to_change(write):
    data = AllLabelled(path=write("x.tsv", "text\tlabel\na\t1\n"))
    with pytest.raises(UsageError, match="AllLabelled has no splits"):
        data.on("dev")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.tsv", "", "is empty"),
        ("x.tsv", " \n", "is empty"),
        ("x.tsv", b"\x00\x01", "binary"),
        ("x.tsv", b"text1\ttext2\tscore\n\xff\tb\t1\n", "not UTF-8"),
        ("x.tsv", "text1\ttext2\tscore\n", "no rows"),
        ("x.tsv", "text1\ttext2\tscore\na\tb\n", "line 2 of .* has 2 fields, not 3"),
        ("x.tsv", "text1\ttext2\tscore\na\tb\thigh\n", "must be numbers"),
        ("x.tsv", "text1\ttext2\tscore\na\tb\tnan\n", "'nan' is no gold value"),
        ("x.tsv", "first\ttext2\tscore\na\tb\t1\n", "no column sentence1 or text1"),
        ("x.tsv", "split\ttext1\ttext2\tscore\ntest\ta\tb\t1\n", "splits: test"),
        ("x.jsonl", "{}\n[1]\n", "line 2 of .* is a JSON list, not an object"),
        ("x.jsonl", "{\n", "line 1 of .* is not JSON"),
        ("x.jsonl", '{"text1": "a", "text2": "b", "score": 1}\n{"text1": "a"}\n', "lacks"),
        ("x.csv", "a,b\n1\n", "line 2 of .* has 1 fields, not 2"),
        ("x.xls", "a,b\n", "must end in .jsonl, .tsv, .csv"),
        ("x.tsv.gz", None, "does not exist"),
    ],
)
def test_bad_files_are_named(write, tmp_path, name, content, message):
    path = str(tmp_path / name) if content is None else write(name, content)
    split = "dev" if "splits:" in message else None
    with pytest.raises(UsageError, match=message) as error:
        PairFile(path=path, split=split).load()
    assert name in str(error.value)


def test_broken_gzip_is_named(tmp_path):
    path = tmp_path / "x.tsv.gz"
    path.write_bytes(gzip.compress(PAIRS.encode())[:-12])
    with pytest.raises(UsageError, match="is not a whole gzip file"):
        PairFile(path=str(path)).load()


def test_unknown_condition_names_the_columns(write):
    path = write("x.tsv", "text\tlabel\na\t1\n")
    with pytest.raises(UsageError, match="it has text, label"):
        AllLabelled(path=path, where=("language=de",)).load()


@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev"])
def test_a_validation_split_is_judged_alone(write, name):
    """As training files read it: `validation` is `dev`."""
    rows = "".join(f"{s}\t{s} {n}\tb{n}\t{n % 2}\n" for s in ("train", name) for n in range(4))
    pairs = PairFile(path=write("p.tsv", "split\ttext1\ttext2\tlabel\n" + rows))
    labels = LabelFile(path=write("l.tsv", "split\ttext\tother\tlabel\n" + rows))
    assert pairs.load().first == [f"{name} {n}" for n in range(4)]
    assert pairs.on("dev").load().first == pairs.on(name).load().first == pairs.load().first
    assert labels.load().texts == pairs.load().first
    assert labels.load().train_texts == [f"train {n}" for n in range(4)]


def test_gold_values_may_be_true_and_false_but_not_hidden(write):
    rows = [{"text1": "a", "text2": "b", "label": label} for label in (True, False, True)]
    assert PairFile(path=write("x.jsonl", lines(*rows))).load().gold.tolist() == [1, 0, 1]
    hidden = [{**row, "label": -1} for row in rows]
    with pytest.raises(UsageError, match=r"y.jsonl: the gold values are hidden \(all -1\)"):
        PairFile(path=write("y.jsonl", lines(*hidden))).load()


@pytest.mark.parametrize("labels", [(1, 2), (0, 1, 2), (1, 1), (0, 0)])
def test_pairs_to_tell_apart_are_matches_and_others(write, embed, labels):
    """Average precision of other labels would be a number without meaning."""
    rows = [{"text1": f"a {n}", "text2": f"b {n}", "label": n} for n in labels]
    data = PairFile(path=write("x.jsonl", lines(*rows)))
    for task in (PairClassification(data=data), PairClassificationBySimilarity(data=data)):
        with pytest.raises(UsageError, match="pairs of gold value 1 and of gold value 0, and no"):
            task.run(embed)
    assert STS(data=data).run(embed).metrics


def test_half_a_character_is_read_and_hashed(write):
    """JSON can name one half of a pair that makes a character; every reader takes it."""
    rows = [{"text": f"caf\ud83d {n}", "label": "ab"[n % 2]} for n in range(20)]
    path = write("x.jsonl", lines(*rows))
    problem = LabelFile(path=path).load()
    assert sorted(problem.texts + problem.train_texts) == sorted(row["text"] for row in rows)
    (source,) = {r["text"] for r in TextFile(path=path).records("train")} & {"caf\ud83d 0"}
    assert source == rows[0]["text"]
    good = [{"good": row["text"], "bad": "x"} for row in rows]
    assert len(MinimalPairs(path=write("m.jsonl", lines(*good))).load().names) == 2


@pytest.fixture
def folder(write, tmp_path):
    write("set/corpus.jsonl", lines(
        {"_id": 1, "title": "Red", "text": "apple"}, {"_id": "2", "title": "", "text": "pear"},
        {"_id": "q1", "text": "red apple?"},
    ))  # fmt: skip
    write(
        "set/queries.jsonl.gz",
        lines({"_id": "q1", "text": "red apple?"}, {"_id": "q2", "text": "x"}),
    )
    write("set/qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\t1\t2\nq1\t2\t0\nq2\t9\t1\n")
    return str(tmp_path / "set")


def test_retrieval_folder(folder, embed):
    data = RetrievalFolder(path=folder)
    problem = data.load()
    assert problem.queries == ["red apple?"]
    assert problem.documents == ["Red apple", "pear", "red apple?"]
    assert problem.relevant == [{0: 2}]
    assert problem.excluded is None
    within = RetrievalFolder(path=folder, queries_in_corpus=True)
    assert within.load().excluded.tolist() == [2]
    assert evaluate(embed, [Retrieval(data=within)])["retrieval"].metrics["ndcg@10"] == 1
    assert data.fingerprint() != within.fingerprint()


def test_relevant_documents_that_are_absent_are_not_found(write, folder):
    write("set/qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\t1\t1\nq1\tgone\t1\n")
    data = RetrievalFolder(path=folder)
    assert data.load().relevant == [{0: 1, 3: 1}]
    for part in (data, Sampled(inner=data, texts=4)):  # the text that is cut is no answer
        problem = part.load()
        task, cuts = Retrieval(data=part), RetrievalAtCuts(data=part, cuts=(1, 10))
        known = {text: n for n, text in enumerate(problem.documents)}

        def embed(texts, role, known=known):
            return np.eye(len(known), dtype=np.float32)[
                [known[text] if role == "document" else 0 for text in texts]
            ]

        assert task.run(embed).metrics["recall@10"] == 0.5
        assert cuts.run(embed).metrics["recall@10"] == 0.5
        assert task.run(embed).metrics["ndcg@10"] == pytest.approx(1 / (1 + 1 / np.log2(3)))
        recall = Recall(data=part, cutoffs=(2,))
        assert recall.run(embed).metrics["recall@2"] == 0.5


@pytest.mark.parametrize("name", ["corpus", "queries"])
def test_rows_without_text_are_named(write, folder, name):
    write("set/queries.jsonl", lines({"_id": "q1", "text": "red apple?"}))
    (tmp := Path(folder) / "queries.jsonl.gz").unlink()
    assert not tmp.exists() and RetrievalFolder(path=folder).load()
    write(f"set/{name}.jsonl", lines({"_id": 1, "text": "x"}, {"_id": 2, "contents": "y"}))
    with pytest.raises(
        UsageError, match=f"{name}.jsonl: row 2 has no field text; its fields are _id"
    ):
        RetrievalFolder(path=folder).load()


def test_retrieval_folder_that_is_none(folder, write, tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        RetrievalFolder(path=str(tmp_path / "absent")).load()
    with pytest.raises(UsageError, match="dev.tsv"):
        RetrievalFolder(path=folder).on("dev").load()
    write("set/qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\t77\t2\n")
    with pytest.raises(UsageError, match="no judgement"):
        RetrievalFolder(path=folder).load()
    write("set/qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\t1\t0.5\n")
    with pytest.raises(UsageError, match="grade 0.5 is not whole"):
        RetrievalFolder(path=folder).load()
    write("set/corpus.jsonl", lines({"_id": 1, "text": "x"}, {"_id": "1", "text": "y"}))
    with pytest.raises(UsageError, match="have the _id 1"):
        RetrievalFolder(path=folder).load()
    write("set/corpus.jsonl", lines({"text": "x"}))
    with pytest.raises(UsageError, match="no column _id"):
        RetrievalFolder(path=folder).load()


def test_fingerprint_follows_the_bytes(write):
    data = PairFile(path=write("x.tsv", PAIRS))
    before = data.fingerprint()
    assert PairFile(path=write("elsewhere/y.tsv", PAIRS)).fingerprint() == before
    assert data.on("train").fingerprint() != before
    write("x.tsv", PAIRS.replace("2.5", "2.6"))
    assert data.fingerprint() != before


def test_fingerprints_of_wrapped_files_know_no_place(write, folder, tmp_path):
    """Nor does another split's file in a folder count."""
    one, other = (PairFile(path=write(f"{name}/x.tsv", PAIRS)) for name in "ab")
    for wrap in (lambda d: Sampled(inner=d, texts=2), lambda d: NearestPairs(inner=d)):
        assert wrap(one).fingerprint() == wrap(other).fingerprint() != one.fingerprint()
    before = RetrievalFolder(path=folder).fingerprint()
    write("set/qrels/dev.tsv", "query-id\tcorpus-id\tscore\nq1\t1\t2\n")
    Path(folder).rename(tmp_path / "moved")
    moved = RetrievalFolder(path=str(tmp_path / "moved"))
    assert moved.fingerprint() == before != moved.on("dev").fingerprint()


def test_manifest_gives_a_task_a_set(write, tmp_path):
    rows = [
        {"family": "sts", "path": "sts/a.tsv.gz", "columns": ["sentence1", "sentence2", "score"]},
        {"family": "retrieval", "path": "retrieval/b", "columns": []},
        {"family": "pairs", "path": "pairs/c.tsv", "columns": ["anchor", "positive"]},
        {"family": "pairs", "path": "pairs/d.tsv", "columns": ["sentence1", "sentence2", "label"]},
        {"family": "classification", "path": "classification/e.tsv",
         "columns": ["language", "text", "label"]},
        {"family": "words", "path": "words/f.tsv", "columns": ["word1", "word2", "score"]},
    ]  # fmt: skip
    write("manifest.jsonl", lines(*rows))
    write("classification/e.tsv", "language\ttext\tlabel\nen\ta\t1\nde\tb\t1\n")
    names = [task.name for task in folder_suite(tmp_path).tasks]
    assert names == [
        "sts-a", "retrieval-b", "pairs-d", "classification-e-de", "classification-e-en", "words-f"
    ]  # fmt: skip
    assert [task.name for task in folder_suite(tmp_path, families=("sts",)).tasks] == ["sts-a"]
    with pytest.raises(UsageError, match="no family speech"):
        folder_suite(tmp_path, families=("speech",))
    with pytest.raises(UsageError, match="no set of clustering that gives a task"):
        folder_suite(tmp_path, families=("clustering",))
    with pytest.raises(UsageError, match="no file or folder .*absent"):
        folder_suite(tmp_path / "absent")
    write("manifest.jsonl", lines({"family": "sts"}))
    with pytest.raises(UsageError, match="row 1 has no path, columns"):
        folder_suite(tmp_path)


def test_real_sets_all_load(shared_data):
    tasks = folder_suite(shared_data).tasks
    assert len({task.name for task in tasks}) == len(tasks) >= 80
    for task in tasks:
        problem = task.data.load()
        if hasattr(problem, "clusters"):
            assert len(problem.clusters) >= 17, task.name
        if isinstance(task, Retrieval):
            assert len(problem.queries) == len(problem.relevant)
            assert all(problem.relevant)
        if isinstance(task, Classification):
            assert len(np.unique(problem.train_labels)) > 1, task.name


def test_real_sets_order_models(shared_data, embed):
    wanted = ("sts-stsb-en", "pairs-mrpc", "retrieval-cranfield")
    tasks = [task for task in folder_suite(shared_data).tasks if task.name in wanted]
    results = evaluate(embed, tasks)
    assert results["sts-stsb-en"].metrics["spearman"] > 0.3
    assert results["pairs-mrpc"].metrics["ap"] > 0.7
    assert results["retrieval-cranfield"].metrics["ndcg@10"] > 0.05
