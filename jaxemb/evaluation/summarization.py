"""Summarization: does nearness to trusted summaries order summaries as people grade them?"""

from dataclasses import dataclass, field

import numpy as np

from jaxemb.config import UsageError
from jaxemb.evaluation.base import Task, embed_groups
from jaxemb.evaluation.problems import SummaryData, SummaryProblem, taken
from jaxemb.evaluation.pydocs_sets import PyDocsDegraded
from jaxemb.statistics.metrics import CORRELATIONS
from jaxemb.statistics.result import Result
from jaxemb.statistics.similarities import unit_rows
from jaxemb.vectors.cache import Embed


@dataclass(frozen=True, kw_only=True)
class Summarization(Task):
    """Correlation of grades with the highest similarity to a trusted summary, text by text.

        score of summary s of text t = max over trusted summaries r of t of cos(s, r)

    The correlation is taken within each text and averaged over the texts: over all texts together it
    would reward knowing which texts are easy. Texts whose grades are all equal are no examples; a
    model that scores all of a text's summaries alike scores 0 there.

    Metrics: `spearman`, `pearson`, and with the dot product instead of the cosine `dot_spearman`,
    `dot_pearson`. Records: the same, per text.

    Reference: Fabbri et al., SummEval (arXiv:2007.12626), as in MTEB (arXiv:2210.07316).

    Example:
        >>> Summarization().metrics
        ('spearman', 'pearson', 'dot_spearman', 'dot_pearson')
    """

    name: str = "summarization"
    data: SummaryData = field(default_factory=PyDocsDegraded)
    role: str = "document"

    @property
    def metrics(self) -> tuple[str, ...]:
        return (*CORRELATIONS, *(f"dot_{name}" for name in CORRELATIONS))

    def run(self, embed: Embed) -> Result:
        problem = graded(self.data.load())
        references = embed_groups(embed, problem.references, self.role)
        summaries = embed_groups(embed, problem.summaries, self.role)
        records = {name: np.zeros(len(problem.gold)) for name in self.metrics}
        for text, gold in enumerate(problem.gold):
            one, other = (side[text].astype(np.float64) for side in (summaries, references))
            cosines = np.max(
                unit_rows(np.asarray(one, np.float64)) @ unit_rows(np.asarray(other, np.float64)).T,
                axis=1,
            )
            dots = np.max(one @ other.T, axis=1)
            for name, correlation in CORRELATIONS.items():
                records[name][text] = correlation(cosines, np.array(gold))
                records[f"dot_{name}"][text] = correlation(dots, np.array(gold))
        return self.scored(records, problem.clusters)


def graded(problem: SummaryProblem) -> SummaryProblem:
    """The texts whose summaries were given more than one grade.

    Raises:
        UsageError: there is none.
    """
    kept = [text for text, gold in enumerate(problem.gold) if len(set(gold)) > 1]
    if not kept:
        raise UsageError("no text has summaries of different grades: there is nothing to order")
    return taken(problem, kept)
