"""Labels of phrases and tags of words in sentences."""

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.evaluation import LabelFile, MinimalPairs, TaggedFile, Tagging, TargetWord
from tests.evaluation.words.word_sets import tagged


def test_labels_under_other_names(write):
    rows = [
        ("split", "phrase", "kind"),
        ("train", "a", "x"),
        ("test", "b", "y"),
        ("train", "c", "y"),
    ]
    problem = LabelFile(path=write("x.tsv", rows), text="phrase", label="kind").load()
    assert (problem.train_texts, problem.texts) == (["a", "c"], ["b"])
    assert (problem.train_labels.tolist(), problem.labels.tolist()) == ([0, 1], [1])


def test_minimal_pairs_stay_together(write):
    rows = [
        ("paradigm", "good", "bad"),
        *[(f"p{n % 3}", f"good {n}", f"bad {n}") for n in range(200)],
    ]
    problem = MinimalPairs(path=write("x.tsv", rows)).load()
    numbers = [
        {int(text.split()[1]) for text in part} for part in (problem.train_texts, problem.texts)
    ]
    assert not numbers[0] & numbers[1] and len(problem.texts) == 2 * len(numbers[1])
    assert problem.labels.tolist() == [int(text.startswith("good")) for text in problem.texts]
    assert len(np.unique(problem.clusters)) == 3


def length(texts, role):
    return np.array([[len(t.split()) == n for n in range(7)] for t in texts], np.float32)


def test_tags_need_the_place_in_the_sentence(write):
    data = tagged(write)
    assert Tagging(data=data).run(length).metrics["accuracy"] == 1
    accuracy = Tagging(data=data, features=TargetWord()).run(length).metrics["accuracy"]
    assert abs(accuracy - 1 / 2) < 0.2


def test_positions_outside_a_sentence_are_refused(write):
    rows = [
        ("split", "sentence", "position", "label"),
        ("train", "a b", 2, "x"),
        ("test", "a", 0, "x"),
    ]
    with pytest.raises(UsageError, match="position 2 is no word of 'a b', which has 2"):
        TaggedFile(path=write("t.tsv", rows)).load()


@pytest.mark.parametrize("place", ["3", "-1", "1.5"])
def test_a_position_that_is_no_word_is_named(tmp_path, place):
    rows = f"one two three\t0\tx\ttrain\nfour five six\t{place}\ty\ttest\n"
    path = tmp_path / "tagged.tsv"
    path.write_text("sentence\tposition\tlabel\tsplit\n" + rows)
    with pytest.raises(UsageError, match=rf"position {place} is no word of 'four five six'"):
        TaggedFile(path=str(path)).load()
