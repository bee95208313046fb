"""How far a replaced token can move a text's vector, for networks simple enough to bound it.

The bounds are in the Hamming distance `d_H`, the number of positions at which two texts of one
length differ.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, Int

from jaxemb.encoders import Bag, Encoder
from jaxemb.heads import Head, Identity, Normalize
from jaxemb.model import Model
from jaxemb.pooling import (
    FirstTokens,
    Mean,
    ParagraphBag,
    ParagraphMemory,
    Pooling,
    RootLengthSum,
    Sum,
)

Table = Float64[np.ndarray, "vocabulary width"]
Bounds = Float64[np.ndarray, " texts"]


class HammingBound:
    """What ‖φ(x) - φ(x')‖ cannot exceed for a fitted model, from where the tokens differ.

    Known where the encoder is a `Bag`, with `D` the largest distance between two rows of the token
    table that the pooling reads, and texts of `T` tokens:

        Sum              D d_H
        Mean             D d_H / T
        RootLengthSum    D d_H / √T
        FirstTokens      D √d_H
        ParagraphBag     D d_H / (α T)
        ParagraphMemory  D d_H (2ν + 1) / (α T),  ν the window

    A replaced token moves the gradient of a paragraph vector's objective by at most `D / T`, once as
    what is foreseen and `2ν` times as context, and the optimum of an α-strongly convex function by
    at most `1/α` times that. Under `Normalize` a bound `b` becomes, by Dunkl and Williams,

        min(2, 2 b / (‖φ‖ + ‖φ'‖))

    with what the two lengths cannot fall below. For TF-IDF that is `√2 (max idf / min idf) √n d_H / T`
    with `n` distinct terms. Everything else is bounded by 2 under `Normalize`, and not at all
    otherwise.

    Reference: On the Robustness of Text Vectorizers, arXiv:2303.07203; Dunkl and Williams, A Simple
    Norm Inequality, 1964.

    Example:
        >>> bound = HammingBound(model)                          # doctest: +SKIP
        >>> bound(["sort a list"], ["sort a table"])             # doctest: +SKIP
    """

    def __init__(self, model: Model, role: str = "document"):
        name = model.embedder.name_of(role)
        tower = model.embedder.by_name[name]
        params = model.embedder.params_of(model.params, name)
        table = table_of(tower.encoder, params["tokens"])
        self._encode = functools.partial(model.tokenizer_of(role).encode, role=role)
        self._moves = _unbounded if table is None else moves(tower.pooling, table)
        self._least = _anything if table is None else least(tower.pooling, table)
        self._head = tower.head

    def __call__(self, first: Sequence[str], second: Sequence[str]) -> Bounds:
        """For each pair of texts; `d_H` says nothing of two that have unequal numbers of tokens."""
        sides = (self._encode(list(first)), self._encode(list(second)))
        moved, lengths = np.zeros(len(first)), np.zeros(len(first))
        for pair, (one, other) in enumerate(zip(*sides, strict=True)):
            alike = len(one) == len(other)
            moved[pair] = self._moves(int(np.sum(one != other)), len(one)) if alike else np.inf
            lengths[pair] = self._least(one) + self._least(other)
        return scaled(self._head, moved, lengths)


Moves = Callable[[int, int], float]
"""`d_H` and the number of tokens to a bound on the distance of two pooled vectors."""

Least = Callable[[Int[np.ndarray, " tokens"]], float]
"""Token ids to what the pooled vector's length cannot fall below."""


def _unbounded(replaced: int, tokens: int) -> float:
    return np.inf if replaced else 0.0


def _anything(ids: Int[np.ndarray, " tokens"]) -> float:
    return 0.0


# --- what is known of each part; others register theirs


@functools.singledispatch
def table_of(encoder: Encoder, tokens: dict[str, Any]) -> Table | None:
    """The token table, where a token's state is its row whatever stands beside it."""
    return None


@table_of.register
def _(encoder: Bag, tokens: dict[str, Any]) -> Table | None:
    return np.asarray(tokens["embedding"], np.float64) if "embedding" in tokens else None


@functools.singledispatch
def moves(pooling: Pooling, table: Table) -> Moves:
    """How far a pooled vector can move; not bounded by default."""
    return _unbounded


@moves.register
def _(pooling: Sum, table: Table) -> Moves:
    apart = diameter(table)
    return lambda replaced, tokens: apart * replaced


@moves.register
def _(pooling: Mean, table: Table) -> Moves:
    apart = diameter(table)
    return lambda replaced, tokens: apart * replaced / max(tokens, 1)


@moves.register
def _(pooling: RootLengthSum, table: Table) -> Moves:
    apart = diameter(table)
    return lambda replaced, tokens: apart * replaced / max(tokens, 1) ** 0.5


@moves.register
def _(pooling: FirstTokens, table: Table) -> Moves:
    apart = diameter(table)
    return lambda replaced, tokens: apart * min(replaced, pooling.tokens) ** 0.5


@moves.register(ParagraphBag)
@moves.register(ParagraphMemory)
def _(pooling: Any, table: Table) -> Moves:
    apart = diameter(pooling.rows(table)) * (2 * pooling.window + 1) / pooling.alpha
    return lambda replaced, tokens: apart * replaced / max(tokens, 1)


@functools.singledispatch
def least(pooling: Pooling, table: Table) -> Least:
    """How short a pooled vector can be; 0 where nothing better is known."""
    return _anything


@least.register
def _(pooling: Sum, table: Table) -> Least:
    """Over rows at right angles, `min_w ‖E_w‖ · T / √n`: n terms weigh least when spread evenly."""
    used = table != 0
    if used.sum(axis=0).max() > 1 or used.sum(axis=1).max() > 1:
        return _anything
    shortest = float(np.linalg.norm(table, axis=1).min())
    return lambda ids: shortest * len(ids) / max(len(np.unique(ids)), 1) ** 0.5


@functools.singledispatch
def scaled(head: Head, moved: Bounds, lengths: Bounds) -> Bounds:
    """Bounds on what the head returns, from those on pooled vectors; none by default."""
    return np.where(moved > 0, np.inf, 0.0)


@scaled.register
def _(head: Identity, moved: Bounds, lengths: Bounds) -> Bounds:
    return moved


@scaled.register
def _(head: Normalize, moved: Bounds, lengths: Bounds) -> Bounds:
    bound = np.divide(2 * moved, lengths, out=np.full(len(moved), 2.0), where=lengths > 0)
    return np.where(moved > 0, np.minimum(bound, 2.0), 0.0)


def diameter(rows: Float[np.ndarray, "rows width"]) -> float:
    """The largest distance between two rows, `max_{i,j} ‖r_i - r_j‖`.

    Example:
        >>> diameter(np.array([[0.0, 0.0], [3.0, 4.0], [1.0, 1.0]]))
        5.0
    """
    rows = np.asarray(rows, np.float64)
    squares = np.sum(rows**2, axis=1)
    apart = squares[:, None] + squares - 2 * rows @ rows.T
    return float(np.sqrt(max(apart.max(), 0.0)))
