"""Problems of every type, drawn at random."""

import numpy as np

from jaxemb.evaluation.problems import (
    BitextProblem,
    LabelProblem,
    LabelSetProblem,
    PairProblem,
    RerankingProblem,
    RetrievalProblem,
    SummaryProblem,
)
from tests.evaluation.held import each_alone, numbered

WIDTH = 6


def bitext(count=50):
    return BitextProblem(numbered(0, count), numbered(count, count), each_alone(count))


def pairs(draw, count=50):
    gold = draw.integers(0, 2, count).astype(np.float64)
    return PairProblem(numbered(0, count), numbered(count, count), gold, each_alone(count))


def labelled(draw, train, test, classes):
    labels = draw.permutation(np.arange(train + test) % classes).astype(np.int32)
    return LabelProblem(
        train_texts=numbered(0, train),
        train_labels=labels[:train],
        texts=numbered(train, test),
        labels=labels[train:],
        clusters=each_alone(test),
        names=tuple(map(str, range(classes))),
    )


def label_sets(draw, train=60, test=50, labels=5, sets=None):
    held_by = draw.random((train + test, labels)) < 0.4
    if sets is not None:
        held_by = np.array(sets, bool)[draw.permutation(np.arange(train + test) % len(sets))]
    return LabelSetProblem(
        numbered(0, train), held_by[:train], numbered(train, test), held_by[train:], each_alone(test),
        tuple(map(str, range(labels))),
    )  # fmt: skip


def reranking(draw, queries=50, candidates=12):
    texts = [numbered(queries + q * candidates, candidates) for q in range(queries)]
    relevant = [[1, 0, *draw.integers(0, 3, candidates - 2).tolist()] for _ in range(queries)]
    return RerankingProblem(numbered(0, queries), texts, relevant, each_alone(queries))


def retrieval(draw, queries=50, documents=60):
    relevant = [
        {
            int(d): int(draw.integers(1, 4))
            for d in draw.permutation(documents)[: draw.integers(1, 8)]
        }
        for _ in range(queries)
    ]
    return RetrievalProblem(
        numbered(0, queries), numbered(queries, documents), relevant, each_alone(queries)
    )


def summaries(draw, texts=50, machines=6, humans=3):
    each = machines + humans

    def grades():
        # The lowest and the highest are always among them, so that there is something to order.
        return draw.permutation([0.0, 3.0, *draw.integers(0, 4, machines - 2)]).tolist()

    return SummaryProblem(
        references=[numbered(t * each, humans) for t in range(texts)],
        summaries=[numbered(t * each + humans, machines) for t in range(texts)],
        gold=[grades() for _ in range(texts)],
        clusters=each_alone(texts),
    )
