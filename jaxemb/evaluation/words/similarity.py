"""Word similarity: does the cosine of words order pairs as people do?"""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np

from jaxemb.config import AtLeast, UsageError
from jaxemb.evaluation.base import Task, embed_groups
from jaxemb.evaluation.problems import PairData
from jaxemb.evaluation.sts import pairwise_cosine
from jaxemb.evaluation.words.conventions import (
    Counted,
    Spelling,
    Unknown,
    has_vector,
    neutral,
    spelled,
)
from jaxemb.evaluation.words.problems import ContextData
from jaxemb.statistics.result import Result
from jaxemb.vectors.cache import Embed


@dataclass(frozen=True, kw_only=True)
class WordSimilarity(Task):
    """Rank correlation of the cosine of two words with their graded similarity.

    Metrics: `spearman`; `coverage`, the share of pairs whose words both have a vector (a vector of
    zeros says that there is none). Records: `prediction`, `gold`.

    Reference: Hill, Reichart and Korhonen, SimLex-999 (arXiv:1408.3456).

    Example:
        >>> from jaxemb.evaluation import PairFile
        >>> WordSimilarity(name="men", data=PairFile(path="men.tsv")).metrics
        ('spearman', 'coverage')
    """

    metrics: ClassVar[tuple[str, ...]] = ("spearman", "coverage")
    name: str = "word_similarity"
    data: PairData
    role: str = "query"
    spelling: tuple[Spelling, ...] = ()
    unknown: Unknown = field(default_factory=Counted)

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        words = spelled(problem.first + problem.second, self.spelling)
        first, second = np.split(embed(words, self.role), 2)
        known = has_vector(first) & has_vector(second)
        kept = self.unknown.kept(known)
        records = {
            "prediction": neutral(pairwise_cosine(first, second), known)[kept],
            "gold": problem.gold[kept],
        }
        result = self.scored(records, problem.clusters[kept], ("spearman",))
        result.metrics["coverage"] = float(known.mean())
        return result


@dataclass(frozen=True, kw_only=True)
class FewShotSimilarity(Task):
    """As `WordSimilarity`, but the second word's vector is the mean of some of its contexts' vectors.

    `contexts` sentences are drawn for every pair by `seed` (all, where there are fewer): what a model
    makes of a word that it has only met so often. With more contexts the draws are supersets.

    Metric: `spearman`. Records: `prediction`, `gold`. The pairs of one rare word are one cluster.

    Reference: Khodak et al., A La Carte Embedding (arXiv:1805.05388), the contextual rare words.

    Example:
        >>> from jaxemb.evaluation import ContextFiles
        >>> FewShotSimilarity(data=ContextFiles(pairs="p.tsv", contexts="c.jsonl"), contexts=4).metrics
        ('spearman',)
    """

    metrics: ClassVar[tuple[str, ...]] = ("spearman",)
    name: str = "few_shot_similarity"
    data: ContextData
    role: str = "query"
    contexts: Annotated[int, AtLeast(1)] = 16
    seed: Annotated[int, AtLeast(0)] = 0

    def __post_init__(self) -> None:
        if self.contexts < 1:
            raise UsageError(f"contexts={self.contexts} must be at least 1.")

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        draw = np.random.default_rng(self.seed)
        # A whole permutation a pair, so that the first four contexts are the same out of sixteen.
        drawn = [
            [of[place] for place in draw.permutation(len(of))[: self.contexts]]
            for of in problem.contexts
        ]
        means = np.stack([part.mean(axis=0) for part in embed_groups(embed, drawn, self.role)])
        prediction = pairwise_cosine(embed(problem.words, self.role), means).astype(np.float64)
        return self.scored({"prediction": prediction, "gold": problem.gold}, problem.clusters)
