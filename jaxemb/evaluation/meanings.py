"""Retrieval among sentences of a small grammar, where sameness of meaning is exact."""

from dataclasses import dataclass

import numpy as np

from jaxemb.evaluation.paraphrase.grammar import PLAIN, meanings, render
from jaxemb.evaluation.problems import RetrievalData, RetrievalProblem


@dataclass(frozen=True, kw_only=True)
class MeaningRetrieval(RetrievalData):
    """Find the sentence that says the same, with the place first, among sentences about others.

    Query and answer use the same words. Every meaning has a counterpart with agent and patient in
    each other's place, which the same words say, so that counting words is right every other time.
    `Paraphrased(inner=..., paraphraser=Restyled())` then puts both into other words.

    Example:
        >>> problem = MeaningRetrieval(documents=4).load()
        >>> len(problem.documents), problem.relevant[0]
        (4, {0: 1})
    """

    documents: int = 300
    seed: int = 0

    def load(self) -> RetrievalProblem:
        said = meanings(self.documents, np.random.default_rng(self.seed))
        first = PLAIN._replace(place_first=True)
        return RetrievalProblem(
            queries=[render(meaning, first) for meaning in said],
            documents=[render(meaning) for meaning in said],
            relevant=[{place: 1} for place in range(len(said))],
            clusters=np.arange(len(said), dtype=np.int32) // 2,
        )
