"""Tasks about a model's vectors as they are and in fewer dimensions."""

import dataclasses

import numpy as np
import pytest

from jaxemb.analysis import PrincipalComponents, intrinsic_dimension
from jaxemb.data import Dataset
from jaxemb.evaluation import STS, Background, Geometry, Reduced, Retrieval, evaluate, sweep
from jaxemb.evaluation.problems import PairProblem, RetrievalProblem
from jaxemb.statistics import metrics
from jaxemb.statistics.similarities import unit_rows
from tests.evaluation.held import each_alone, held

COUNT = 120
VECTORS = unit_rows(np.random.default_rng(0).normal(size=(COUNT, 12)).astype(np.float32))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Numbers(Background):
    def load(self):
        return [*map(str, range(COUNT)), "0"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Told(Dataset):
    """In the place of training texts: other numbers than the tasks'."""

    columns = ("query",)

    def __len__(self):
        return COUNT

    def texts(self):
        return [str(n) for n in range(60, COUNT)]

    def batches(self, model, *, seed):
        raise NotImplementedError

    def fingerprint(self):
        return "told"


def embed(texts, role):
    return VECTORS[[int(text) for text in texts]]


def test_the_shape_of_a_model():
    result = evaluate(embed, [Geometry(data=Numbers())])["geometry"]
    assert result.metrics == {
        "intrinsic_dimension": pytest.approx(intrinsic_dimension(VECTORS)),
        "iso_score": pytest.approx(metrics.iso_score(VECTORS)),
        "effective_rank": pytest.approx(metrics.effective_rank(VECTORS)),
        "mean_cosine": pytest.approx(metrics.mean_cosine(VECTORS)),
    }
    assert len(result.examples["ratio"]) == COUNT, "equal texts once"


def pairs():
    gold = np.random.default_rng(1).integers(0, 5, 30).astype(np.float64)
    first, second = [str(n) for n in range(30)], [str(n) for n in range(30, 60)]
    return held(PairProblem(first, second, gold, each_alone(30)))


def test_what_a_score_keeps():
    task = STS(data=pairs())
    whole = task.run(embed).metrics["spearman"]
    for dim in (3, 12):
        cut = task.run(lambda texts, role, dim=dim: VECTORS[[int(t) for t in texts]][:, :dim])
        found = Reduced(inner=task, dim=dim).run(embed)
        assert found.metrics == {"spearman.kept": pytest.approx(cut.metrics["spearman"] / whole)}
        again = metrics.statistic_of("spearman.kept")(found.examples)
        assert again == found.metrics["spearman.kept"]
    assert Reduced(inner=task, dim=12).run(embed).metrics["spearman.kept"] == pytest.approx(1.0)


def test_what_a_mean_over_examples_keeps():
    numbers = [str(n) for n in range(COUNT)]
    relevant = [{n + 20: 1} for n in range(20)]
    problem = RetrievalProblem(numbers[:20], numbers[20:60], relevant, each_alone(20))
    task = Retrieval(data=held(problem))
    found = Reduced(inner=task, dim=2).run(embed).metrics["ndcg@10.kept"]
    cut = task.run(lambda texts, role: VECTORS[[int(t) for t in texts]][:, :2])
    assert found == pytest.approx(cut.metrics["ndcg@10"] / task.run(embed).metrics["ndcg@10"])
    assert Reduced(inner=task, dim=2).score_run(None) is None


def test_components_are_fitted_to_other_texts():
    task = Reduced(inner=STS(data=pairs()), dim=2, by=PrincipalComponents(), texts=Told())
    change = PrincipalComponents().to(2, lambda: VECTORS[60:])
    gold = task.inner.run(lambda t, role: unit_rows(change(embed(t, role)))).metrics["spearman"]
    whole = task.inner.run(embed).metrics["spearman"]
    assert task.run(embed).metrics["spearman.kept"] == pytest.approx(gold / whole)
    names = [one.name for one in sweep([STS()], dims=(8, 2), by=(PrincipalComponents(),))]
    assert names == ["sts@principal_components,dim=8", "sts@principal_components,dim=2"]
