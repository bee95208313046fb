"""Paragraph vectors whose inference is a convex problem solved to its only optimum.

For given output vectors `R` and context vectors `C`, the vector of a document is

    q* = argmin_q  (1/T) Σ_t -log softmax(R (q + m_t))_{x_t}  +  (α/2) ‖q‖²

where `m_t` is 0 (the bag of words) or the sum of the vectors of the tokens around position `t`
(the memory model). The objective is α-strongly convex, so `q*` is unique and Lipschitz in the
Hamming distance.
"""

import abc
import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Float64, Int

from jaxemb.analysis.vectorizers import (
    FittedVectorizer,
    Ids,
    Sequences,
    Vectorizer,
    counts,
    diameter,
    hamming,
)
from jaxemb.config import smaller

Query = Float[Array, " width"]
Scalar = float | Float[Array, ""]

PIECE = 16  # documents inferred at once
MOST_STEPS = 50  # of Newton's method; ten are common
NEAR = 1e-4  # the distance from the optimum, as `infer` tells it, at which inference stops


class Terms(NamedTuple):
    """What a document brings to the objective: `n` softmaxes, each with its targets.

    `context [n, width]` is added to the query of each; `targets [n, vocabulary]` says which share of
    the document's tokens each of them must foresee, all of them summing to 1.
    """

    context: Float[Array, "n width"]
    targets: Float[Array, "n vocabulary"]


def objective(
    query: Query, terms: Terms, rows: Float[Array, "vocabulary width"], alpha: Scalar
) -> Float[Array, ""]:
    """Σ_n Σ_w targets_{n,w} · -log softmax(R (q + m_n))_w + (α/2) ‖q‖²."""
    logits = (query + terms.context) @ rows.T
    total = jax.nn.logsumexp(logits, axis=1) @ terms.targets.sum(axis=1)
    return total - jnp.sum(terms.targets * logits) + alpha / 2 * query @ query


def slopes(
    query: Query, terms: Terms, rows: Float[Array, "vocabulary width"], alpha: Scalar
) -> tuple[Query, Float[Array, "width width"]]:
    """Gradient and Hessian of the objective, in closed form.

    With `p_n` the softmax and `s_n` the weight of term n:

        ∇  = Rᵀ Σ_n (s_n p_n - targets_n) + α q
        ∇² = Rᵀ diag(Σ_n s_n p_n) R - Σ_n s_n (Rᵀ p_n)(Rᵀ p_n)ᵀ + α I
    """
    weights = terms.targets.sum(axis=1)
    chances = jax.nn.softmax((query + terms.context) @ rows.T, axis=1)
    total = weights @ chances
    gradient = (total - terms.targets.sum(axis=0)) @ rows + alpha * query
    means = chances @ rows
    spread = (rows * total[:, None]).T @ rows - (means * weights[:, None]).T @ means
    return gradient, spread + alpha * jnp.eye(len(query))


STEPS = (1.0, 0.5, 0.25, 0.0625)  # the shares of Newton's step that the line search tries


