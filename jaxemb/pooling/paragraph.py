"""Paragraph vectors: a text's vector is the only optimum of a convex problem over its tokens.

With the token table `R`, the vectors `m_n` that are added and weights `w_n` that sum to 1,

    q* = argmin_q  Σ_n w_n log Σ_v exp(R_v · (q + m_n))  -  q · g  +  (α/2) ‖q‖²

where `g` is the mean of the rows that are to be foreseen. The objective is α-strongly convex, so
`q*` is unique and Lipschitz in the number of replaced tokens.
"""

from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

from jaxemb.config import AtLeast, UsageError
from jaxemb.pooling.base import Pooling, last_layer
from jaxemb.runtime.shapes import Depths, States, TokenMask, Vectors

Table = Float[Array, "vocabulary _"] | Float[np.ndarray, "vocabulary _"]

SHORTEST = 0.5**10  # the share of Newton's step at which halving it ends
ROUNDING = 1e-6  # how much a value may lie above another and not be larger
MOST_STEPS = 50  # of Newton's method; ten are common
NEAR = 1e-4  # the distance from the optimum, ‖∇²⁻¹ ∇‖ / (1 + ‖q‖), at which it stops
AT_ONCE = 16  # texts inferred together where each token has a softmax of its own


class ParagraphBag(Pooling, kw_only=True):
    """A vector that foresees the text's tokens, whatever their order (PV-DBOW).

        q* = argmin_q  log Σ_v exp(R_v · q)  -  q · mean_t h[t]  +  (α/2) ‖q‖²

    `R` is the token table, and `h` are its rows where the encoder is a `Bag`. `ParagraphTable` fits
    them. Solved by Newton's method; what does not come near its optimum is NaN, which no task
    takes. Gradients are those of the optimum, not of the steps to it.

    Attributes:
        alpha: α; the smaller, the longer the vectors of short texts.

    Raises:
        UsageError: `alpha` is not positive, or states and token table differ in width.

    Reference: Le and Mikolov, Distributed Representations of Sentences and Documents,
    arXiv:1405.4053; On the Robustness of Text Vectorizers, arXiv:2303.07203.

    Example:
        >>> states = jnp.array([[[[1.0, 0.0], [0.0, 1.0]]]])
        >>> tied = {"tied": {"table": jnp.eye(2)}}
        >>> ParagraphBag(alpha=1.0).apply(tied, states, jnp.array([[True, True]])).tolist()
        [[0.0, 0.0]]
    """

    alpha: Annotated[float, AtLeast(0)] = 1e-4

    @property
    def window(self) -> int:
        """How many tokens to either side are read beside the text's vector: none."""
        return 0

    def table(
        self, rows: Float[Array, "vocabulary width"], context: Float[Array, "vocabulary width"]
    ) -> Float[Array, "vocabulary width"]:
        """The token table, from the rows of what is foreseen and of what is read beside it."""
        return rows

    def rows(self, table: Table) -> Table:
        """What is foreseen, of the token table."""
        return table

    def __call__(self, states: Depths, mask: TokenMask) -> Vectors:
        _check(self.alpha)
        rows, weights, x = _table(self, states), _weights(mask), last_layer(states)
        goal = jnp.einsum("bt,btw->bw", weights, jnp.where(mask[..., None], x, 0.0))
        nothing = jnp.zeros((1, x.shape[-1]))

        def one(goal: Array, weight: Array) -> Array:
            return optimum(nothing, weight, goal, rows, self.alpha)

        return jax.vmap(one)(goal, weights.sum(axis=1, keepdims=True))


