"""Batches in which spans of a text are cut out, and what stood there is written after sentinels."""

import abc
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from jaxemb.config import Above, AtLeast, Below, Part, UsageError
from jaxemb.data.masking import NOT_ASKED, mask_piece
from jaxemb.data.noise import DamagedBatches, Damaging
from jaxemb.text import SPECIALS, TextBatch, Tokenizer


@dataclass(frozen=True, kw_only=True)
class Sentinels(Part, abc.ABC):
    """Slot: the pieces that stand for the first, the second, … span that was cut out."""

    @abc.abstractmethod
    def __call__(self, tokenizer: Tokenizer, count: int) -> Int[np.ndarray, " count"]:
        """The ids of so many sentinels.

        Raises:
            UsageError: the tokenizer has not so many.
        """


@dataclass(frozen=True, kw_only=True)
class LastPieces(Sentinels):
    """The last pieces of the vocabulary, from its end: where T5 has its own, and others rare pieces.

    Example:
        >>> LastPieces()(WordPiece(vocabulary=64).train(["sort a list"]), 2).tolist()
        [24, 23]
    """

    def __call__(self, tokenizer: Tokenizer, count: int) -> Int[np.ndarray, " count"]:
        if count > tokenizer.size - len(SPECIALS):
            raise UsageError(
                f"LastPieces needs {count} sentinels; the tokenizer has {tokenizer.size} pieces."
            )
        return tokenizer.size - 1 - np.arange(count)


@dataclass(frozen=True, kw_only=True)
class NumberedPieces(Sentinels):
    """Pieces by their name, which holds a number from 0.

    Args:
        name: with `{}` where the number stands.

    Raises:
        UsageError: the name has no place for the number.
    """

    name: str = "<extra_id_{}>"

    def __post_init__(self) -> None:
        if "{}" not in self.name:
            raise UsageError(f"name={self.name!r} needs {{}} where the number stands.")

    def __call__(self, tokenizer: Tokenizer, count: int) -> Int[np.ndarray, " count"]:
        place = {piece: number for number, piece in enumerate(tokenizer.pieces())}
        names = [self.name.format(n) for n in range(count)]
        if missing := [name for name in names if name not in place]:
            raise UsageError(
                f"The tokenizer has no piece {missing[0]!r} for a span; LastPieces() and MaskPieces() "
                "need none of their own."
            )
        return np.array([place[name] for name in names])


@dataclass(frozen=True, kw_only=True)
class MaskPieces(Sentinels):
    """The mask piece for every span: spans are told apart by their order alone.

    Example:
        >>> MaskPieces()(WordPiece(vocabulary=64).train(["sort a list"]), 3).tolist()
        [4, 4, 4]
    """

    def __call__(self, tokenizer: Tokenizer, count: int) -> Int[np.ndarray, " count"]:
        return np.full(count, mask_piece(tokenizer))


@dataclass(frozen=True, kw_only=True)
class CuttingSpans(Damaging, abc.ABC):
    """Base of data with texts from which spans are cut out: `SpanCorrupted` says how."""

    share: Annotated[float, Above(0), Below(1)] = 0.15
    mean: Annotated[float, AtLeast(1)] = 3.0
    sentinels: Sentinels = LastPieces()


@dataclass(frozen=True, kw_only=True)
class SpanCorrupted(CuttingSpans):
    r"""The inner data with the texts of a column again, in which spans are replaced by sentinels.

    Adds `corrupted`, the texts with a sentinel for each span, and `corrupted_spans`, every sentinel
    with the pieces of its span and one more sentinel at the end. `Denoising(column="corrupted",
    target="corrupted_spans")` writes the spans from the vector of the corrupted text.

    A text of $n$ pieces loses $\mathrm{round}(n \cdot share)$ of them, one at least, in spans of
    `mean` pieces on average; the lengths of spans and of what lies between them are drawn uniformly.
    A text begins with what stays and ends with a span, as in T5. Marks at a text's ends stay. Texts of
    fewer than two pieces stay whole. What is cut is drawn anew in each batch.

    Args:
        inner: any data with a column of texts.
        column: which texts.
        share: of the pieces that are cut out.
        mean: length of a span in pieces.
        sentinels: what stands for a span.

    Raises:
        UsageError: the inner data has no such column, `share` is not between 0 and 1, `mean` is below
            1; when read, if the tokenizer has too few sentinels.

    Example:
        >>> SpanCorrupted(inner=Pairs()).columns[-2:]
        ('corrupted', 'corrupted_spans')

    Reference: Raffel et al., Exploring the Limits of Transfer Learning with a Unified Text-to-Text
    Transformer, arXiv:1910.10683, section 3.3.4.
    """

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.inner.columns, "corrupted", "corrupted_spans")

    def batches(self, model: Any, *, seed: int) -> "SpanBatches":
        return SpanBatches(self, model, seed)


