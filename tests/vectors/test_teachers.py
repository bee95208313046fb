"""A teacher's scores of lists, and a judge that is not the model under training."""

import dataclasses
import functools
import itertools

import jax
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.data import GivenTexts, HardNegatives, Pairs, View
from jaxemb.heads import Linear
from jaxemb.losses import ScoreDistillation, check_columns
from jaxemb.model import Model, Start
from jaxemb.statistics.similarities import unit_rows
from jaxemb.text import WordPiece
from jaxemb.vectors import (
    AnotherModel,
    Consistent,
    CrossEncoder,
    MinedOnce,
    Reranked,
    TaughtScores,
    WithinRank,
    mine,
    ranked,
)
from tests import toy

TEXTS = tuple(" ".join(letters) for letters in itertools.permutations("abcd", 3))


@functools.cache
def model():
    """A small random model that reads the letters."""
    tokenizer = WordPiece(vocabulary=toy.VOCABULARY, max_tokens=toy.TOKENS).train(TEXTS * 2)
    return dataclasses.replace(toy.model(), tokenizer=tokenizer)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Toy(Start):
    """A small random model."""

    @property
    def network(self):
        return toy.embedder()

    def start(self, key):
        return model()

    def fingerprint(self):
        return "toy"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Halves(View):
    columns = ("query", "positive", "query_id", "positive_id")

    def __call__(self, records):
        return [
            {
                "query": r["text"],
                "positive": f"{r['text']} a",
                "query_id": n,
                "positive_id": 100 + n,
            }
            for n, r in enumerate(records)
        ]


@pytest.fixture
def pairs(tmp_path, monkeypatch) -> Pairs:
    monkeypatch.setenv("JAXEMB_CACHE", str(tmp_path))
    return Pairs(source=GivenTexts(texts=TEXTS), view=Halves(), batch_size=8)


def test_scores_are_the_teachers_cosines_of_each_document(pairs):
    with_some = dataclasses.replace(pairs, view=HardNegatives(inner=Halves(), count=2))
    data, toy_model = TaughtScores(inner=with_some, teacher=Toy()), model()
    check_columns(ScoreDistillation(), data)
    for example in data.examples_for(None)[::5]:
        documents = [example["positive"], *example["negatives"]]
        query = unit_rows(toy_model.encode([example["query"]], role="query"))[0]
        expected = unit_rows(toy_model.encode(documents)) @ query
        np.testing.assert_allclose(example["score"], expected, rtol=1e-5, atol=1e-6)
    batch = next(data.batches(toy_model, seed=0))
    assert batch["score"].shape == (8, 3) and batch["score"].dtype == np.float32
    alone = TaughtScores(inner=pairs, teacher=Toy()).examples_for(None)
    assert len(alone[0]["score"]) == 1


def test_another_model_is_asked_in_place_of_the_one_under_training(pairs):
    def never():
        raise AssertionError("the model under training is not asked")

    judge, examples, toy_model = AnotherModel(start=Toy()), pairs.examples(), model()
    found = ranked(examples, judge.searcher(never), 5)
    expected = ranked(examples, toy_model, 5)
    np.testing.assert_array_equal(found.others, expected.others)
    np.testing.assert_allclose(found.own, expected.own, rtol=1e-5)
    data = MinedOnce(inner=pairs, count=2, judge=judge)
    numbers = mine(examples, toy_model, 2).numbers
    for example, own in zip(data.examples_for(None), numbers.tolist(), strict=True):
        assert example["negatives_id"] == tuple(100 + n for n in own)
    kept = Consistent(inner=pairs, judge=judge, keep=WithinRank(rank=1)).kept(None)[1]
    np.testing.assert_array_equal(kept, expected.rank <= 1)
    other = MinedOnce(inner=pairs, count=2)
    assert data.fingerprint() != other.fingerprint()


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToyReranker(Start):
    """A small random model that gives `dim` numbers for a text."""

    dim: int = 1

    @property
    def network(self):
        return dataclasses.replace(toy.embedder(), head=Linear(dim=self.dim))

    def start(self, key):
        made = Model.create(self.network, jax.random.key(5))
        return dataclasses.replace(made, tokenizer=model().tokenizer)

    def fingerprint(self):
        return "toy-reranker"


def test_a_cross_encoder_judges_pairs_as_one_text(pairs):
    score = CrossEncoder(start=ToyReranker(), between=" d ")
    data = MinedOnce(inner=pairs, count=2, depth=6, judge=Reranked(score=score))
    examples = data.examples_for(model())
    found = ranked(pairs.examples(), model(), 6)
    reranker = ToyReranker().start(None)
    for row in (0, 9, 20):
        near = [examples[n]["positive"] for n in found.others[row].tolist()]
        both = [f"{examples[row]['query']} d {text}" for text in near]
        scores = reranker.encode(both, normalize=False)[:, 0]
        expected = [near[n] for n in np.argsort(-scores, kind="stable")[:2].tolist()]
        assert list(examples[row]["negatives"]) == expected
    assert len({e["negatives"] for e in examples}) > 5
    with pytest.raises(UsageError, match="this one gives 4"):
        CrossEncoder(start=ToyReranker(dim=4)).scorer(None)(["a"], ["b"])
