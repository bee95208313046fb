"""Sets at hand, new splits, and what is made of pairs that imply or deny."""

from collections import Counter

import numpy as np
import pytest

from jaxemb.config import UsageError, fingerprint
from jaxemb.data import (
    EntailmentTriplets,
    GradedLabels,
    LabelledPairs,
    PyDocsEntailment,
    Resplit,
    TextFile,
    at_hand,
)
from jaxemb.evaluation import (
    STS,
    AngularSTS,
    EntailmentRecords,
    PairData,
    PairFile,
    PairProbe,
    SecondAlone,
)
from jaxemb.evaluation.problems import PairProblem

TABLE = """premise\thypothesis\tlabel\tsplit
A man runs.\tA man moves.\tentailment\tdev
A man runs.\tA man sleeps.\tcontradiction\tdev
A man runs.\tA man is late.\tneutral\ttest
a MAN  runs.\tSomebody runs.\tentailment\ttest
Two dogs play.\tTwo dogs sit.\tcontradiction\ttest
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "nli").mkdir()
    (tmp_path / "nli/pairs.tsv").write_text(TABLE, encoding="utf-8")
    monkeypatch.setenv("JAXEMB_SHARED_DATA", str(tmp_path))
    return tmp_path


def test_a_set_is_named_by_its_place_in_the_folder_and_known_by_its_content(folder, monkeypatch):
    found = at_hand(TextFile, "nli/pairs.tsv", otherwise=PyDocsEntailment())
    assert found == TextFile(path="$JAXEMB_SHARED_DATA/nli/pairs.tsv")
    assert len(found.records("test")) == 3
    before = found.fingerprint()
    moved = folder / "elsewhere"
    (moved / "nli").mkdir(parents=True)
    (moved / "nli/pairs.tsv").write_text(TABLE, encoding="utf-8")
    monkeypatch.setenv("JAXEMB_SHARED_DATA", str(moved))
    assert found.fingerprint() == before
    (moved / "nli/pairs.tsv").write_text(TABLE + "A\tB\tneutral\ttest\n", encoding="utf-8")
    assert found.fingerprint() != before


def test_what_is_not_in_the_folder_is_replaced(folder, monkeypatch):
    otherwise = PyDocsEntailment()
    assert at_hand(TextFile, "nli/none.tsv", otherwise=otherwise) == otherwise
    path = at_hand(PairFile, "nli/pairs.tsv", otherwise=None, split="test").path
    monkeypatch.delenv("JAXEMB_SHARED_DATA")
    assert at_hand(TextFile, "nli/pairs.tsv", otherwise=otherwise) == otherwise
    with pytest.raises(UsageError, match="JAXEMB_SHARED_DATA: set it"):
        PairFile(path=path).load()


def test_a_new_split_keeps_equal_premises_together_and_every_record(folder):
    inner = at_hand(TextFile, "nli/pairs.tsv", otherwise=None)
    whole = Resplit(inner=inner, of=("dev", "test"), field="premise")
    held = {}
    for split in ("train", "dev", "test"):
        try:
            records = whole.records(split)
        except UsageError:
            continue
        for record in records:
            assert record["split"] == split
            held.setdefault(record["premise"].casefold().split()[1], set()).add(split)
    assert {word: len(splits) for word, splits in held.items()} == {"man": 1, "dogs": 1}
    assert whole.fingerprint() != fingerprint(inner)
    with pytest.raises(UsageError, match="no field 'text'"):
        Resplit(inner=inner, of=("dev",), field="text").records("train")


def test_labels_are_numbered_in_the_order_given(folder):
    records = at_hand(TextFile, "nli/pairs.tsv", otherwise=None).records("test")
    view = LabelledPairs(classes=("contradiction", "entailment"))
    assert [(e["positive"], e["label"]) for e in view(records)] == [
        ("Somebody runs.", 1),
        ("Two dogs sit.", 0),
    ]
    with pytest.raises(UsageError, match="at least two"):
        LabelledPairs(classes=("entailment",))


def test_labels_have_grades_and_those_without_are_left_out(folder):
    records = at_hand(TextFile, "nli/pairs.tsv", otherwise=None).records("test")
    assert [one["score"] for one in GradedLabels()(records)] == [2.5, 5.0, 0.0]
    few = GradedLabels(grades=(("neutral", 1.0),))(records)
    assert [(one["positive"], one["score"]) for one in few] == [("A man is late.", 1.0)]


def test_triplets_join_what_is_implied_and_what_is_denied(folder):
    records = at_hand(TextFile, "nli/pairs.tsv", otherwise=None).records("dev")
    (example,) = EntailmentTriplets()(records)
    texts = example["query"], example["positive"], example["negatives"]
    assert texts == ("A man runs.", "A man moves.", ("A man sleeps.",))
    assert len({example["query_id"], example["positive_id"], *example["negatives_id"]}) == 3


def test_task_data_numbers_labels_as_training_does(folder):
    source = at_hand(TextFile, "nli/pairs.tsv", otherwise=None)
    np.testing.assert_array_equal(EntailmentRecords(source=source).load().gold, [1, 0, 2])
    two = EntailmentRecords(source=source, classes=("entailment", "contradiction")).load()
    np.testing.assert_array_equal(two.gold, [1, 0])
    with pytest.raises(UsageError, match="labelled maybe"):
        EntailmentRecords(source=source, classes=("maybe",)).load()


class Drawn(PairData):
    """Pairs of which half are equal texts; the second alone says nothing of that."""

    def load(self):
        draw = np.random.default_rng(3)
        gold = draw.integers(0, 2, 400)
        texts = [f"text {n}" for n in draw.integers(0, 10**6, (400, 2)).ravel()]
        second = [texts[2 * n] if same else texts[2 * n + 1] for n, same in enumerate(gold)]
        return PairProblem(texts[::2], second, gold.astype(float), np.arange(400))


def random_vectors(texts, role="query"):
    return np.stack(
        [np.random.default_rng(list(text.encode())).normal(size=8) for text in texts]
    ).astype(np.float32)


def test_what_is_of_pairs_is_not_told_by_the_second_text_alone():
    both = PairProbe(train=Drawn(), data=Drawn(), sides=True)
    alone = PairProbe(train=SecondAlone(inner=Drawn()), data=SecondAlone(inner=Drawn()), sides=True)
    assert SecondAlone(inner=Drawn()).load().second == Drawn().load().second
    assert both.run(random_vectors).metrics["accuracy"] > 0.95
    assert alone.run(random_vectors).metrics["accuracy"] < 0.7


def test_angles_order_pairs_as_cosines_do(folder):
    cosine, angle = (kind(data=Drawn()).run(random_vectors) for kind in (STS, AngularSTS))
    expected = 1 - np.arccos(np.clip(cosine.examples["prediction"].astype(float), -1, 1)) / np.pi
    np.testing.assert_allclose(angle.examples["prediction"], expected, atol=1e-7)
    order = np.argsort(cosine.examples["prediction"])
    assert (np.diff(angle.examples["prediction"][order]) >= 0).all()


def test_rules_make_pairs_from_summaries():
    records = PyDocsEntailment().records("dev")
    kinds = Counter(record["label"] for record in records)
    assert set(kinds) == {"entailment", "neutral", "contradiction"}
    for record in records[:200]:
        same = record["hypothesis"].rstrip(".") in record["premise"]
        assert same or record["label"] != "entailment"
        assert record["hypothesis"] != record["premise"] or record["label"] != "contradiction"
