"""What vectors of some width can rank at all: vectors trained freely on the judgements themselves."""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Float32, Int32, Key

from jaxemb.config import Part, UsageError, smaller

CHECK_EVERY = 50
"""Steps between two looks at the stop flags."""


def subsets(items: int, size: int) -> Bool[np.ndarray, "sets items"]:
    """Every set of `size` of the items, a row each; the sets of the first n items come first.

    Example:
        >>> subsets(3, 2).astype(int).tolist()
        [[1, 1, 0], [1, 0, 1], [0, 1, 1]]
    """
    found = sorted(itertools.combinations(range(items), size), key=lambda one: one[::-1])
    relevant = np.zeros((len(found), items), bool)
    for row, chosen in enumerate(found):
        relevant[row, list(chosen)] = True
    return relevant


def recovered(
    queries: Float[np.ndarray, "queries width"],
    documents: Float[np.ndarray, "documents width"],
    relevant: Bool[np.ndarray, "queries documents"],
) -> float:
    """Share of the relevant documents that stand above all irrelevant ones by inner product.

    In float64, and strictly: a relevant document that is level with an irrelevant one is not
    recovered, so that neither rounding nor the order of ties can rank what the vectors do not. 1.0
    exactly where every query has its relevant documents on top.

    Example:
        >>> documents = np.eye(3)
        >>> recovered(np.array([[2.0, 1.0, 0.0]]), documents, np.array([[True, True, False]]))
        1.0
    """
    scores = np.asarray(queries, np.float64) @ np.asarray(documents, np.float64).T
    best_wrong = np.max(np.where(relevant, -np.inf, scores), axis=1, keepdims=True)
    return float(np.sum(relevant & (scores > best_wrong)) / np.sum(relevant))


def contrast_loss(
    queries: Float[Array, "queries width"],
    documents: Float[Array, "documents width"],
    relevant: Bool[Array, "queries documents"],
    real: Bool[Array, " documents"],
    temperature: float | Float[Array, ""],
) -> Float32[Array, ""]:
    """-1 / #relevant · Σ_{q, d relevant} log softmax_d(<q, d> / temperature), over real documents.

    A query without relevant documents counts for nothing, so both sides may be padded.
    """
    scores = jnp.where(real, _inner(queries, documents) / temperature, -jnp.inf)
    logs = jax.nn.log_softmax(scores, axis=1)
    return -jnp.sum(jnp.where(relevant, logs, 0.0)) / jnp.sum(relevant)


