"""Retrieval whose difficulty is which documents are asked for together, and nothing else."""

import abc
import functools
import itertools
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from jaxtyping import Int

from jaxemb.config import AtLeast, Part, UsageError, smaller
from jaxemb.data import PyDocs, Source
from jaxemb.evaluation.problems import RetrievalData, RetrievalProblem, cluster_numbers, kept

Sets = Int[np.ndarray, "queries size"]


@dataclass(frozen=True, kw_only=True)
class Pattern(Part, abc.ABC):
    """Slot: which documents answer each query together, as different sets of their numbers."""

    @abc.abstractmethod
    def sets(self, queries: int, documents: int, size: int, draw: np.random.Generator) -> Sets:
        """`[queries, size]` document numbers below `documents`, every row ascending.

        Raises:
            UsageError: if so many documents have too few sets of this pattern.
        """


@dataclass(frozen=True, kw_only=True)
class DenseSets(Pattern):
    """All subsets of as few documents as give enough of them: every document with every other.

    Example:
        >>> DenseSets().sets(3, 100, 2, np.random.default_rng(0)).tolist()
        [[0, 1], [0, 2], [1, 2]]
    """

    def sets(self, queries: int, documents: int, size: int, draw: np.random.Generator) -> Sets:
        few = next((n for n in range(size, documents + 1) if math.comb(n, size) >= queries), None)
        _enough(few is not None, self, queries, documents)
        every = np.array(list(itertools.combinations(range(few), size)), np.int64)
        return every[np.sort(draw.choice(len(every), queries, replace=False))]


@dataclass(frozen=True, kw_only=True)
class RandomSets(Pattern):
    """Different subsets of the whole corpus, drawn at random."""

    def sets(self, queries: int, documents: int, size: int, draw: np.random.Generator) -> Sets:
        _enough(math.comb(documents, size) >= queries, self, queries, documents)
        found: dict[tuple[int, ...], None] = {}
        while len(found) < queries:
            chosen = draw.choice(documents, size, replace=False)
            found[tuple(sorted(chosen.tolist()))] = None
        return np.array(list(found), np.int64)


@dataclass(frozen=True, kw_only=True)
class CycleSets(Pattern):
    """Documents on a ring of as many as there are queries: i, i + 1, ..., i + size - 1."""

    def sets(self, queries: int, documents: int, size: int, draw: np.random.Generator) -> Sets:
        _enough(size < queries <= documents, self, queries, documents)
        return np.sort((np.arange(queries)[:, None] + np.arange(size)) % queries, axis=1)


@dataclass(frozen=True, kw_only=True)
class DisjointSets(Pattern):
    """No document answers two queries."""

    def sets(self, queries: int, documents: int, size: int, draw: np.random.Generator) -> Sets:
        _enough(queries * size <= documents, self, queries, documents)
        return np.arange(queries * size).reshape(queries, size)


