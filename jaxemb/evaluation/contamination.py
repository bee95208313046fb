"""Contamination: which texts of a suite was a model trained on?"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt64

from jaxemb.data.duplicates import bands, jaccard, normalise, shingles
from jaxemb.evaluation.base import Task

NEAR = 0.6
"""Jaccard similarity of the word 4-grams of two texts that count as nearly equal."""

_SPAN = 8
CONTAINED = 0.8
"""Share of a text's word 8-grams that must occur in training texts for it to count as contained."""


class Overlap(NamedTuple):
    """How many different texts of a task the training texts hold, and how.

    `exact`: equal up to case and white space. `near`: to one training text the Jaccard similarity
    of word 4-grams is at least .6. `contained`: at least .8 of the text's word 8-grams occur in
    training texts, whichever. `any` counts a text once. `shown` are a few of them.
    """

    texts: int
    exact: int
    near: int
    contained: int
    any: int
    shown: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """The part of the texts that is found in any of the ways."""
        return self.any / self.texts if self.texts else 0.0


class TrainingTexts:
    """Training texts, indexed so that the copies of a text are found quickly.

    Near copies are proposed by MinHash bands and decided by exact similarity. Texts of fewer than
    four words can be found as exact copies alone, those of fewer than eight not as contained.

    Example:
        >>> seen = TrainingTexts(["The  quick brown fox jumps over the lazy dog."])
        >>> seen.overlap(["the quick brown fox jumps over the lazy dog.", "Another text."])[:4]
        (2, 1, 1, 1)

    Reference: Broder, "On the resemblance and containment of documents", 1997; Brown et al.,
    "Language Models are Few-Shot Learners", arXiv:2005.14165, appendix C.
    """

    def __init__(self, texts: Iterable[str]):
        distinct = sorted({normalise(text) for text in texts})
        self._equal = frozenset(distinct)
        self._shingles: list[UInt64[np.ndarray, " shingles"]] = []
        self._bands: dict[tuple[int, bytes], list[int]] = defaultdict(list)
        spans = [np.zeros(0, np.uint64)]
        for number, text in enumerate(distinct):
            self._shingles.append(shingles(text))
            for band in bands(self._shingles[number]):
                self._bands[band].append(number)
            spans.append(shingles(text, _SPAN))
        self._known = np.unique(np.concatenate(spans))

    def __len__(self) -> int:
        return len(self._equal)

    def ways(self, text: str) -> tuple[str, ...]:
        """How a text is held: any of `exact`, `near`, `contained`."""
        whole = normalise(text)
        grams, spans = shingles(whole), shingles(whole, _SPAN)
        near = {n for band in bands(grams) for n in self._bands.get(band, ())}
        ways = {
            "exact": whole in self._equal,
            "near": any(jaccard(grams, self._shingles[n]) >= NEAR for n in near),
            "contained": spans.size and np.isin(spans, self._known).mean() >= CONTAINED,
        }
        return tuple(way for way, holds in ways.items() if holds)

    def overlap(self, texts: Iterable[str], show: int = 3) -> Overlap:
        """Counts over the different texts."""
        counts: Counter = Counter()
        distinct = sorted(set(texts))
        shown = []
        for text in distinct:
            ways = self.ways(text)
            counts.update(ways)
            if ways:
                counts["any"] += 1
                shown += [text] if len(shown) < show else []
        kinds = (counts[way] for way in ("exact", "near", "contained", "any"))
        return Overlap(len(distinct), *kinds, tuple(shown))


def contamination(training: Iterable[str], tasks: Sequence[Task]) -> dict[str, Overlap]:
    """For every task, how much of the texts it is judged on stands in the training texts.

    The texts on which a task fits its own probe do not count. Tasks without texts are left out.

    Example:
        >>> contamination(["some text"], tasks=[])
        {}
    """
    seen = TrainingTexts(training)
    problems = ((task.name, task.data.load()) for task in tasks)
    return {
        name: seen.overlap(judged_texts(problem))
        for name, problem in problems
        if problem is not None
    }


def judged_texts(problem: Any) -> Iterator[str]:
    """Every text of a problem, whatever its form: strings in its fields, however deep in lists.

    Fields whose names begin with `train` are what a probe is fitted on, and `names` are labels.
    """
    for name, value in problem._asdict().items():
        if not name.startswith("train") and name != "names":
            yield from _strings(value)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)
