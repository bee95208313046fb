"""Definitions, paraphrases and choices between texts against brute force."""

import numpy as np
import pytest

from jaxemb.evaluation import (
    AnswerRank,
    BlankedDefinitions,
    Choice,
    Paraphrases,
    TripletFile,
    VariantFile,
)
from tests.evaluation.words.word_sets import constant, cos, model, of


def test_ranks_of_words_by_their_definitions(write):
    rows = [(f"w{n}", f"___ is number {n}") for n in range(30)]
    data = BlankedDefinitions(path=write("d.tsv", [("word", "definition"), *rows]), blank="it")
    embed = model(width=3)
    ranks = []
    for n in range(30):
        query = of(embed, f"it is number {n}")[0]
        cosines = [cos(query, of(embed, f"w{m}")[0]) for m in range(30)]
        ranks.append(1 + sum(c >= cosines[n] for m, c in enumerate(cosines) if m != n))
    result = AnswerRank(data=data).run(embed)
    np.testing.assert_array_equal(result.examples["rank"], ranks)
    assert result.metrics == pytest.approx(
        {
            "mrr": np.mean(1 / np.array(ranks)),
            "accuracy": np.mean(np.array(ranks) == 1),
            "median_rank": np.median(ranks),
        }
    )
    oracle = {f"it is number {n}": np.eye(30)[n] for n in range(30)}
    oracle |= {f"w{n}": np.eye(30)[n] for n in range(30)}
    assert AnswerRank(data=data).run(model(30, **oracle)).metrics["median_rank"] == 1
    assert AnswerRank(data=data).run(constant).metrics["median_rank"] == 30


def test_paraphrases_rank_by_the_nearest_of_several(write):
    rows = [
        {
            "split": "test",
            "compound": "tree house",
            "paraphrases": ["house in a tree", "tree house"],
        },
        {"split": "test", "compound": "bird song", "paraphrases": ["song of birds", "tree house"]},
        {"split": "dev", "compound": "x", "paraphrases": ["y"]},
    ]
    problem = Paraphrases(path=write("p.jsonl", rows)).load()
    assert problem.documents == ["house in a tree", "tree house", "song of birds"]
    assert problem.relevant == [{0: 1}, {2: 1, 1: 1}] and problem.excluded.tolist() == [1, -1]
    vectors = {
        "tree house": np.eye(3)[0],
        "house in a tree": np.eye(3)[0] + np.eye(3)[1],
        "bird song": np.eye(3)[2],
        "song of birds": np.eye(3)[1],
    }
    result = AnswerRank(data=Paraphrases(path=write("p.jsonl", rows))).run(model(3, **vectors))
    assert result.examples["rank"].tolist() == [1, 2]  # the one wrong document ties


def test_choice_compares_two_cosines(write):
    rows = [tuple(f"{n}{role}" for role in "apn") for n in range(60)]
    data = TripletFile(path=write("t.tsv", [("anchor", "positive", "negative"), *rows]))
    embed = model()
    gaps = [cos(*of(embed, a, p)) - cos(*of(embed, a, n)) for a, p, n in rows]
    result = Choice(data=data).run(embed)
    assert result.metrics["accuracy"] == pytest.approx(np.mean(np.array(gaps) > 0))
    assert result.metrics["gap"] == pytest.approx(np.mean(gaps), abs=1e-6)
    assert result.metrics["absolute_gap"] == pytest.approx(np.mean(np.abs(gaps)), abs=1e-6)
    assert Choice(data=data).run(constant).metrics == {"accuracy": 0.5, "gap": 0, "absolute_gap": 0}


def test_variants_of_a_sentence_against_one_of_its_words(write):
    rows = [("nurse", "he"), ("nurse", "she"), ("cook", "he"), ("cook", "she"), ("clerk", "he")]
    table = [
        ("occupation", "participant", "answer", "gender", "sentence"),
        *[(job, "x", 0, "male" if p == "he" else "female", f"{p}, a {job}") for job, p in rows],
    ]
    problem = VariantFile(path=write("v.tsv", table)).load()
    assert problem.anchors == ["nurse", "cook"]
    assert (problem.nearer[0], problem.farther[0]) == ("he, a nurse", "she, a nurse")