class ParagraphMemory(Pooling, kw_only=True):
    """A vector that foresees each token together with the tokens around it (PV-DM).

        q* = argmin_q  1/T Σ_t [ log Σ_v exp(R_v · (q + m_t)) - q · R_{x_t} ]  +  (α/2) ‖q‖²

    The first half of a row of the token table is `R`, the second is `C`, and `m_t` sums `C` over the
    `window` tokens on either side of `t`. Otherwise as `ParagraphBag`.

    Attributes:
        alpha: α.
        window: tokens to either side.

    Raises:
        UsageError: `alpha` is not positive, the width is odd, or states and token table differ in it.

    Reference: as `ParagraphBag`.
    """

    alpha: Annotated[float, AtLeast(0)] = 1e-4
    window: Annotated[int, AtLeast(1)] = 5

    def table(
        self, rows: Float[Array, "vocabulary half"], context: Float[Array, "vocabulary half"]
    ) -> Float[Array, "vocabulary width"]:
        """The token table, from the rows of what is foreseen and of what is read beside it."""
        return jnp.concatenate([rows, context], axis=1)

    def rows(self, table: Table) -> Table:
        """What is foreseen, of the token table."""
        return table[:, : table.shape[1] // 2]

    def __call__(self, states: Depths, mask: TokenMask) -> Vectors:
        _check(self.alpha)
        if states.shape[-1] % 2:
            raise UsageError(f"A state of {states.shape[-1]} numbers is not two of one width.")
        rows, weights = self.rows(_table(self, states)), _weights(mask)
        x = jnp.where(mask[..., None], last_layer(states), 0.0)
        targets, context = jnp.split(x, 2, axis=-1)
        goal = jnp.einsum("bt,btw->bw", weights, targets)
        around = surroundings(context, self.window)

        def one(text: tuple[Array, Array, Array]) -> Array:
            context, weight, goal = text
            return optimum(context, weight, goal, rows, self.alpha)

        return jax.lax.map(one, (around, weights, goal), batch_size=AT_ONCE)


def optimum(
    context: Float[Array, "n width"],
    weights: Float[Array, " n"],
    goal: Float[Array, " width"],
    rows: Float[Array, "vocabulary width"],
    alpha: float,
) -> Float[Array, " width"]:
    """The optimum by Newton's method from 0; NaN where it was not reached."""

    def objective(query: Array) -> Array:
        logits = (query + context) @ rows.T
        total = jax.nn.logsumexp(logits, axis=1) @ weights
        return total - query @ goal + alpha / 2 * query @ query

    def gradient(query: Array) -> Array:
        return gradient_and_hessian(query, context, weights, goal, rows, alpha)[0]

    def newton(query: Array) -> Array:
        slope, curvature = gradient_and_hessian(query, context, weights, goal, rows, alpha)
        return jnp.linalg.solve(curvature, slope)

    def distance(query: Array, move: Array) -> Array:
        return jnp.linalg.norm(move) / (1 + jnp.linalg.norm(query))

    def step(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        query, move, turn = state
        query = query - shortened(query, move) * move
        return query, newton(query), turn + 1

    def shortened(query: Array, move: Array) -> Array:
        """The share of the move, halved until the value falls with it (Armijo's rule).

        Where a softmax foresees one token almost surely, the whole move leads far off.
        """
        start, fall = objective(query), gradient(query) @ move / 10

        def too_long(share: Array) -> Array:
            allowed = start - share * fall + ROUNDING * (1 + jnp.abs(start))
            return (share > SHORTEST) & ~(objective(query - share * move) <= allowed)

        return jax.lax.while_loop(too_long, lambda share: share / 2, jnp.ones((), query.dtype))

    def unfinished(state: tuple[Array, Array, Array]) -> Array:
        query, move, turn = state
        return (distance(query, move) > NEAR) & (turn < MOST_STEPS)

    def solve(_: object, start: Array) -> Array:
        query, move, _ = jax.lax.while_loop(unfinished, step, (start, newton(start), 0))
        # The last move squares what is left, so that rounding does not decide where it stops.
        return jnp.where(distance(query, move) <= 10 * NEAR, query - move, jnp.nan)

    def tangent(linear: object, y: Array) -> Array:
        return jnp.linalg.solve(jax.jacobian(linear)(y), y)

    return jax.lax.custom_root(gradient, jnp.zeros_like(goal), solve, tangent)


def gradient_and_hessian(
    query: Float[Array, " width"],
    context: Float[Array, "n width"],
    weights: Float[Array, " n"],
    goal: Float[Array, " width"],
    rows: Float[Array, "vocabulary width"],
    alpha: float,
) -> tuple[Float[Array, " width"], Float[Array, "width width"]]:
    """In closed form. With `p_n` the softmax of term n:

    ∇  = Rᵀ Σ_n w_n p_n - g + α q
    ∇² = Rᵀ diag(Σ_n w_n p_n) R - Σ_n w_n (Rᵀ p_n)(Rᵀ p_n)ᵀ + α I
    """
    chances = jax.nn.softmax((query + context) @ rows.T, axis=1)
    total = weights @ chances
    means = chances @ rows
    spread = (rows * total[:, None]).T @ rows - (means * weights[:, None]).T @ means
    return total @ rows - goal + alpha * query, spread + alpha * jnp.eye(len(query))


def surroundings(vectors: States, window: int) -> States:
    """For each position, the sum of the vectors at most `window` to either side, its own left out.

    Example:
        >>> surroundings(jnp.array([[[1.0], [2.0], [4.0]]]), 1)[0, :, 0].tolist()
        [2.0, 5.0, 2.0]
    """
    reach = min(window, vectors.shape[1] - 1)
    padded = jnp.pad(vectors, ((0, 0), (reach, reach), (0, 0)))
    moved = (padded[:, start : start + vectors.shape[1]] for start in range(2 * reach + 1))
    return sum(moved) - vectors


def _weights(mask: TokenMask) -> Float32[Array, "batch tokens"]:
    """1 / T at the real tokens; a text without any has no weights, and the vector 0."""
    real = mask.astype(jnp.float32)
    return real / jnp.maximum(real.sum(axis=1, keepdims=True), 1.0)


def _table(pooling: Pooling, states: Depths) -> Float32[Array, "vocabulary width"]:
    if not pooling.has_variable("tied", "table"):
        raise ValueError(f"{type(pooling).__name__} reads the token table: apply it with `tied`.")
    table = pooling.get_variable("tied", "table").astype(jnp.float32)
    if table.shape[1] != states.shape[-1]:
        raise UsageError(
            f"{type(pooling).__name__} foresees tokens by rows of the token table, which have "
            f"{table.shape[1]} numbers, and the encoder's states have {states.shape[-1]}: they must "
            "be of one width."
        )
    return table


def _check(alpha: float) -> None:
    if alpha <= 0:
        raise UsageError(f"alpha={alpha} must be positive: without it there may be no optimum.")