@dataclass(frozen=True, kw_only=True)
class SpanCompleted(CuttingSpans):
    """As `SpanCorrupted`, with the spans behind the corrupted text in one row: for causal models.

    Adds `completed`, the corrupted text and then its spans, and `completed_targets`
    `[rows, tokens]`, the pieces of the second part but for its first sentinel, and a negative number
    everywhere else; `NextToken(column="completed")` asks these alone. Rows are longer than the texts by
    the longest that the spans of so long a text can be.

    Args:
        inner: any data with a column of texts.
        column: which texts.
        share: of the pieces that are cut out.
        mean: length of a span in pieces.
        sentinels: what stands for a span.

    Raises:
        UsageError: as `SpanCorrupted`.

    Example:
        >>> SpanCompleted(inner=Pairs()).columns[-2:]
        ('completed', 'completed_targets')

    Reference: Raffel et al., arXiv:1910.10683; for spans after the text, Tay et al., UL2,
    arXiv:2205.05131.
    """

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.inner.columns, "completed", "completed_targets")

    def batches(self, model: Any, *, seed: int) -> "CompletedBatches":
        return CompletedBatches(self, model, seed)


class SpanBatches(DamagedBatches):
    """Texts with sentinels, and the spans."""

    data: CuttingSpans

    def __init__(self, data: CuttingSpans, model: Any, seed: int):
        self._tokenizer = model.tokenizer_of(data.column)
        super().__init__(data, model, seed)

    def added(self, texts: TextBatch, draw: np.random.Generator) -> dict[str, Any]:
        return dict(zip(("corrupted", "corrupted_spans"), self._cut(texts, draw), strict=True))

    def _cut(self, texts: TextBatch, draw: np.random.Generator) -> tuple[TextBatch, TextBatch]:
        """The corrupted texts, and their spans."""
        ids, real = np.asarray(texts.ids), np.asarray(texts.mask)
        pieces = real & ~self.marks_in(texts)
        most = spans_of(np.array([pieces.shape[1]]), self.data.share, self.data.mean)
        gone = spans_drawn(pieces, self.data.share, self.data.mean, draw)
        first = _beginnings(gone)
        number = np.cumsum(first, axis=1) - 1
        # A mark that stands within a text parts the span around it: there may be more than drawn.
        spans = max(int(most.spans[0]), int(number.max(initial=-1)) + 1)
        sentinels = self._tokenizer_sentinels(spans + 1)
        marked = np.where(first, sentinels[np.maximum(number, 0)], ids)
        corrupted = compact(marked, real & (~gone | first), texts.prompt)
        width = int(most.pieces[0]) + spans + 1
        return corrupted, written(ids, gone, number, sentinels, width)

    def _tokenizer_sentinels(self, count: int) -> Int[np.ndarray, " count"]:
        return self.data.sentinels(self._tokenizer, count)


class CompletedBatches(SpanBatches):
    """Corrupted texts with their spans behind them."""

    def added(self, texts: TextBatch, draw: np.random.Generator) -> dict[str, Any]:
        both = self._cut(texts, draw)
        ids, real = (
            np.concatenate(parts, axis=1) for parts in zip(both[0][:2], both[1][:2], strict=True)
        )
        asked = np.zeros(real.shape, bool)
        asked[:, both[0].ids.shape[1] + 1 :] = both[1].mask[:, 1:]
        targets = compact(np.where(asked, ids, NOT_ASKED), real)
        prompt = both[0].prompt
        if prompt is not None:
            prompt = np.pad(prompt, ((0, 0), (0, real.shape[1] - prompt.shape[1])))
        return {
            "completed": compact(ids, real, prompt),
            "completed_targets": np.where(targets.mask, targets.ids, NOT_ASKED).astype(np.int32),
        }


class SpanCounts(NamedTuple):
    """How many pieces of each text are cut out, and in how many spans."""

    pieces: Int[np.ndarray, " rows"]
    spans: Int[np.ndarray, " rows"]


def spans_of(lengths: Int[np.ndarray, " rows"], share: float, mean: float) -> SpanCounts:
    """How many pieces of texts of some lengths are cut out, and in how many spans.

    Between two spans, and before the first one, there is a piece at least.

    Example:
        >>> [count.tolist() for count in spans_of(np.array([100, 2, 1]), 0.15, 3.0)]
        [[15, 1, 0], [5, 1, 0]]
    """
    pieces = np.clip(np.round(lengths * share).astype(int), 1, np.maximum(lengths - 1, 1))
    pieces = np.where(lengths < 2, 0, pieces)
    most = np.minimum(pieces, lengths - pieces)
    return SpanCounts(pieces, np.minimum(np.maximum(np.round(pieces / mean).astype(int), 1), most))