def infer(
    terms: Terms, rows: Float[Array, "vocabulary width"], alpha: Scalar
) -> tuple[Query, Float[Array, ""]]:
    """The optimum by Newton's method from `q = 0`, and how far it still is: `‖∇²⁻¹ ∇‖ / (1 + ‖q‖)`."""

    def newton(query: Query) -> Query:
        gradient, hessian = slopes(query, terms, rows, alpha)
        return jnp.linalg.solve(hessian, gradient)

    def step(state: tuple) -> tuple:
        query, move, turn = state
        tried = query - jnp.asarray(STEPS, query.dtype)[:, None] * move
        values = jax.vmap(lambda q: objective(q, terms, rows, alpha))(tried)
        query = tried[jnp.argmin(values)]
        return query, newton(query), turn + 1

    def unfinished(state: tuple) -> Array:
        query, move, turn = state
        return (distance(query, move) > NEAR) & (turn < MOST_STEPS)

    def distance(query: Query, move: Query) -> Array:
        return jnp.linalg.norm(move) / (1 + jnp.linalg.norm(query))

    start = jnp.zeros(rows.shape[1], rows.dtype)
    query, move, _ = jax.lax.while_loop(unfinished, step, (start, newton(start), 0))
    return query, distance(query, move)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _ParagraphVectors(Vectorizer):
    """What both kinds share: output vectors trained by Adam, inference in closed convex form."""

    width: int = 50
    alpha: float = 1e-4
    steps: int = 300
    batch_size: int = 2048
    learning_rate: float = 0.03
    seed: int = 0

    @property
    @abc.abstractmethod
    def around(self) -> int:
        """How many tokens to either side are the context of a position."""

    def fit(self, sequences: Sequences, vocabulary: int) -> "ParagraphVectors":
        rows, context = _trained(self, sequences, vocabulary)
        return ParagraphVectors(rows, context, alpha=self.alpha, window=self.around)

    def small(self) -> "_ParagraphVectors":
        return smaller(self, width=32, steps=2, batch_size=8)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistributedBag(_ParagraphVectors):
    """A document's vector foresees its tokens, whatever their order (PV-DBOW).

        ‖q* - q'*‖ ≤ d_H / (α T) · max_{i,j} ‖R_i - R_j‖

    A replaced token moves the gradient by at most `‖R_i - R_j‖ / T` everywhere, and the optimum of
    an α-strongly convex function by at most `1/α` times that.

    Attributes:
        width: of the vectors.
        alpha: weight of ‖q‖²/2 beside the mean log loss, at inference and in training.
        steps, batch_size, learning_rate, seed: of the training of `R`, by Adam on the full softmax.

    Reference: Distributed Representations of Sentences and Documents, arXiv:1405.4053; On the
    Robustness of Text Vectorizers, arXiv:2303.07203.

    Example:
        >>> texts = [np.array([0, 1, 1, 2]), np.array([2, 3, 3, 2])]
        >>> fitted = DistributedBag(width=2, alpha=0.1, steps=5).fit(texts, vocabulary=4)
        >>> fitted(np.array([[0, 1, 3]])).shape
        (1, 2)
    """

    @property
    def around(self) -> int:
        return 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistributedMemory(_ParagraphVectors):
    """A document's vector and the `window` tokens on either side foresee each token (PV-DM).

        ‖q* - q'*‖ ≤ (2 ν + 1) d_H / (α T) · max_{i,j} ‖R_i - R_j‖

    with `ν` the window. A replaced token is one target and stands in at most 2ν contexts. Each of
    those moves the gradient by at most the diameter of `R` over T: `Rᵀ softmax(·)` lies in the
    convex hull of the rows.

    Reference: as `DistributedBag`.

    Example:
        >>> texts = [np.array([0, 1, 1, 2]), np.array([2, 3, 3, 2])]
        >>> fitted = DistributedMemory(width=2, alpha=0.1, steps=5).fit(texts, vocabulary=4)
        >>> fitted(np.array([[0, 1, 3]])).shape
        (1, 2)
    """

    window: int = 5

    @property
    def around(self) -> int:
        return self.window


class ParagraphVectors(FittedVectorizer):
    """Inference for given output vectors and context vectors, both `[vocabulary, width]`.

    Raises:
        ArithmeticError: if Newton's method does not come near an optimum.
    """

    def __init__(
        self,
        rows: Float[np.ndarray, "vocabulary width"],
        context: Float[np.ndarray, "vocabulary width"],
        *,
        alpha: float,
        window: int,
    ):
        self.rows = jnp.asarray(rows, jnp.float32)
        self.context = np.asarray(context, np.float32)
        self.alpha, self.window = alpha, window
        self.diameter = diameter(np.asarray(rows))

    def __call__(self, ids: Ids) -> Float[np.ndarray, "texts width"]:
        found = [self._infer(ids[at : at + PIECE]) for at in range(0, len(ids), PIECE)]
        return np.concatenate(found)

    def bound(self, first: Ids, second: Ids) -> Float64[np.ndarray, " texts"]:
        reach = (2 * self.window + 1) * self.diameter / (self.alpha * first.shape[1])
        return reach * hamming(first, second)

    def _infer(self, ids: Ids) -> Float[np.ndarray, "texts width"]:
        # The last piece is filled up, so that there is one program a length.
        filled = np.concatenate([ids, np.repeat(ids[:1], PIECE - len(ids), axis=0)])
        queries, distances = _infer_all(self.terms(filled), self.rows, self.alpha)
        worst = float(np.max(distances))
        if not worst <= 10 * NEAR:
            raise ArithmeticError(f"inference of paragraph vectors stopped {worst} from an optimum")
        return np.asarray(queries)[: len(ids)]

    def terms(self, ids: Ids) -> Terms:
        """The terms of each document's objective, along a first axis.

        Without context all positions have the same softmax: one term with all the targets.
        """
        vocabulary, tokens = len(self.rows), ids.shape[1]
        if self.window == 0:
            shares = (counts(ids, vocabulary) / tokens).astype(np.float32)
            return Terms(np.zeros((len(ids), 1, self.rows.shape[1]), np.float32), shares[:, None])
        context = surroundings(self.context[ids], self.window)
        targets = np.eye(vocabulary, dtype=np.float32)[ids] / tokens
        return Terms(context, targets)


