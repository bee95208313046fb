"""Retrieval of documents of some length, cut or whole."""

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from jaxemb.config import AtLeast, UsageError
from jaxemb.data.cuts import first_words
from jaxemb.evaluation.problems import RetrievalData, RetrievalProblem, kept, taken
from jaxemb.evaluation.pydocs import PyDocsRetrieval


@dataclass(frozen=True, kw_only=True)
class DocumentWords(RetrievalData):
    """The documents of other data that have at least `least` words, cut to their first `most`.

    A query keeps the answers that are left, and goes where none is. The same documents cut and whole
    tell whether a model reads long texts as well as short ones. `most=None` leaves them whole.

    Raises:
        UsageError: no query keeps an answer.

    Example:
        >>> DocumentWords(least=100, most=20).on("dev").inner.split
        'dev'
    """

    inner: RetrievalData = field(default_factory=PyDocsRetrieval)
    least: Annotated[int, AtLeast(0)] = 0
    most: Annotated[int, AtLeast(0)] | None = None

    @kept
    def load(self) -> RetrievalProblem:
        whole = self.inner.load()
        long = [n for n, text in enumerate(whole.documents) if len(text.split()) >= self.least]
        place = {old: new for new, old in enumerate(long)}
        relevant = [
            {place[n]: grade for n, grade in answers.items() if n in place}
            for answers in whole.relevant
        ]
        asked = [n for n, answers in enumerate(relevant) if answers]
        if not asked:
            raise UsageError(f"no query has an answer of at least {self.least} words")
        texts = [whole.documents[n] for n in long]
        cut = texts if self.most is None else [first_words(text, self.most) for text in texts]
        part = taken(whole, np.array(asked), ("queries", "clusters", "excluded"))
        if part.excluded is not None:
            own = [place.get(n, -1) for n in part.excluded.tolist()]
            part = part._replace(excluded=np.array(own, np.int32))
        return part._replace(documents=cut, relevant=[relevant[n] for n in asked])

    def small(self) -> "DocumentWords":
        """Documents of any length: a sliver of the data may have no long one."""
        return dataclasses.replace(self, inner=self.inner.small(), least=0)
