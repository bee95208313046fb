"""Suites by name: what tasks they have, and what is said where there is none."""

import json

import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.data import TFDS, PyDocs, Within
from jaxemb.evaluation import (
    MAKERS,
    STS,
    Classification,
    PairClassification,
    PyDocsGroups,
    PyDocsOpenings,
    Retrieval,
    folder_suite,
    package_tasks,
    suite,
)
from jaxemb.evaluation.contamination import judged_texts


def lines(*objects) -> str:
    return "".join(json.dumps(each) + "\n" for each in objects)


# --- the documentation


def test_parts_of_the_documentation(docs):
    tasks = package_tasks(source=docs, least=5, alone=10**6)
    types = {type(task).__name__ for task in tasks}
    assert types == {"Retrieval", "STS", "PairClassification", "Classification", "Clustering"}
    assert len(tasks) == 5 * 5
    (read,) = [task for task in tasks if task.name == "retrieval-read"]
    assert all(text.startswith("read ") for text in read.data.load().queries)
    assert {task.data.split for task in package_tasks("dev", source=docs)} == {"dev"}


def test_large_subpackages_stand_alone(docs):
    names = {task.name for task in package_tasks(source=docs, least=5, alone=6)}
    assert "retrieval-read.arraystest" in names and "retrieval-read" not in names


def test_within_keeps_modules_and_renames_packages(docs):
    whole = Within(inner=docs, modules=("read",), without=("read.treestest",))
    records = whole.records("test")
    assert {r["package"] for r in records} == {
        f"read.{thing}test" for thing in
        ("tables", "arrays", "images", "graphs", "matrices", "words", "files")
    }  # fmt: skip
    assert from_json(to_json(Within(modules=("numpy",)))) == Within(modules=("numpy",))
    assert whole.fingerprint() != Within(inner=docs, modules=("read",)).fingerprint()
    with pytest.raises(UsageError, match="no record of split 'test' in absent"):
        Within(inner=docs, modules=("absent",)).records("test")
    assert not Within(modules=("a.b",)).covers("a.bc")