@jax.jit
def _infer_all(terms: Terms, rows: Array, alpha: Scalar) -> tuple[Array, Array]:
    return jax.vmap(lambda one: infer(one, rows, alpha))(terms)


def surroundings(
    vectors: Float[np.ndarray, "texts tokens width"], window: int
) -> Float[np.ndarray, "texts tokens width"]:
    """For each position, the sum of the vectors at most `window` to either side, its own left out.

    Example:
        >>> surroundings(np.array([[[1.0], [2.0], [4.0]]]), 1)[0, :, 0].tolist()
        [2.0, 5.0, 2.0]
    """
    total = np.zeros_like(vectors)
    for apart in range(1, min(window, vectors.shape[1] - 1) + 1):
        total[:, apart:] += vectors[:, :-apart]
        total[:, :-apart] += vectors[:, apart:]
    return total


# --- training


def _trained(
    settings: _ParagraphVectors, sequences: Sequences, vocabulary: int
) -> tuple[Float[np.ndarray, "vocabulary width"], Float[np.ndarray, "vocabulary width"]]:
    """Output and context vectors, by Adam on random positions of the documents."""
    documents, targets, context = _positions(sequences, settings.around)
    key, *keys = jax.random.split(jax.random.key(settings.seed), 3)
    shape = (vocabulary, settings.width)
    params = {
        "rows": jnp.zeros(shape),
        # The last row of either table is that of no token and no document, and stays zero.
        "context": _table(keys[0], shape) if settings.around else jnp.zeros((vocabulary + 1, 1)),
        "documents": _table(keys[1], (len(sequences), settings.width)),
    }
    optimizer = optax.adam(settings.learning_rate)
    state = optimizer.init(params)
    draw = np.random.default_rng(settings.seed)
    for _ in range(settings.steps):
        picks = draw.integers(len(targets), size=settings.batch_size)
        batch = documents[picks], targets[picks], context[picks]
        params, state = _update(params, state, batch, settings.learning_rate, settings.alpha)
    rows = np.asarray(params["rows"])
    used = np.asarray(params["context"])[:-1]
    return rows, used if settings.around else np.zeros_like(rows)


def _table(key: Array, shape: tuple[int, int]) -> Array:
    rows, width = shape
    drawn = jax.random.normal(key, (rows, width)) / np.sqrt(width)
    return jnp.concatenate([drawn, jnp.zeros((1, width))])


def _positions(
    sequences: Sequences, window: int
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"], Int[np.ndarray, "n around"]]:
    """Document, token and surrounding tokens of every position; -1 where there is none."""
    documents = np.repeat(np.arange(len(sequences)), [len(s) for s in sequences])
    around = []
    for sequence in sequences:
        padded = np.pad(np.asarray(sequence), window, constant_values=-1)
        frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * window + 1)
        around.append(np.delete(frames, window, axis=1))
    return documents, np.concatenate(sequences), np.concatenate(around)


@functools.partial(jax.jit, donate_argnums=(0, 1))
def _update(
    params: dict, state: tuple, batch: tuple[Array, Array, Array], rate: Scalar, alpha: Scalar
) -> tuple[dict, tuple]:
    def loss(params: dict) -> Array:
        documents, targets, context = batch
        own = params["documents"][documents]
        hidden = own + jnp.sum(params["context"][context] * (context >= 0)[..., None], axis=1)
        losses = optax.softmax_cross_entropy_with_integer_labels(hidden @ params["rows"].T, targets)
        return jnp.mean(losses + alpha / 2 * jnp.sum(own**2, axis=1))

    updates, state = optax.adam(rate).update(jax.grad(loss)(params), state)
    return optax.apply_updates(params, updates), state
