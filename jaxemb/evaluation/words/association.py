"""Bias: are two sets of targets associated differently with two sets of attributes?"""

import itertools
import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Float, Int

from jaxemb.config import AtLeast
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.words.problems import AssociationData
from jaxemb.statistics.metrics import effect_size
from jaxemb.statistics.result import Result
from jaxemb.statistics.similarities import unit_rows
from jaxemb.vectors.cache import Embed


@dataclass(frozen=True, kw_only=True)
class Association(Task):
    """The word (or sentence) embedding association test.

        s(w) = mean_{a in A} cos(w, a) - mean_{b in B} cos(w, b)
        d    = (mean_{x in X} s(x) - mean_{y in Y} s(y)) / std_{w in X and Y} s(w)

    Metrics: `effect_size` d, from -2 to 2, 0 without bias; `p`, the share of equal-sized partitions
    of X and Y whose difference is at least as large, by counting all where there are no more than
    `permutations`, else by sampling them. Records: `association`, `group` (0 for X, 1 for Y).

    Reference: Caliskan, Bryson and Narayanan, Semantics derived automatically from language corpora
    contain human-like biases (arXiv:1608.07187); May et al. (arXiv:1903.10561) for sentences.

    Example:
        >>> from jaxemb.evaluation import AssociationFile
        >>> Association(data=AssociationFile(path="weat.jsonl", test="weat1")).metrics
        ('effect_size', 'p')
    """

    metrics: ClassVar[tuple[str, ...]] = ("effect_size", "p")
    name: str = "association"
    data: AssociationData
    role: str = "query"
    permutations: Annotated[int, AtLeast(1)] = 10_000

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        targets = unit_rows(embed(problem.first_targets + problem.second_targets, self.role))
        first = unit_rows(embed(problem.first_attributes, self.role))
        second = unit_rows(embed(problem.second_attributes, self.role))
        association = (targets @ first.T).mean(axis=1) - (targets @ second.T).mean(axis=1)
        association = association.astype(np.float64)
        group = np.repeat([0, 1], [len(problem.first_targets), len(problem.second_targets)])
        return Result(
            metrics={
                "effect_size": effect_size(association, group),
                "p": partition_p(association, group, self.permutations),
            },
            examples={
                "association": association,
                "group": group.astype(np.int32),
                "cluster": np.arange(len(group), dtype=np.int32),
            },
            data=self.fingerprint(),
        )


def partition_p(
    association: Float[np.ndarray, " targets"],
    group: Int[np.ndarray, " targets"],
    permutations: int,
) -> float:
    """One-sided p: partitions into sets of these sizes whose mean difference is at least the seen one.

    Sampled partitions give (1 + hits) / (1 + permutations), which is never 0.
    """
    total, size = len(group), int(np.sum(group == 0))
    # With sizes and values fixed, the difference of means rises with the first set's sum.
    seen = association[group == 0].sum()
    seen -= 1e-12 * max(1.0, abs(seen))  # rounding must not part equal sums
    if math.comb(total, size) <= permutations:
        chosen = np.array(list(itertools.combinations(range(total), size)))
        return float(np.mean(association[chosen].sum(axis=1) >= seen))
    draw = np.random.default_rng(0)
    sums = np.array(
        [association[draw.permutation(total)[:size]].sum() for _ in range(permutations)]
    )
    return float((1 + np.sum(sums >= seen)) / (1 + permutations))
