"""Search by any function of two vectors: every pair is scored, so many at a time."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Float32, Int32

from jaxemb.config import UsageError

Score = Callable[[Any, Any], Any]
"""Rows and columns to `[rows, columns]`; larger means more alike."""

_ROWS, _COLUMNS = 64, 512  # scored at once: a distance may hold a number for each of their entries


def scored_top_k(
    score: Score, queries: Any, documents: Any, k: int
) -> tuple[Int32[np.ndarray, "queries best"], Float32[np.ndarray, "queries best"]]:
    """The `best = min(k, documents)` documents of each query, best first; ties keep the lower number.

    Args:
        queries: `[queries, ...]`.
        documents: `[documents, ...]`, which may be mapped from disk.

    Raises:
        ValueError: `k` is below 1.
        UsageError: a score is no number.

    Example:
        >>> ids, scores = scored_top_k(lambda a, b: -abs(a - b.T), np.ones((1, 1)), np.eye(2)[:, :1], 2)
        >>> ids.tolist(), scores.tolist()
        ([[0, 1]], [[0.0, -1.0]])
    """
    if k < 1:
        raise ValueError(f"k must be at least 1; got k={k}")
    best = min(k, len(documents))
    ids = np.zeros((len(queries), best), np.int32)
    found = np.zeros((len(queries), best), np.float32)
    for start in range(0, len(queries), _ROWS):
        here = slice(start, start + _ROWS)
        scores = all_scores(score, queries[here], documents)
        ids[here] = np.argsort(-scores, axis=1, kind="stable")[:, :best]
        found[here] = np.take_along_axis(scores, ids[here], axis=1)
    return ids, found


def all_scores(score: Score, rows: Any, columns: Any) -> Float32[np.ndarray, "rows columns"]:
    """Every row with every column, on the host.

    Raises:
        UsageError: a score is no number.
    """
    compiled, found = _compiled(score), np.zeros((len(rows), len(columns)), np.float32)
    for top in range(0, len(rows), _ROWS):
        here = np.asarray(rows[top : top + _ROWS])
        for left in range(0, len(columns), _COLUMNS):
            there = np.asarray(columns[left : left + _COLUMNS])
            part = np.asarray(compiled(here, there))
            if np.isnan(part).any():
                row, column = np.argwhere(np.isnan(part))[0]
                raise UsageError(
                    f"The score of row {top + row} with column {left + column} is no number."
                )
            found[top : top + _ROWS, left : left + _COLUMNS] = part
    return found


@functools.lru_cache(maxsize=16)
def _compiled(score: Score) -> Score:
    return jax.jit(score)
