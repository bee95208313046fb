"""Judges of sameness of meaning."""

import pytest
from scipy.stats import spearmanr

from jaxemb.evaluation import PairFile, WordOverlap
from jaxemb.retrieval.lexical import words
from jaxemb.statistics.metrics import spearman


def test_word_overlap_on_graded_pairs_of_people(shared_data):
    """STS benchmark: against the same coefficient of sets, and far from chance."""
    problem = PairFile(path=str(shared_data / "sts/stsb-en.tsv.gz")).load()
    overlap = []
    for a, b in zip(problem.first, problem.second, strict=True):
        a, b = words(a), words(b)
        both = sum(min(a.count(word), b.count(word)) for word in set(a))
        overlap.append(2 * both / (len(a) + len(b)))
    ratings = WordOverlap()(problem.first, problem.second)
    assert ratings == pytest.approx([5 * share for share in overlap])
    assert 0.5 < spearman(ratings, problem.gold) < 0.8
    assert spearman(ratings, problem.gold) == pytest.approx(
        spearmanr(overlap, problem.gold).statistic
    )


def test_no_words_on_either_side_are_the_same():
    assert WordOverlap()(["", "...", "a"], ["", "!", ""]).tolist() == [5, 5, 0]