@dataclass(frozen=True, kw_only=True)
class AttributeSearch(RetrievalData):
    """Queries "Who likes X?", documents "NAME likes A, B, ... and Z.", `size` of which like X.

    Each query has an attribute of its own, which the documents of its set like and no others do.
    Every document is filled up to `attributes` with attributes that nobody asks for, in random
    order, so that all are equally long and the corpora of all patterns look alike: names, words
    that are asked for and words that fill a document up do not depend on the pattern. Attributes
    are frequent words of the source's training summaries, names are made up. A query's cluster is
    its first document.

    Reference: LIMIT, in On the Theoretical Limitations of Embedding-Based Retrieval,
    arXiv:2508.21038.

    Raises:
        UsageError: if the pattern has too few sets, a document is in more than `attributes` of
            them, or the source has too few words.
    """

    pattern: Pattern = field(default_factory=DenseSets)
    queries: Annotated[int, AtLeast(1)] = 1000
    documents: Annotated[int, AtLeast(1)] = 46
    size: Annotated[int, AtLeast(1)] = 2
    attributes: Annotated[int, AtLeast(1)] = 50
    seed: Annotated[int, AtLeast(0)] = 0
    source: Source = field(default_factory=PyDocs)

    @kept
    def load(self) -> RetrievalProblem:
        # What a pattern draws must not move the words and names of the others: a stream each.
        of_sets, of_words, of_names, *of_documents = (
            np.random.default_rng(stream)
            for stream in np.random.SeedSequence(self.seed).spawn(3 + self.documents)
        )
        sets = self.pattern.sets(self.queries, self.documents, self.size, of_sets)
        sets = of_names.permutation(self.documents)[sets]  # the corpus is in no telling order
        asked, fillers = _lexicon(self, of_words)
        likes: list[list[str]] = [[] for _ in range(self.documents)]
        for attribute, chosen in zip(asked, sets.tolist(), strict=True):
            for document in chosen:
                likes[document].append(attribute)
        names = _names(self.documents, of_names)
        return RetrievalProblem(
            queries=[f"Who likes {attribute}?" for attribute in asked],
            documents=[
                _document(name, liked, fillers, self.attributes, draw)
                for name, liked, draw in zip(names, likes, of_documents, strict=True)
            ],
            relevant=[dict.fromkeys(chosen, 1) for chosen in sets.tolist()],
            clusters=cluster_numbers([str(chosen[0]) for chosen in sets.tolist()]),
        )

    def small(self) -> "AttributeSearch":
        return smaller(self, queries=16, documents=64)


_WORD = re.compile(r"[a-z]{4,12}")
_FUNCTION_WORDS = 50  # the most frequent words, which are no attributes of anything
_OWN = frozenset(("like", "likes"))


def _lexicon(data: AttributeSearch, draw: np.random.Generator) -> tuple[list[str], list[str]]:
    """Attributes that are asked for, one per query, and as many others, frequent words alike."""
    words = [word for word in _frequent_words(data.source) if word not in _OWN]
    words = words[: data.queries + max(data.queries, 4 * data.attributes)]
    if len(words) < data.queries + data.attributes:
        raise UsageError(
            f"{data.queries} queries and {data.attributes} attributes a document need "
            f"{data.queries + data.attributes} words, and the source has {len(words)}"
        )
    order = [words[place] for place in draw.permutation(len(words))]
    return order[: data.queries], order[data.queries :]


@functools.lru_cache(maxsize=4)
def _frequent_words(source: Source) -> tuple[str, ...]:
    """Words by the number of different training summaries that hold them, equal ones by name."""
    summaries = {record["summary"] for record in source.records("train") if record.get("summary")}
    counts = Counter(
        word for summary in summaries for word in {*re.findall(r"\w+", summary.lower())}
    )
    known = [word for word in counts if _WORD.fullmatch(word)]
    return tuple(sorted(known, key=lambda word: (-counts[word], word))[_FUNCTION_WORDS:])


def _document(
    name: str,
    own: Sequence[str],
    fillers: Sequence[str],
    attributes: int,
    draw: np.random.Generator,
) -> str:
    if len(own) > attributes:
        raise UsageError(
            f"{name} is in {len(own)} sets, and a document has {attributes} attributes"
        )
    places = draw.permutation(attributes)
    chosen = draw.permutation(len(fillers))[: attributes - len(own)]
    liked = [*own, *(fillers[place] for place in chosen)]
    liked = [liked[place] for place in places]
    return f"{name} likes {', '.join(liked[:-1])} and {liked[-1]}."


def _names(count: int, draw: np.random.Generator) -> list[str]:
    """Different names of three open syllables, such as Bakemo."""
    syllables = [c + v for c in "bdfghjklmnprstvz" for v in "aeiou"]
    picks = draw.choice(len(syllables) ** 3, count, replace=False)
    places = np.stack(np.unravel_index(picks, (len(syllables),) * 3), axis=1)
    return ["".join(syllables[place] for place in row).title() for row in places.tolist()]


def _enough(enough: bool, pattern: Pattern, queries: int, documents: int) -> None:
    if not enough:
        raise UsageError(
            f"{type(pattern).__name__} has no {queries} different sets of {documents} documents"
        )
