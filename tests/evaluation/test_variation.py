"""Series and structure as tasks, and the claims that compare two models by their records."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from jaxemb import Agrees, AgreesInStructure, AgreesMore, BetterIn
from jaxemb.analysis import similarity_matrix
from jaxemb.config import UsageError
from jaxemb.evaluation import AdjacentSimilarity, SimilarityStructure
from jaxemb.statistics import joined, level
from jaxemb.statistics.metrics import STATISTICS, roc_auc, spread
from jaxemb.statistics.result import Result
from jaxemb.study.claims import SUPPORTED, Table
from tests.evaluation.test_position import RandomProse, bag, vector


@dataclasses.dataclass(frozen=True, kw_only=True)
class Topics(RandomProse):
    """Every section repeats words of its own."""

    def load(self):
        whole, rng = RandomProse.load(self), np.random.default_rng(1)
        return whole._replace(documents=[
            tuple(f"{text} " + " ".join(f"topic{d}{s}{rng.integers(4)}" for _ in range(4))
                  for text, s in zip(document, sections, strict=True))
            for d, (document, sections) in enumerate(zip(whole.documents, whole.sections, strict=True))
        ])  # fmt: skip


DATA = Topics(documents=20, sentences=15)
SERIES, STRUCTURE = AdjacentSimilarity(data=DATA), SimilarityStructure(data=DATA, sentences=120)


def noisy(amount, seed=0):
    """The bag, seen through noise that a text always gets alike."""

    def embed(texts, role):
        noise = np.stack([vector(f"{seed} {text}") for text in texts])
        return (bag(texts, role) + amount * noise).astype(np.float32)

    return embed


def table(**models) -> Table:
    arms = {
        name: [{task.name: task.run(embed) for task in (SERIES, STRUCTURE)}]
        for name, embed in models.items()
    }
    return Table(arms=arms, trained=False)


MODELS = {"bag": bag, "near": noisy(1.5), "far": noisy(6.0, 1), "random": noisy(1e6, 2)}


@pytest.fixture(scope="module")
def models() -> Table:
    return table(**MODELS)


def test_series_is_of_neighbours_within_a_document_and_knows_the_boundaries(models):
    result = models.arms["bag"][0]["series"]
    problem, place = DATA.load(), 0
    for number, (document, sections) in enumerate(
        zip(problem.documents, problem.sections, strict=True)
    ):
        vectors = bag(document, "document")
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        for i in range(len(document) - 1):
            assert result.examples["similarity"][place] == pytest.approx(
                unit[i] @ unit[i + 1], abs=1e-5
            )
            assert result.examples["boundary"][place] == (sections[i] != sections[i + 1])
            assert result.examples["cluster"][place] == number
            place += 1
    assert place == len(result.examples["similarity"]) == 20 * 14
    labels, distance = result.examples["boundary"], -result.examples["similarity"]
    assert result.metrics["boundary_auc"] == pytest.approx(roc_auc_score(labels, distance))
    assert result.metrics["boundary_auc"] > 0.8
    assert level([result], "spread", trained=False).clusters == 20
    chance = models.arms["random"][0]["series"].metrics["boundary_auc"]
    assert chance == pytest.approx(0.5, abs=0.12)


def test_auc_is_sklearns_with_ties_and_a_half_without_both_kinds():
    rng = np.random.default_rng(0)
    for _ in range(5):
        gold, prediction = rng.integers(0, 2, 60), rng.integers(0, 9, 60) / 4
        assert roc_auc(prediction, gold.astype(float)) == pytest.approx(
            roc_auc_score(gold, prediction)
        )
    assert roc_auc(prediction, np.ones(60)) == 0.5
    assert spread(prediction) == pytest.approx(
        np.sqrt(np.sum((prediction - prediction.mean()) ** 2) / 59)
    )


def test_the_mean_over_pairs_varies_as_samples_of_texts_do():
    """A text is in many pairs: rows taken as independent give half the error."""
    rng = np.random.default_rng(3)
    spot = np.full(8, 0.5)

    def sample():
        matrix = similarity_matrix(rng.normal(size=(60, 8)) * rng.uniform(0, 3, (60, 1)) + spot)
        examples = {"matrix": matrix, "place": np.arange(60), "cluster": np.arange(60)}
        return Result(metrics={"similarity": STATISTICS["similarity"](examples)}, examples=examples)

    drawn = [sample() for _ in range(200)]
    upper = drawn[0].examples["matrix"][np.triu_indices(60, 1)]
    assert drawn[0].metrics["similarity"] == pytest.approx(upper.mean())
    spread_of_samples = np.std([one.metrics["similarity"] for one in drawn])
    errors = [level([one], "similarity", trained=False).standard_error for one in drawn[:20]]
    assert np.mean(errors) == pytest.approx(spread_of_samples, rel=0.25)


def test_agreement_of_arms_is_the_rank_correlation_of_their_series(models):
    series = {
        name: seeds[0]["series"].examples["similarity"] for name, seeds in models.arms.items()
    }
    for other in ("near", "far", "random"):
        found = Agrees("series/similarity", "bag", other, above=0.25).estimate(models)
        expected = spearmanr(series["bag"], series[other]).statistic
        assert found.effect == pytest.approx(expected - 0.25)
    close = Agrees("series/similarity", "bag", "near", above=0.5).judge(models)
    chance = Agrees("series/similarity", "bag", "random").judge(models)
    assert close.verdict == SUPPORTED != chance.verdict
    assert (
        AgreesMore("series/similarity", "bag", "near", than="random").judge(models).verdict
        == SUPPORTED
    )
    gap = AgreesMore("series/similarity", "bag", "near", than="far").estimate(models).effect
    pairs = [spearmanr(series["bag"], series[other]).statistic for other in ("near", "far")]
    assert gap == pytest.approx(pairs[0] - pairs[1]) and gap > 0


def test_interval_of_agreement_is_that_of_resampled_clusters(models):
    arms = (models.seeds(name, "series/similarity") for name in ("bag", "far"))
    pair = joined(*arms, "similarity", "rank_agreement")
    a, b, clusters = (pair[0].examples[name] for name in ("a", "b", "cluster"))
    members = [np.flatnonzero(clusters == number) for number in np.unique(clusters)]
    draw = np.random.default_rng(0)
    picks = draw.integers(len(members), size=(300, len(members)))
    rows = [np.concatenate([members[pick] for pick in some]) for some in picks]
    samples = [spearmanr(a[some], b[some]).statistic for some in rows]
    assert level(pair, "rank_agreement", trained=False).standard_error == pytest.approx(
        np.std(samples), rel=0.3
    )


def test_agreement_in_structure_is_over_pairs_and_leaves_out_rows_with_columns(models):
    matrices = {
        name: seeds[0]["structure"].examples["matrix"] for name, seeds in models.arms.items()
    }
    upper = np.triu_indices(120, 1)
    expected = np.corrcoef(matrices["bag"][upper], matrices["near"][upper])[0, 1]
    claim = AgreesInStructure("structure/similarity", "bag", "near", above=0.5)
    found = claim.estimate(models)
    assert found.effect + 0.5 == pytest.approx(expected, abs=1e-6)
    assert found.clusters == 20 and claim.judge(models).verdict == SUPPORTED
    chance = AgreesInStructure("structure/similarity", "bag", "random").judge(models)
    assert abs(chance.effect) < 0.05 and chance.verdict != SUPPORTED

    clusters = models.arms["bag"][0]["structure"].examples["cluster"]
    left_out = []
    for cluster in np.unique(clusters):
        kept = np.flatnonzero(clusters != cluster)
        both = [
            matrices[name][np.ix_(kept, kept)][np.triu_indices(len(kept), 1)]
            for name in ("bag", "near")
        ]
        left_out.append(np.corrcoef(*both)[0, 1])
    count = len(left_out)
    variance = (count - 1) / count * np.sum((np.array(left_out) - np.mean(left_out)) ** 2)
    assert found.example_variance == pytest.approx(variance, rel=1e-3)


def test_a_turned_copy_agrees_exactly():
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(256, 256)))[0].astype(np.float32)
    turned = table(bag=bag, turned=lambda texts, role: bag(texts, role) @ turn)
    for claim in (
        Agrees("series/similarity", "bag", "turned"),
        AgreesInStructure("structure/similarity", "bag", "turned"),
    ):
        assert claim.estimate(turned).effect == pytest.approx(1, abs=1e-4)


def scored(values, name="accuracy") -> list[dict[str, Result]]:
    values = np.asarray(values, float)
    return [
        {name: Result(metrics={"x": float(row.mean())},
                      examples={"x": row, "cluster": np.arange(len(row))}, data=name)}
        for row in values
    ]  # fmt: skip


def test_two_tasks_of_one_arm_are_compared_as_two_independent_samples():
    from scipy.stats import ttest_ind

    rng = np.random.default_rng(6)
    easy, hard = rng.normal(0.8, 0.1, 40), rng.normal(0.6, 0.1, 40)
    seed = scored([easy], "easy")[0] | scored([hard], "hard")[0]
    found = BetterIn("easy/x", "model", than_metric="hard/x").estimate(
        Table(arms={"model": [seed]}, trained=False)
    )
    expected = ttest_ind(easy, hard, equal_var=False)
    assert found.effect == pytest.approx(easy.mean() - hard.mean())
    assert found.effect / found.standard_error == pytest.approx(expected.statistic)
    columns = (
        scored(rng.normal(mean, 0.1, (3, 40)), n) for mean, n in ((0.8, "easy"), (0.6, "hard"))
    )
    seeds = [a | b for a, b in zip(*columns, strict=True)]
    paired = BetterIn("easy/x", "model", than_metric="hard/x").estimate(
        Table(arms={"model": seeds})
    )
    gaps = [one["easy"].metrics["x"] - one["hard"].metrics["x"] for one in seeds]
    assert paired.seed_variance == pytest.approx(np.var(gaps, ddof=1) / 3) and paired.degrees == 2


def test_two_tasks_on_the_same_data_are_compared_example_by_example():
    from scipy.stats import ttest_rel

    rng = np.random.default_rng(8)
    right = rng.normal(0.5, 0.3, 40)
    wrong = right - rng.normal(0.05, 0.01, 40)
    seed = {
        "right": scored([right], "same")[0]["same"],
        "wrong": scored([wrong], "same")[0]["same"],
    }
    found = BetterIn("right/x", "model", than_metric="wrong/x").estimate(
        Table(arms={"model": [seed]}, trained=False)
    )
    assert found.effect / found.standard_error == pytest.approx(ttest_rel(right, wrong).statistic)


def test_records_of_other_data_are_refused(models):
    other = AdjacentSimilarity(data=Topics(documents=20, sentences=14)).run(bag)
    mine = models.seeds("bag", "series/similarity")
    with pytest.raises(UsageError, match="different data"):
        joined(mine, [other], "similarity", "rank_agreement")
    with pytest.raises(UsageError, match="no records 'matrix'"):
        joined(mine, mine, "matrix", "structure_agreement")
    with pytest.raises(UsageError, match="2 and 3 seeds"):
        joined(2 * mine, 3 * mine, "similarity", "rank_agreement")
    assert len(joined(mine, 3 * mine, "similarity", "rank_agreement")) == 3