class Trained(NamedTuple):
    """Free vectors after training: the share of relevant documents recovered, and the vectors."""

    recovered: float
    steps: int
    queries: Float32[np.ndarray, "queries width"]
    documents: Float32[np.ndarray, "documents width"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FreeVectors(Part):
    """One trainable unit vector a query and a document, trained on the very judgements they face.

    No text and no encoder stands between the judgements and the vectors: what these cannot rank
    after training, no model of the same width trained in this way can. Full-batch Adam on
    `contrast_loss`; every row is scaled to length 1 after every step. Training ends when everything
    is recovered, after `patience` steps without a gain of `gain` in the loss, or after `steps`.

    What this finds is what the optimiser reaches in float32, a lower bound on what vectors can do:
    for pairs of documents four dimensions suffice in exact arithmetic (see `trigonometric`).

    Example:
        >>> FreeVectors(steps=500).train(subsets(4, 2), dim=3, seed=0).recovered
        1.0

    Reference: On the Theoretical Limitations of Embedding-Based Retrieval, arXiv:2508.21038.
    """

    learning_rate: float = 0.01
    temperature: float = 0.1
    steps: int = 20_000
    patience: int = 1000
    gain: float = 1e-5

    def train(
        self, relevant: Bool[np.ndarray, "queries documents"], dim: int, seed: int
    ) -> Trained:
        """Trains from vectors drawn by `seed` until a stop flag is up.

        Raises:
            UsageError: if `dim` is below 1, or no document is relevant.
        """
        if dim < 1 or not relevant.any():
            raise UsageError(f"free vectors need dim >= 1 and relevant documents; dim={dim}")
        padded, real = _padded(relevant)
        state = self._start(padded.shape, dim, seed)
        best, best_at, done, share = math.inf, 0, 0, 0.0
        while done < self.steps and done - best_at < self.patience and share < 1.0:
            state, losses = _chunk(state, padded, real, self.learning_rate, self.temperature)
            done += CHECK_EVERY
            loss = float(losses)
            if loss < best - self.gain:
                best, best_at = loss, done
            queries, documents = (np.asarray(side) for side in state[0])
            queries, documents = queries[: len(relevant)], documents[: relevant.shape[1]]
            share = recovered(queries, documents, relevant)
        return Trained(share, done, queries, documents)

    def _start(self, shape: tuple[int, int], dim: int, seed: int) -> Any:
        vectors = _drawn(jax.random.key(seed), shape, dim)
        return vectors, optax.adam(self.learning_rate).init(vectors)

    def small(self) -> "FreeVectors":
        return smaller(self, steps=2)


def critical_size(solves: Callable[[int], bool], least: int, most: int) -> int:
    """The largest size up to `most` that `solves`, by doubling steps and then by halving them.

    Sizes are taken to be solved up to some point and not after it; `least` must be solved.

    Raises:
        ValueError: if `least` is not solved.

    Example:
        >>> critical_size(lambda size: size <= 13, least=3, most=100)
        13
    """
    if not solves(least):
        raise ValueError(f"even size {least} is not solved")
    good, step, bad = least, 1, most + 1
    while good < most:
        size = min(good + step, most)
        if not solves(size):
            bad = size
            break
        good, step = size, 2 * step
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if solves(middle) else (good, middle)
    return good


def trigonometric(
    items: int,
) -> tuple[Float[np.ndarray, "pairs 4"], Float[np.ndarray, "items 4"]]:
    """Vectors of width 4 with which every pair of any number of documents is the top two.

        document(t) = (cos t, sin t, cos 2t, sin 2t) / √2
        query(a, b) = (cos a + cos b, sin a + sin b, -cos(a + b) / 2, -sin(a + b) / 2)

    The score is a constant less a multiple of (1 - cos(t - a)) (1 - cos(t - b)), which is largest at
    t = a and t = b alone. Pairs are in the order of `subsets(items, 2)`.

    Reference: cyclic polytopes are neighbourly; Gale, Neighborly and Cyclic Polytopes (1963).
    """
    angles = 2 * np.pi * np.arange(items) / items
    documents = np.stack([f(m * angles) for m in (1, 2) for f in (np.cos, np.sin)], 1) / np.sqrt(2)
    a, b = angles[np.nonzero(subsets(items, 2))[1].reshape(-1, 2)].T
    first = np.cos(a) + np.cos(b), np.sin(a) + np.sin(b)
    return np.stack([*first, -np.cos(a + b) / 2, -np.sin(a + b) / 2], axis=1), documents


# --- the jitted update


def _inner(
    queries: Float[Array, "queries width"], documents: Float[Array, "documents width"]
) -> Float[Array, "queries documents"]:
    return jnp.dot(queries, documents.T, precision=jax.lax.Precision.HIGHEST)


def _unit(vectors: Float32[Array, "rows width"]) -> Float32[Array, "rows width"]:
    return vectors / jnp.linalg.norm(vectors, axis=1, keepdims=True)


@functools.partial(jax.jit, static_argnames=("shape", "dim"))
def _drawn(
    key: Key[Array, ""], shape: tuple[int, int], dim: int
) -> tuple[Float32[Array, "queries width"], Float32[Array, "documents width"]]:
    """Rows drawn one by one, so that neither padding nor the number of rows changes a row."""
    sides = jax.random.split(key)

    def row(side: Key[Array, ""], place: Int32[Array, ""]) -> Float32[Array, " width"]:
        return jax.random.normal(jax.random.fold_in(side, place), (dim,))

    draw = jax.vmap(row, in_axes=(None, 0))
    queries, documents = (
        _unit(draw(side, jnp.arange(rows, dtype=jnp.int32)))
        for side, rows in zip(sides, shape, strict=True)
    )
    return queries, documents


@jax.jit
def _chunk(
    state: Any,
    relevant: Bool[Array, "queries documents"],
    real: Bool[Array, " documents"],
    learning_rate: float | Float[Array, ""],
    temperature: float | Float[Array, ""],
) -> tuple[Any, Float32[Array, ""]]:
    """`CHECK_EVERY` updates, and the loss at the last of them."""
    adam = optax.adam(learning_rate)

    def loss_of(vectors: Any) -> Float32[Array, ""]:
        return contrast_loss(*vectors, relevant, real, temperature)

    def update(state: Any, _: None) -> tuple[Any, Float32[Array, ""]]:
        vectors, moments = state
        loss, slopes = jax.value_and_grad(loss_of)(vectors)
        updates, moments = adam.update(slopes, moments)
        moved = optax.apply_updates(vectors, updates)
        return (tuple(map(_unit, moved)), moments), loss

    state, losses = jax.lax.scan(update, state, None, length=CHECK_EVERY)
    return state, losses[-1]


def _padded(
    relevant: Bool[np.ndarray, "queries documents"],
) -> tuple[Bool[np.ndarray, "rows columns"], Bool[np.ndarray, " columns"]]:
    """Rows and columns up to a power of two, so that neighbouring sizes share one program."""
    rows, columns = (max(8, 1 << (size - 1).bit_length()) for size in relevant.shape)
    whole = np.zeros((rows, columns), bool)
    whole[: relevant.shape[0], : relevant.shape[1]] = relevant
    return whole, np.arange(columns) < relevant.shape[1]
