"""Analogies against a loop over all candidates, at their oracle and at chance."""

import itertools

import numpy as np
import pytest

from jaxemb.evaluation import (
    Analogy,
    AnalogyFile,
    LeftOut,
    LowerCase,
    SpacesForUnderscores,
    ThreeCosMul,
)
from jaxemb.statistics import level
from tests.evaluation.words.word_sets import QUESTIONS, constant, cos, model, of


def solved(embed, words, score):
    """Which questions a loop over all candidates gets right: d above every other by the score."""
    vectors = dict(zip(words, of(embed, *words), strict=True))
    right = []
    for _, a, b, c, d in QUESTIONS:
        if not {a, b, c, d} <= set(words):
            right.append(False)
            continue
        scores = {
            w: score(*(cos(vectors[w], vectors[x]) for x in (a, b, c)))
            for w in words
            if w not in (a, b, c)
        }
        right.append(all(scores[d] > s for w, s in scores.items() if w != d))
    return np.array(right)


@pytest.mark.parametrize(
    ("fields", "score"),
    [
        ({}, lambda a, b, c: b - a + c),
        ({"rule": ThreeCosMul()}, lambda a, b, c: (b + 1) / 2 * (c + 1) / 2 / ((a + 1) / 2 + 1e-3)),
    ],
)
def test_analogies_are_a_loop_over_candidates(questions, fields, score):
    embed = model(width=3)
    task = Analogy(data=questions, **fields)
    result = task.run(embed)
    right = solved(embed, list("ABCDEcdefg"), score)
    np.testing.assert_array_equal(result.examples["accuracy"], right)
    by_category = [right[:120].mean(), right[120:].mean()]
    assert result.metrics["accuracy"] == pytest.approx(right.mean())
    assert result.metrics["macro_accuracy"] == pytest.approx(np.mean(by_category))
    assert list(task.categories(result).values()) == pytest.approx(by_category)
    assert level([result], "macro_accuracy", trained=False).example_variance >= 0


def test_parallel_vectors_answer_every_analogy(write):
    """Four kings and their queens on a grid; the words asked with are nearer, and excluded."""
    grid = {
        f"{sex}{n}": np.eye(6)[n] + 3 * np.eye(6)[4 + (sex == "q")]
        for sex in "kq"
        for n in range(4)
    }
    rows = [
        ("royal", f"k{i}", f"q{i}", f"k{j}", f"q{j}")
        for i, j in itertools.permutations(range(4), 2)
    ]
    data = AnalogyFile(path=write("q.tsv", [("category", *"abcd"), *rows]))
    assert Analogy(data=data).run(model(6, **grid)).metrics["accuracy"] == 1
    assert Analogy(data=data).run(constant).metrics["accuracy"] == 0
    chance = np.mean([Analogy(data=data).run(model(40)).metrics["accuracy"] for _ in range(40)])
    assert abs(chance - 1 / 5) < 0.12


def test_case_policy_merges_words(questions):
    embed = model(width=3)
    lower = Analogy(data=questions, spelling=(LowerCase(),)).run(embed)
    assert not np.array_equal(
        lower.examples["accuracy"], Analogy(data=questions).run(embed).examples["accuracy"]
    )
    seen = []
    Analogy(data=questions, spelling=(LowerCase(),)).run(
        lambda t, r: (seen.extend(t), embed(t, r))[1]
    )
    assert sorted(seen) == list("abcdefg")
    assert SpacesForUnderscores()("New_York_Times") == "New York Times"


def test_unknown_words_fail_questions_and_never_answer_them(questions):
    embed = model(width=3, g=np.zeros(3))
    of_g = np.array(["g" in question[1:] for question in QUESTIONS])
    result = Analogy(data=questions).run(embed)
    assert not result.examples["accuracy"][of_g].any() and not result.examples["mrr"][of_g].any()
    left = Analogy(data=questions, unknown=LeftOut()).run(embed)
    np.testing.assert_array_equal(left.examples["accuracy"], result.examples["accuracy"][~of_g])
    right = solved(embed, list("ABCDEcdef"), lambda a, b, c: b - a + c)[~of_g]
    np.testing.assert_array_equal(left.examples["accuracy"], right)


def test_more_candidates_are_harder(write, questions):
    path = write("more.tsv", [("word",), *[(f"w{n}",) for n in range(300)]])
    embed = model(width=3)
    few = Analogy(data=questions).run(embed).metrics["mrr"]
    many = Analogy(data=AnalogyFile(path=questions.path, candidates=path)).run(embed).metrics["mrr"]
    assert many < few