def spans_drawn(
    pieces: Bool[np.ndarray, "rows tokens"], share: float, mean: float, draw: np.random.Generator
) -> Bool[np.ndarray, "rows tokens"]:
    """Which pieces are cut out of each text; `pieces` says which may be."""
    lengths = pieces.sum(axis=1)
    count = spans_of(lengths, share, mean)
    kept = _segments(lengths - count.pieces, count.spans, pieces.shape[1], draw)
    gone = _segments(count.pieces, count.spans, pieces.shape[1], draw)
    # What is kept and what goes take turns: the n-th of each has the place 2n and 2n + 1.
    turn = np.concatenate([2 * kept, np.where(gone >= 0, 2 * gone + 1, -1)], axis=1)
    turn = np.where(turn < 0, np.iinfo(np.int64).max, turn)
    order = np.argsort(turn, axis=1, kind="stable")[:, : pieces.shape[1]]
    in_order = (order >= pieces.shape[1]) & (np.arange(pieces.shape[1]) < lengths[:, None])
    found = np.zeros(pieces.shape, bool)
    np.put_along_axis(found, np.argsort(~pieces, axis=1, kind="stable"), in_order, axis=1)
    return found


def _beginnings(gone: Bool[np.ndarray, "rows tokens"]) -> Bool[np.ndarray, "rows tokens"]:
    """The first piece of each span: no piece before it is in one."""
    return gone & ~np.pad(gone, ((0, 0), (1, 0)))[:, :-1]


def _segments(
    counts: Int[np.ndarray, " rows"],
    parts: Int[np.ndarray, " rows"],
    width: int,
    draw: np.random.Generator,
) -> Int[np.ndarray, "rows width"]:
    """The part that each of so many pieces is in, no part empty, all cuts alike; -1 behind them."""
    place = np.arange(width)
    keys = np.where((place > 0) & (place < counts[:, None]), draw.random((len(counts), width)), 2.0)
    rank = np.argsort(np.argsort(keys, axis=1), axis=1)
    begins = (rank < parts[:, None] - 1) & (keys < 2)
    return np.where(place < counts[:, None], np.cumsum(begins, axis=1), -1)


def compact(
    ids: Int[np.ndarray, "rows tokens"],
    keep: Bool[np.ndarray, "rows tokens"],
    prompt: Bool[np.ndarray, "rows tokens"] | None = None,
) -> TextBatch:
    """What is kept of each row, from its beginning on, in as many places; `prompt` goes with it.

    Example:
        >>> compact(np.array([[5, 6, 7]]), np.array([[False, True, True]])).ids.tolist()
        [[6, 7, 0]]
    """
    order = np.argsort(~keep, axis=1, kind="stable")
    mask = np.take_along_axis(keep, order, axis=1)
    seen = np.where(mask, np.take_along_axis(ids, order, axis=1), 0)
    if prompt is not None:
        prompt = np.take_along_axis(np.asarray(prompt), order, axis=1) & mask
    return TextBatch(seen.astype(np.int32), mask, prompt=prompt)


def written(
    ids: Int[np.ndarray, "rows tokens"],
    gone: Bool[np.ndarray, "rows tokens"],
    number: Int[np.ndarray, "rows tokens"],
    sentinels: Int[np.ndarray, " sentinels"],
    width: int,
) -> TextBatch:
    """Every sentinel with its span, and one more at the end, `[rows, width]`.

    Args:
        ids: of the whole texts.
        gone: which pieces are cut out.
        number: the span that a piece is in, or the last one before it.
        sentinels: one for each span, and one more.
        width: enough for all of them.
    """
    found = np.zeros((len(ids), width), np.int32)
    rank = np.cumsum(gone, axis=1) - 1
    rows, columns = np.nonzero(gone)
    found[rows, (rank + number + 1)[rows, columns]] = ids[rows, columns]
    first = _beginnings(gone)
    rows, columns = np.nonzero(first)
    found[rows, (rank + number)[rows, columns]] = sentinels[number[rows, columns]]
    spans, pieces = first.sum(axis=1), gone.sum(axis=1)
    found[np.arange(len(ids)), spans + pieces] = sentinels[spans]
    return TextBatch(found, np.arange(width) <= (spans + pieces)[:, None])
