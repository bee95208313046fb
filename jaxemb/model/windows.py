"""Texts by windows: threads tokenise the next one while the devices compute the last."""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from jaxemb.config import UsageError
from jaxemb.model.batches import Report

WINDOW = 8192
"""Texts whose ids and vectors are in memory together."""

Ids = list[np.ndarray]
Tokenise = Callable[[Sequence[str]], list[Ids]]
"""Texts to their ids, once for each way in which a template writes them."""

_CHUNK = 512  # texts that a thread tokenises at once
_THREADS = max(1, min(8, os.cpu_count() or 1))


def longest_first(texts: Sequence[str]) -> list[Sequence[int]]:
    """The places of texts in windows of equal size, those of the longest texts in the first.

    What the largest batches take of memory is known early. One window keeps the order.
    """
    if len(texts) <= WINDOW:
        return [range(len(texts))]
    order = np.argsort([-len(text) for text in texts], kind="stable")
    return [part.tolist() for part in np.array_split(order, -(-len(texts) // WINDOW))]


def windowed(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """Consecutive texts, `size` of them at a time, read when they are asked for.

    Example:
        >>> list(windowed("abc", 2))
        [['a', 'b'], ['c']]
    """
    texts = iter(texts)
    while window := list(itertools.islice(texts, size)):
        yield window


def tokenised(
    windows: Iterable[Sequence[str]], tokenise: Tokenise
) -> Iterator[tuple[Sequence[str], list[Ids]]]:
    """Each window with its ids; the one after it is being tokenised when it is given."""
    with ThreadPoolExecutor(_THREADS) as pool:
        ahead: tuple[Sequence[str], list[Future]] | None = None
        for window in windows:
            ready, ahead = ahead, (window, _started(pool, window, tokenise))
            if ready is not None:
                yield ready[0], _joined(ready[1])
        if ahead is not None:
            yield ahead[0], _joined(ahead[1])


def checked(texts: Any) -> Iterator[str]:
    """The texts one by one.

    Raises:
        UsageError: they are none; where one is not a string, when its turn comes.
    """
    if isinstance(texts, bytes):
        raise UsageError("encode takes text, not bytes: decode them first.")
    if not isinstance(texts, Iterable):
        raise UsageError(f"encode takes a string or several, not {type(texts).__name__}.")
    return map(_string, itertools.count(), texts)


def in_order(places: Sequence[Sequence[int]], windows: Iterable[Any]) -> Any:
    """The vectors of all windows where their texts stood: an array, or a list of texts' arrays."""
    if len(places) == 1:
        (vectors,) = windows
        return vectors
    count, rows = sum(map(len, places)), None
    for window, vectors in zip(places, windows, strict=True):
        if isinstance(vectors, list):
            rows = rows or [None] * count
            for place, items in zip(window, vectors, strict=True):
                rows[place] = items
            continue
        if rows is None:
            rows = np.empty((count, vectors.shape[1]), vectors.dtype)
        rows[window] = vectors
    return rows


@contextlib.contextmanager
def progress(total: int | None, report: Report | None, show: bool) -> Iterator[Report | None]:
    """The report that a caller gave, with a bar that moves by it where one is shown."""
    if not show:
        yield report
        return
    from rich.progress import Progress

    with Progress() as bar:
        task = bar.add_task("encode", total=total)

        def watch(texts: int, tokens: int) -> None:
            bar.advance(task, texts)
            if report is not None:
                report(texts, tokens)

        yield watch


def _string(position: int, text: Any) -> str:
    if not isinstance(text, str):
        raise UsageError(f"Text {position} is a {type(text).__name__}; encode takes strings.")
    return text


def _started(pool: ThreadPoolExecutor, window: Sequence[str], tokenise: Tokenise) -> list[Future]:
    starts = range(0, max(1, len(window)), _CHUNK)
    return [pool.submit(tokenise, window[start : start + _CHUNK]) for start in starts]


def _joined(chunks: Sequence[Future]) -> list[Ids]:
    found = [chunk.result() for chunk in chunks]
    return [list(itertools.chain.from_iterable(way)) for way in zip(*found, strict=True)]
