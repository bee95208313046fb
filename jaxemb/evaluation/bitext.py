"""Bitext mining: is a text's nearest neighbour in the other language its translation?"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float64, Int

from jaxemb.evaluation.base import Task
from jaxemb.evaluation.problems import BitextData
from jaxemb.evaluation.pydocs_sets import PyDocsCode
from jaxemb.retrieval.exact import cosine_top_k
from jaxemb.statistics.result import Result
from jaxemb.vectors.cache import Embed


@dataclass(frozen=True, kw_only=True)
class BitextMining(Task):
    """For every source text the nearest target text by cosine, which should be its own.

    Each target is a class of one text, so that precision, recall and F1, weighted by class, are means
    over the source texts: with `n_i` the number of sources whose neighbour is target i,

        recall_i = [neighbour of i is i],  precision_i = recall_i / n_i,  F1_i = 2 recall_i / (1 + n_i)

    Metrics: `f1`, `accuracy` (the same as recall), `precision`, `recall`. Records: the same, a source
    text. Equally near targets go to the first of them. Both sides take the same role.

    Reference: Muennighoff et al., MTEB (arXiv:2210.07316).

    Example:
        >>> BitextMining().metrics
        ('f1', 'accuracy', 'precision', 'recall')
    """

    metrics: ClassVar[tuple[str, ...]] = ("f1", "accuracy", "precision", "recall")
    name: str = "bitext_mining"
    data: BitextData = field(default_factory=PyDocsCode)
    role: str = "document"

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        vectors = embed(problem.source + problem.target, self.role)
        source, target = np.split(vectors, [len(problem.source)])
        records = mined(cosine_top_k(source, target, 1)[0][:, 0])
        return self.scored(records, problem.clusters)


def mined(
    neighbours: Int[np.ndarray, " sources"],
) -> dict[str, Float64[np.ndarray, " sources"]]:
    """Per source text i, whose translation is target i, what its neighbour scores.

    Example:
        >>> {name: values.tolist() for name, values in mined(np.array([0, 0])).items()}["precision"]
        [0.5, 0.0]
    """
    places = np.arange(len(neighbours))
    right = (neighbours == places).astype(np.float64)
    chosen = np.bincount(neighbours, minlength=len(neighbours))[: len(neighbours)]
    return {
        "f1": 2 * right / (1 + chosen),
        "accuracy": right,
        "precision": right / np.maximum(chosen, 1),
        "recall": right,
    }
