"""Tasks presented as tasks of another type, and tasks in a made-up language."""

import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.data import WordCipher
from jaxemb.evaluation import (
    BitextMining,
    Clustering,
    Presented,
    PyDocsLabels,
    PyDocsRetrieval,
    PyDocsTranslation,
    Retrieval,
    evaluate,
)
from jaxemb.retrieval.lexical import BM25
from jaxemb.vectors.cache import of_kind
from tests.evaluation.conftest import SmallDocs, hashed_words

RETRIEVAL = Retrieval(data=PyDocsRetrieval(source=SmallDocs()), depth=10)
CLUSTERING = Clustering(role="query", data=PyDocsLabels(source=SmallDocs(), train=100, texts=100))


class Prefixed:
    """A model whose prefixes are told apart by type; it keeps what it was asked for."""

    def __init__(self, known=("retrieval", "clustering")):
        self.known, self.asked = known, []

    def __call__(self, texts, role):
        raise AssertionError("texts without a type of task")

    def of(self, kind):
        if kind not in self.known:
            raise UsageError(f"no prefix for {kind}")

        def embed(texts, role):
            self.asked.append((kind, role))
            before = "noise " * 40 if kind == "clustering" and role == "query" else ""
            return hashed_words([before + text for text in texts], role)

        return embed


def test_texts_are_embedded_as_those_of_the_other_type_and_scores_are_of_the_same_data():
    model = Prefixed()
    wrong = Presented(inner=RETRIEVAL, like="clustering")
    results = evaluate(model, [RETRIEVAL, wrong])
    assert {kind for kind, _ in model.asked} == {"retrieval", "clustering"}
    right, other = results["retrieval"], results["retrieval@clustering"]
    assert right.data == other.data and right.examples.keys() == other.examples.keys()
    assert other.metrics["ndcg@10"] < right.metrics["ndcg@10"]


def test_a_model_without_prefixes_by_type_scores_as_in_the_task_itself():
    tasks = [CLUSTERING, Presented(inner=CLUSTERING, like="retrieval")]
    own, presented = evaluate(hashed_words, tasks).values()
    assert own.metrics == presented.metrics
    ranked = Presented(inner=RETRIEVAL, like="sts").score_run(BM25())
    assert ranked.metrics == RETRIEVAL.score_run(BM25()).metrics
    assert tasks[1].score_run(BM25()) is None


def test_a_type_that_the_model_has_no_prefix_for_is_refused():
    with pytest.raises(UsageError, match="no prefix for sts"):
        evaluate(Prefixed(), [Presented(inner=RETRIEVAL, like="sts")])
    assert of_kind(hashed_words, "sts") is hashed_words


def test_it_is_written_and_cut_like_any_task():
    task = Presented(inner=RETRIEVAL, like="clustering")
    assert from_json(to_json(task)) == task and task.kind == "clustering"
    assert task.metrics == RETRIEVAL.metrics and task.data == RETRIEVAL.data
    assert task.on("dev").inner.data.split == "dev"


def test_translations_are_found_by_who_can_read_and_not_by_who_cannot():
    data = PyDocsTranslation(pairs=60, source=SmallDocs())
    problem = data.load()
    assert len(problem.source) == len(set(problem.target)) == 60
    cipher = WordCipher()
    for source, target in zip(problem.source, problem.target, strict=True):
        assert cipher.decipher(target) == source.lower() != target

    def bilingual(texts, role):
        own = set(problem.target)
        return hashed_words([cipher.decipher(t) if t in own else t for t in texts], role)

    task = BitextMining(data=data)
    assert evaluate(bilingual, [task])["bitext_mining"].metrics["f1"] == 1.0
    assert evaluate(hashed_words, [task])["bitext_mining"].metrics["accuracy"] < 0.3
    other = PyDocsTranslation(pairs=60, source=SmallDocs(), cipher=WordCipher(seed=1))
    assert other.fingerprint() != data.fingerprint()
    np.testing.assert_array_equal(other.load().clusters, problem.clusters)