def test_openings_match_one_of_two(docs):
    problem = PyDocsOpenings(source=docs, pairs=100).load()
    assert (
        problem.gold.tolist() == [1.0, 0.0] * (len(problem.gold) // 2) and len(problem.gold) == 100
    )
    assert problem.first[::2] == problem.first[1::2]
    assert all(a != b for a, b in zip(problem.second[::2], problem.second[1::2], strict=True))
    assert (problem.clusters[::2] == problem.clusters[1::2]).all()


def test_groups_are_modules(docs):
    problem = PyDocsGroups(source=docs, least=6).load()
    assert len(problem.names) == 40 and np.bincount(problem.labels).tolist() == [6] * 40
    assert problem.train_texts == []
    with pytest.raises(UsageError, match="fewer than two values of module"):
        PyDocsGroups(source=docs, least=7).load()


@pytest.mark.slow
def test_the_documentation_has_ten_tasks_a_type():
    """As tests over tasks need, on the packages that jaxemb itself depends on."""
    PyDocs().prepare()
    types = suite("pydocs-packages").types()
    assert len(types) == 5 and min(map(len, types.values())) >= 10, types


# --- folders


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.csv").write_text('text1,text2,score\n"a, b",c,1\nd,e,2\n')
    (tmp_path / "b.tsv").write_text("sentence1\tsentence2\tlabel\na\tb\t1\nc\td\t0\n")
    (tmp_path / "c.jsonl").write_text(
        lines({"text": "x", "label": "l"}, {"text": "y", "label": "m"})
    )
    (tmp_path / "d.tsv").write_text("query\tpositive\na\tb\n")
    (tmp_path / "notes.md").write_text("no set")
    sets = tmp_path / "beir"
    (sets / "qrels").mkdir(parents=True)
    (sets / "corpus.jsonl").write_text(lines({"_id": "1", "text": "a"}, {"_id": "2", "text": "b"}))
    (sets / "queries.jsonl").write_text(lines({"_id": "q", "text": "?"}))
    (sets / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nq\t1\t1\n")
    return tmp_path


def test_a_folder_of_ones_own(folder):
    found = suite(str(folder))
    kinds = {task.name: type(task) for task in found.tasks}
    assert kinds == {
        "sts-a": STS, "pairs-b": PairClassification, "classification-c": Classification,
        "retrieval-beir": Retrieval,
    }  # fmt: skip
    assert found.tasks[0].data.load().first == ["a, b", "d"]
    (why,) = found.passed_over.values()
    assert "its columns (query, positive) are not those of a set" in why
    assert [t.name for t in suite(str(folder), families=("sts",)).tasks] == ["sts-a"]
    assert [t.name for t in suite(str(folder / "beir")).tasks] == ["retrieval-beir"]
    assert [t.name for t in suite(str(folder / "b.tsv")).tasks] == ["pairs-b"]


def test_a_folder_with_nothing_in_it(tmp_path):
    with pytest.raises(UsageError, match="holds no set: neither a manifest.jsonl"):
        suite(str(tmp_path))
    with pytest.raises(UsageError, match="nearest: shared-quick"):
        suite("shared-quik")
    with pytest.raises(UsageError, match="no type retrieval"):
        suite("pydocs", families=("sts", "retrievals"))


def test_the_folder_of_shared_sets_is_told(monkeypatch, folder):
    monkeypatch.delenv("JAXEMB_SHARED_DATA", raising=False)
    with pytest.raises(UsageError, match="--data FOLDER, or .* JAXEMB_SHARED_DATA"):
        suite("shared")
    monkeypatch.setenv("JAXEMB_SHARED_DATA", str(folder))
    assert suite("shared").tasks == suite("shared", folder=folder).tasks
    quick = suite("shared-quick")
    assert quick.tokens == 128 and quick.tasks[0].data.inner == suite("shared").tasks[0].data


def test_a_new_family_is_one_entry(monkeypatch, tmp_path):
    (tmp_path / "manifest.jsonl").write_text(lines({"family": "mine", "path": "m", "columns": []}))
    with pytest.raises(UsageError, match="holds no set that gives a task"):
        suite(str(tmp_path))
    monkeypatch.setitem(MAKERS, "mine", lambda given: [STS(name=given.name)])
    assert [task.name for task in suite(str(tmp_path)).tasks] == ["mine-m"]


@pytest.mark.parametrize("quick", [False, True])
def test_every_shared_set_loads_or_says_why_not(shared_data, quick):
    found = folder_suite(shared_data, quick=quick)
    rows = [json.loads(line) for line in (shared_data / "manifest.jsonl").read_text().splitlines()]
    sets = {found.set_of(task) for task in found.tasks}
    assert len(sets) + len(found.passed_over) == len(rows)
    assert all(len(why.split()) > 4 for why in found.passed_over.values())
    known = [why for why in found.passed_over.values() if "no task for the family" not in why]
    assert len(known) == 7  # five books, training pairs, contexts of another set
    texts: dict[str, int] = {}
    for task in found.tasks:
        problem = task.data.load()
        held = list(judged_texts(problem))
        assert held, task.name
        held += [
            t for name in problem._fields if name == "train_texts" for t in problem.train_texts
        ]
        name = found.set_of(task)
        texts[name] = texts.get(name, 0) + len(held)
    if quick:
        whole = ("words-", "bias-", "fewshot-words-", "probing-linspector")
        over = {n: count for n, count in texts.items() if count > 1000 and not n.startswith(whole)}
        assert not over


# --- TFDS


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Two small sets, prepared as `download_and_prepare` leaves them."""
    import tensorflow_datasets as tfds

    folder = tmp_path_factory.mktemp("tfds")

    def prepare(name: str, features: dict, rows: dict[str, list[dict]]) -> None:
        class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
            VERSION = tfds.core.Version("1.0.0")

            def _info(self):
                return tfds.core.DatasetInfo(
                    builder=self, features=tfds.features.FeaturesDict(features)
                )

            def _split_generators(self, manager):
                return {split: self._generate_examples(split) for split in rows}

            def _generate_examples(self, split):
                return enumerate(rows[split])

        Builder.name = name
        tfds.disable_progress_bar()
        Builder(data_dir=str(folder), file_format="array_record").download_and_prepare()

    text, label = tfds.features.Text(), tfds.features.ClassLabel(names=("no", "yes"))
    pair = {"sentence1": text, "sentence2": text}
    numbers = [{"sentence1": f"a{n}", "sentence2": f"b{n}é", "label": n / 2} for n in range(4)]
    hidden = [{**row, "label": -1.0} for row in numbers]
    prepare("grades", {**pair, "label": np.float32}, {"validation": numbers, "test": hidden})
    labelled = [{"text": f"t{n}", "label": n % 2} for n in range(6)]
    prepare("kinds", {"text": text, "label": label}, {"train": labelled, "test": labelled[:3]})
    return folder


def test_a_prepared_set_by_name(prepared):
    (task,) = suite("tfds:grades", folder=prepared).tasks
    problem = task.data.load()
    assert type(task) is STS and task.data.split == "dev"  # the test grades are hidden
    assert sorted(zip(problem.first, problem.second, problem.gold.tolist(), strict=True)) == [
        (f"a{n}", f"b{n}é", n / 2) for n in range(4)
    ]
    (task,) = suite("tfds:kinds", folder=prepared).tasks
    problem = task.data.load()
    assert type(task) is Classification and len(problem.train_texts) == 6
    assert sorted(problem.texts) == ["t0", "t1", "t2"]


def test_a_set_that_is_not_prepared_is_one_sentence(prepared, monkeypatch):
    with pytest.raises(
        UsageError, match="glue/stsb is not prepared in .*nothing is downloaded"
    ) as told:
        suite("tfds:glue/stsb", folder=prepared)
    assert "\n" not in str(told.value)
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))
    assert TFDS(name="kinds").splits() == ("train", "test")
    with pytest.raises(UsageError, match="has no split dev; it has train, test"):
        TFDS(name="kinds").records("dev")


def test_of_a_large_prepared_set_records_are_read_when_they_are_asked_for(prepared, monkeypatch):
    from jaxemb.data import lines as data_lines
    from jaxemb.data import prepared as reading

    source = TFDS(name="kinds", data_dir=str(prepared))
    whole = source.records("train")
    monkeypatch.setattr(data_lines, "LARGE", 0)
    reading._records.cache_clear()
    stored = source.records("train")
    assert isinstance(stored, reading.PreparedRecords)
    assert list(stored) == list(whole) and stored[-1] == whole[-1] and len(stored) == len(whole)
    reading._records.cache_clear()
