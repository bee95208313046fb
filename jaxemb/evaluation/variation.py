"""How meaning moves through ordered prose, as a model sees it; for comparing models without labels."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np

from jaxemb.analysis import adjacent_similarity, similarity_matrix
from jaxemb.config import AtLeast
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.prose import ProseData, PyDocsProse
from jaxemb.statistics.result import Result
from jaxemb.vectors.cache import Embed


def _manuals() -> PyDocsProse:
    return PyDocsProse(document="package", section="module", most=600)


@dataclass(frozen=True, kw_only=True)
class AdjacentSimilarity(Task):
    """Cosine of every sentence with the next, through whole manuals.

    Metrics: `similarity`, the mean; `spread`, the standard deviation; `boundary_auc`, the chance
    that a pair on either side of a section's boundary is less alike than one within a section. The
    records are the series themselves, so that two models can be compared by them
    (`jaxemb.study.Agrees`): `similarity`, and `boundary`, 1 where a section begins between the two.
    The cluster is that of the first of the two.

    Reference: A Comparative Study of Sentence Embedding Models for Assessing Semantic Variation,
    arXiv:2308.04625.

    Example:
        >>> AdjacentSimilarity().metrics
        ('similarity', 'spread', 'boundary_auc')
    """

    metrics: ClassVar[tuple[str, ...]] = ("similarity", "spread", "boundary_auc")
    name: str = "series"
    data: ProseData = field(default_factory=_manuals)
    role: str = "document"

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        series = [adjacent_similarity(embed(d, self.role)) for d in problem.documents]
        similarity = np.concatenate(series)
        records = {
            "similarity": similarity,
            "distance": -similarity,
            "boundary": np.concatenate([np.diff(own) != 0 for own in problem.sections]).astype(
                np.float64
            ),
        }
        return self.scored(records, np.concatenate([own[:-1] for own in problem.clusters]))


@dataclass(frozen=True, kw_only=True)
class SimilarityStructure(Task):
    """The similarity of every sentence with every other, in a sample of `sentences` of them.

    Metric: `similarity`, the mean over pairs of different sentences, which is 0 in a space that is
    used in all directions. The record `matrix` holds one row per sentence, its cosines with all of the
    sample, so that two models can be compared by them (`jaxemb.study.AgreesInStructure`); `place`
    says which column is a row's own. A sentence is in many pairs, so where it is left out its column
    goes with its row.

    Reference: Kriegeskorte et al., Representational Similarity Analysis (2008).

    Example:
        >>> SimilarityStructure(sentences=200).metrics
        ('similarity',)
    """

    metrics: ClassVar[tuple[str, ...]] = ("similarity",)
    name: str = "structure"
    data: ProseData = field(default_factory=_manuals)
    sentences: Annotated[int, AtLeast(1)] = 500
    seed: Annotated[int, AtLeast(0)] = 0
    role: str = "document"

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        texts = [text for document in problem.documents for text in document]
        clusters = np.concatenate(problem.clusters)
        draw = np.random.default_rng(self.seed)
        picks = np.sort(draw.choice(len(texts), min(self.sentences, len(texts)), replace=False))
        matrix = similarity_matrix(embed([texts[place] for place in picks], self.role))
        records = {"matrix": matrix.astype(np.float32), "place": np.arange(len(matrix))}
        return self.scored(records, clusters[picks])
