"""Judges against people's grades, paraphrasers against judges."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import spearmanr

from jaxemb.config import UsageError
from jaxemb.evaluation import (
    Judge,
    PairFile,
    WordOverlap,
    best_judge,
    validate_judge,
    validate_paraphraser,
)
from jaxemb.evaluation.paraphrase import SynonymSubstitution, Unchanged
from jaxemb.retrieval.lexical import words


@dataclasses.dataclass(frozen=True, kw_only=True)
class Constant(Judge):
    rating: float = 2.0

    def __call__(self, first, second):
        return np.full(len(first), self.rating)


@pytest.fixture
def graded(tmp_path):
    rows = ["a cat sat\ta cat sat\t5", "a cat sat\ta dog sat\t3", "a cat sat\tno one here\t0"]
    path = tmp_path / "graded.tsv"
    path.write_text("sentence1\tsentence2\tscore\n" + "\n".join(rows) + "\n")
    return PairFile(path=str(path))


def test_a_judge_is_measured_against_the_grades(graded):
    report = validate_judge(WordOverlap(), graded)
    assert report.spearman == pytest.approx(1)
    assert report.error == pytest.approx((0 + abs(10 / 3 - 3) + 0) / 3)
    assert validate_judge(Constant(), graded) == (0, pytest.approx((3 + 1 + 2) / 3))
    assert best_judge([Constant(), WordOverlap()], graded) == WordOverlap()
    assert best_judge([Constant(rating=0.0), Constant()], graded) == Constant()


def test_grades_of_another_range_are_refused(graded):
    with pytest.raises(UsageError, match="run from 0 to 5"):
        validate_judge(WordOverlap(), graded, best=4.0)


def test_word_overlap_on_graded_pairs_of_people(shared_data):
    """STS benchmark: against the same coefficient of sets, and far from chance."""
    data = PairFile(path=str(shared_data / "sts/stsb-en.tsv.gz"))
    problem = data.load()
    overlap = []
    for a, b in zip(problem.first, problem.second, strict=True):
        a, b = words(a), words(b)
        both = sum(min(a.count(word), b.count(word)) for word in set(a))
        overlap.append(2 * both / (len(a) + len(b)))
    report = validate_judge(WordOverlap(), data)
    assert report.spearman == pytest.approx(spearmanr(overlap, problem.gold).statistic)
    assert 0.5 < report.spearman < 0.8


def test_a_paraphraser_is_measured_by_a_judge():
    texts = ["Computes an image.", "Nothing known here."]
    still = validate_paraphraser(Unchanged(), WordOverlap(), texts)
    assert still[:3] == (5, 0, 1)
    moving = validate_paraphraser(SynonymSubstitution(), WordOverlap(), texts)
    assert moving.unchanged == 0.5 and moving.similarity == 2.5 and 0.2 < moving.edit_distance < 0.5
    assert moving.seconds > 0


def test_no_words_on_either_side_are_the_same():
    assert WordOverlap()(["", "...", "a"], ["", "!", ""]).tolist() == [5, 5, 0]
