"""Problems made in a test, in the slot that a task reads, and vectors looked up by text."""

from dataclasses import dataclass

import numpy as np

from jaxemb.evaluation import (
    BitextData,
    ChunkData,
    LabelData,
    LabelSetData,
    PairData,
    RerankingData,
    RetrievalData,
    SummaryData,
)
from jaxemb.evaluation.chunking import ChunkProblem
from jaxemb.evaluation.problems import (
    BitextProblem,
    LabelProblem,
    LabelSetProblem,
    PairProblem,
    RerankingProblem,
    RetrievalProblem,
    SummaryProblem,
)

SLOTS = {
    BitextProblem: BitextData,
    ChunkProblem: ChunkData,
    LabelProblem: LabelData,
    LabelSetProblem: LabelSetData,
    PairProblem: PairData,
    RerankingProblem: RerankingData,
    RetrievalProblem: RetrievalData,
    SummaryProblem: SummaryData,
}


def held(problem):
    """A data part that loads this very problem."""

    @dataclass(frozen=True, kw_only=True)
    class Held(SLOTS[type(problem)]):
        def load(self):
            return problem

        def fingerprint(self):
            return "held"

    return Held()


def each_alone(count):
    """Every example its own cluster."""
    return np.arange(count, dtype=np.int32)


def looked_up(vectors):
    """An embedding that reads a text's number: "7" or "7 of this kind" gives row 7."""
    rows = np.asarray(vectors, np.float32)
    return lambda texts, role: rows[[int(text.split()[0]) for text in texts]]


def numbered(start, count):
    return [str(number) for number in range(start, start + count)]
