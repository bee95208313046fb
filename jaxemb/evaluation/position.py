"""Positional bias: does it matter to a text's vector where in the text something stands?"""

import abc
import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Float64

from jaxemb.analysis import inserted, removed, sentence_weights
from jaxemb.config import AtLeast, Between, UsageError
from jaxemb.evaluation.base import Task, embed_groups
from jaxemb.evaluation.prose import ProseData, ProseProblem, PyDocsProse
from jaxemb.evaluation.sts import pairwise_cosine
from jaxemb.statistics.result import Result
from jaxemb.vectors.cache import Embed

LOREM = (
    "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut "
    "labore et dolore magna aliqua ut enim ad minim veniam quis nostrud exercitation ullamco "
    "laboris nisi ut aliquip ex ea commodo consequat duis aute irure dolor in reprehenderit in "
    "voluptate velit esse cillum dolore eu fugiat nulla pariatur excepteur sint occaecat "
    "cupidatat non proident sunt in culpa qui officia deserunt mollit anim id est laborum"
)


@dataclass(frozen=True, kw_only=True)
class Edits(Task):
    """Base of tasks that edit documents at places and ask how far the vector moves.

    For every document, every size (a share of its words) and every position (0 the start, 1 the
    end) the cosine of the document with its edited copy is measured. Metrics, each a mean over the
    documents: `gap`, the cosine after an edit at the last position less that at the first, over all
    sizes; `gap@SIZE` for one size; `cosine@POSITION` over all sizes. The record `cosine` holds one
    row per document and one column for every size and position, positions changing fastest.

    Cut the documents beforehand (`PyDocsProse(words=...)`) so that edited copies fit the model:
    what a model cuts off at the end would look like a bias against the end.

    Reference: Quantifying Positional Biases in Text Embedding Models, arXiv:2412.15241.
    """

    data: ProseData = field(default_factory=lambda: PyDocsProse(words=50, least=3))
    sizes: Annotated[tuple[float, ...], AtLeast(0)] = ()
    positions: Annotated[tuple[float, ...], Between(0, 1)] = (0.0, 0.25, 0.5, 0.75, 1.0)
    role: str = "document"

    @abc.abstractmethod
    def edited(self, words: list[str], size: float, position: float) -> list[str]:
        """The words of a document after an edit of this size at this position."""

    @property
    def metrics(self) -> tuple[str, ...]:
        gaps = (f"gap@{size:g}" for size in self.sizes)
        return ("gap", *gaps, *(f"cosine@{position:g}" for position in self.positions))

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        texts = [" ".join(document) for document in problem.documents]
        originals = embed(texts, self.role)
        words = [text.split() for text in texts]
        columns = []
        for size, position in itertools.product(self.sizes, self.positions):
            copies = [" ".join(self.edited(own, size, position)) for own in words]
            columns.append(pairwise_cosine(originals, embed(copies, self.role)))
        cosine = np.stack(columns, axis=1).astype(np.float64)
        records = self._records(cosine.reshape(len(texts), len(self.sizes), len(self.positions)))
        return self.scored({**records, "cosine": cosine}, document_clusters(problem))

    def _records(
        self, cosine: Float64[np.ndarray, "documents sizes positions"]
    ) -> dict[str, Float64[np.ndarray, " documents"]]:
        gap = cosine[:, :, -1] - cosine[:, :, 0]
        places = enumerate(self.positions)
        return {
            "gap": gap.mean(axis=1),
            **{f"gap@{size:g}": gap[:, n] for n, size in enumerate(self.sizes)},
            **{f"cosine@{place:g}": cosine[:, :, n].mean(axis=1) for n, place in places},
        }


@dataclass(frozen=True, kw_only=True)
class NeedleInsertion(Edits):
    """Puts a block of words that have nothing to do with the document into it.

    Edited copies have up to `1 + max(sizes)` times the words. `needle` is repeated as needed.

    Example:
        >>> NeedleInsertion().metrics[:3]
        ('gap', 'gap@0.05', 'gap@0.1')
    """

    name: str = "insertion"
    sizes: Annotated[tuple[float, ...], AtLeast(0)] = (0.05, 0.1, 0.2, 0.5, 1.0)
    needle: str = LOREM

    def edited(self, words: list[str], size: float, position: float) -> list[str]:
        return inserted(words, self.needle.split(), size, position)


