"""Spans of long texts: anchors, and the spans beside or inside them that are alike."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from jaxemb.config import AtLeast, UsageError, check_ranges
from jaxemb.data.base import View
from jaxemb.data.examples import DOCUMENT, document, numbered, provenance
from jaxemb.data.fields import Record

Span = tuple[int, int]
"""The first word, and the one after the last."""


@dataclass(frozen=True, kw_only=True)
class NearbySpans(View):
    r"""A long span of a text → several shorter ones that touch it: `query`, and a tuple `positive`.

    Lengths are drawn in words, $\lfloor l_{min} + b (l_{max} - l_{min}) \rfloor$ with
    $b \sim \mathrm{Beta}(4, 2)$ for an anchor and $\mathrm{Beta}(2, 4)$ for a positive. Anchors stand
    in cells of `longest` words of which no two neighbours are taken, so they do not overlap. A
    positive begins anywhere from its own length before the anchor to the anchor's end, so that it
    overlaps the anchor, lies inside it, or is next to it. A text of fewer than
    `2 * anchors * longest` words gives nothing. Tokens of the source are words here, since a view
    knows no tokenizer.

    A loss reads the positives as one by `Composed(inner=..., composer=ItemMean())`.

    Raises:
        UsageError: a number is below 1, or `longest` is below `shortest`.

    Example:
        >>> view = NearbySpans(shortest=2, longest=4, anchors=1, positives=2)
        >>> example = view([{"summary": "a b c d e f g h", "name": "x"}])[0]
        >>> len(example["positive"])
        2

    Reference: Giorgi et al., DeCLUTR, arXiv:2006.03659, section 3.
    """

    fields: tuple[str, ...] = DOCUMENT
    anchors: Annotated[int, AtLeast(1)] = 2
    positives: Annotated[int, AtLeast(1)] = 2
    shortest: Annotated[int, AtLeast(1)] = 8
    longest: Annotated[int, AtLeast(1)] = 64
    seed: Annotated[int, AtLeast(0)] = 0

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.longest < self.shortest:
            raise UsageError(f"longest={self.longest} is below shortest={self.shortest}")

    @property
    def columns(self) -> tuple[str, ...]:
        return ("query", "positive", "query_id")

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        examples = []
        for place, record in enumerate(records):
            words = document(record, self.fields, place).split()
            for anchor, positives in self.spans(len(words), (self.seed, place)):
                text, *others = (" ".join(words[a:b]) for a, b in (anchor, *positives))
                examples.append({"query": text, "positive": tuple(others), **provenance(record)})
        return numbered(examples, "query")

    def spans(self, count: int, seed: Sequence[int]) -> Iterator[tuple[Span, list[Span]]]:
        """Anchors of a text of `count` words, each with its positives."""
        if count < 2 * self.anchors * self.longest:
            return
        draw = np.random.default_rng(seed)
        cells = list(range(count // self.longest))
        for _ in range(self.anchors):
            cell = int(cells[draw.integers(len(cells))])
            cells = [other for other in cells if abs(other - cell) > 1]
            anchor = self._anchor(cell, draw)
            yield anchor, [self._positive(anchor, count, draw) for _ in range(self.positives)]
            if not cells:
                return

    def _anchor(self, cell: int, draw: np.random.Generator) -> Span:
        length = self._length(draw.beta(4, 2))
        start = cell * self.longest + int(draw.integers(self.longest - length + 1))
        return start, start + length

    def _positive(self, anchor: Span, count: int, draw: np.random.Generator) -> Span:
        length = self._length(draw.beta(2, 4))
        low, high = max(anchor[0] - length, 0), min(anchor[1], count - length)
        start = int(draw.integers(low, high + 1))
        return start, start + length

    def _length(self, share: float) -> int:
        return int(self.shortest + share * (self.longest - self.shortest))
