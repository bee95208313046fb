"""What `jaxemb eval` sums up of its scores."""

import pytest

from jaxemb.evaluation import STS, NeedleInsertion, Retrieval, Suite
from jaxemb.statistics.result import Result
from jaxemb.study.scoring import means


def test_scores_that_describe_are_in_no_mean():
    tasks = (Retrieval(), STS(), STS(name="bias"), NeedleInsertion())
    chosen = Suite("mine", tasks, descriptive=frozenset({"bias"}))
    results = {
        "retrieval": Result(metrics={"ndcg@10": 0.2}),
        "sts": Result(metrics={"spearman": 0.6}),
        "bias": Result(metrics={"spearman": 1.0}),
        "insertion": Result(metrics={"gap": 1.0}),
    }
    found = means(chosen, results)
    assert found["types"].keys() == {"retrieval", "sts"}
    assert found["mean"] == pytest.approx(0.4) == found["mean_of_types"]
