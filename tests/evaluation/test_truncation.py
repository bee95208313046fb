"""Tasks at fewer layers and dimensions."""

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.evaluation import (
    STS,
    At,
    During,
    PairTexts,
    PartnerRank,
    PyDocsGrades,
    evaluate,
    reaches,
    surface,
)


class Layered:
    """A model whose vectors after `layers` layers have noise that the whole model has not."""

    def __init__(self, embed, noise=0.0):
        self.embed, self.noise, self.calls = embed, noise, []

    def __call__(self, texts, role):
        self.calls.append(len(texts))
        vectors = self.embed(texts, role)
        draw = np.random.default_rng(0)
        return vectors + self.noise * draw.normal(size=vectors.shape).astype("float32")

    def at(self, layers):
        self.cut = Layered(self.embed, noise=3.0)
        return self.cut


@pytest.fixture
def task(docs):
    return STS(data=PyDocsGrades(source=docs, pairs=300))


def test_sizes_are_in_the_name_and_each_depth_is_embedded_once(task, embed):
    model = Layered(embed)
    tasks = (task, *surface([task], layers=(1,), dims=(8, 16, 64)), At(inner=task, dim=64))
    scores = evaluate(model, tasks)
    names = [f"sts@layers=1,dim={dim}" for dim in (8, 16, 64)]
    assert list(scores) == ["sts", *names, "sts@dim=64"]
    assert len(model.calls) == len(model.cut.calls) == 1
    whole = scores["sts"].metrics["spearman"]
    assert scores["sts@dim=64"].metrics["spearman"] == pytest.approx(whole)
    assert scores[names[2]].metrics["spearman"] < whole


def test_dimensions_are_the_first_ones(task, embed):
    first = evaluate(lambda texts, role: embed(texts, role)[:, :8], [task])["sts"]
    cut = evaluate(embed, [At(inner=task, dim=8)])["sts@dim=8"]
    assert cut.metrics == pytest.approx(first.metrics)


def test_more_dimensions_than_there_are_is_one_sentence(task, embed):
    """A cut that cuts nothing would stand in a table as if it were another size."""
    width = embed(["one"], "query").shape[1]
    assert evaluate(embed, [At(inner=task, dim=width)])
    with pytest.raises(UsageError, match=f"{width + 1} numbers, and these have {width}"):
        evaluate(embed, [At(inner=task, dim=width + 1)])
    cut = At(inner=task, layers=2, dim=8)
    assert reaches(cut, 2, 8) and reaches(cut, None) and reaches(task, 1, 4)
    assert not reaches(cut, 2, 7) and not reaches(cut, 1, 8)


def test_cut_tasks_share_the_data_of_the_whole_one(task):
    cut = At(inner=task, layers=2)
    assert cut.fingerprint() == task.fingerprint()
    assert cut.metrics == task.metrics
    assert cut.on("dev") == At(inner=task.on("dev"), layers=2)
    assert cut.score_run(None) is None


def test_wrapped_tasks_name_all_the_data_that_their_result_does(docs, embed):
    """Also where a task reads more than its `data`, as a background."""
    pairs = PyDocsGrades(source=docs, pairs=60)
    task = PartnerRank(data=pairs, background=PairTexts(pairs=pairs))
    cut = At(inner=task, dim=8)
    assert cut.fingerprint() == cut.run(embed).data == task.run(embed).data
    assert During(inner=task).fingerprint() == task.fingerprint()