@dataclass(frozen=True, kw_only=True)
class BlockRemoval(Edits):
    """Takes a block of words out of the document.

    Example:
        >>> BlockRemoval().edited(["a", "b", "c", "d"], 0.5, 0.0)
        ['c', 'd']
    """

    name: str = "removal"
    sizes: Annotated[tuple[float, ...], AtLeast(0)] = (0.05, 0.1, 0.2, 0.5)

    def edited(self, words: list[str], size: float, position: float) -> list[str]:
        return removed(words, size, position)


@dataclass(frozen=True, kw_only=True)
class SentenceCoefficients(Task):
    """Weight of every sentence's vector in its document's, against where the sentence stands.

    A document's vector is regressed on its sentences' (`jaxemb.analysis.sentence_weights`), and the
    weights of all documents on the sentences' positions (start character / characters). Metrics:
    `slope`; `slope_given_length`, the same in a regression that also has the sentence's share of
    the document's words, since longer sentences weigh more wherever they stand; `correlation`; and
    `explained`, the share of the documents' squared length that the sentences explain. Examples
    are sentences, clusters modules. Below 0: what stands first weighs more.

    Compare with the same task on `ShuffledSentences`: a slope that stays there is the model's, not
    the authors'.

    Reference: Quantifying Positional Biases in Text Embedding Models, arXiv:2412.15241.

    Raises:
        UsageError: if a document has as many sentences as the vectors have dimensions.

    Example:
        >>> SentenceCoefficients().metrics
        ('slope', 'slope_given_length', 'correlation', 'explained')
    """

    metrics: ClassVar[tuple[str, ...]] = ("slope", "slope_given_length", "correlation", "explained")
    name: str = "position"
    data: ProseData = field(default_factory=lambda: PyDocsProse(words=110))
    role: str = "document"

    def run(self, embed: Embed) -> Result:
        problem = self.data.load()
        wholes = embed([" ".join(document) for document in problem.documents], self.role)
        parts = embed_groups(embed, problem.documents, self.role)
        weights = [sentence_weights(*pair) for pair in zip(parts, wholes, strict=True)]
        records = {
            "coefficient": np.concatenate([one.coefficients for one in weights]),
            "position": np.concatenate([positions(d) for d in problem.documents]),
            "length": np.concatenate([_lengths(d) for d in problem.documents]),
            "explained": np.concatenate([np.full(len(c), e) for c, e in weights]),
        }
        return self.scored(records, np.concatenate(problem.clusters))


def by_length(
    task: SentenceCoefficients, *, edges: Sequence[int] = (5, 15, 25, 35, 45, 55, 66)
) -> tuple[SentenceCoefficients, ...]:
    """The task once for each range of numbers of sentences: documents cut to the range's most.

    Example:
        >>> [one.name for one in by_length(SentenceCoefficients(), edges=(5, 15, 25))]
        ['position@5-14', 'position@15-24']
    """
    if not isinstance(task.data, PyDocsProse):
        raise UsageError("only PyDocsProse can be cut to ranges of sentences")
    return tuple(
        dataclasses.replace(
            task,
            name=f"{task.name}@{low}-{high - 1}",
            data=dataclasses.replace(task.data, least=low, most=high - 1),
        )
        for low, high in itertools.pairwise(edges)
    )


def positions(document: Sequence[str]) -> Float64[np.ndarray, " sentences"]:
    """Start of every sentence in the document, which is joined by spaces: 0 first, below 1 last.

    Example:
        >>> positions(("ab.", "c.")).tolist()
        [0.0, 0.6666666666666666]
    """
    starts = np.cumsum([0, *(len(sentence) + 1 for sentence in document)])
    return starts[:-1] / (starts[-1] - 1)


def document_clusters(problem: ProseProblem) -> np.ndarray:
    """The cluster of every document: that of its first sentence."""
    return np.array([own[0] for own in problem.clusters], np.int32)


def _lengths(document: Sequence[str]) -> Float64[np.ndarray, " sentences"]:
    words = np.array([len(sentence.split()) for sentence in document], np.float64)
    return words / words.sum()
