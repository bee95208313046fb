"""A wrapper that moves weight from row to row as training goes on."""

import dataclasses
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, Key

from jaxemb.config import Above, AtLeast, check_ranges
from jaxemb.losses.base import LOWEST, TINY, Columns, Loss, LossState, Term
from jaxemb.losses.wrapper import Wrapper
from jaxemb.runtime import gather, own_rows


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progressive(Wrapper):
    r"""The inner loss with rows weighted by their difficulty, more so from step to step.

    $$w_i = B \, \mathrm{softmax}_i(g \, \delta_i), \quad
    g = g_0 + (g_1 - g_0) \min(t / T, 1)$$

    over the $B$ rows of the batch, on all devices. The difficulty $\delta_i$ is the row's own value
    of the inner loss; the weights have no gradient and their mean is 1. With a negative $g_0$
    training starts with the easy rows.

    Args:
        inner: any loss.
        start: $g_0$; 0 weights all rows alike.
        end: $g_1$.
        steps: $T$, after how many steps $g_1$ is reached; in a `Microbatch` each piece counts as
            one, and $B$ are the rows of the piece.
        largest: no weight is above it before they are normalised; bounds what a wrong label does.

    Raises:
        UsageError: `steps` is below 1 or `largest` is not positive.

    Example:
        >>> Progressive(inner=InfoNCE(), end=1.0, steps=1000)

    Reference: Wu et al., Towards Robust Text Retrieval with Progressive Learning, arXiv:2311.11691
    (its formula is unconfirmed; this one is our choice).
    """

    inner: Loss
    start: float = 0.0
    end: float = 1.0
    steps: Annotated[int, AtLeast(1)] = 1000
    largest: Annotated[float, Above(0)] = 10.0

    __post_init__ = check_ranges

    def init(self, key: Key[Array, ""], columns: Columns) -> LossState:
        """The inner loss's, and how many steps there were."""
        inner = self.inner.init(key, columns)
        return LossState(inner.params, {"inner": inner.memory, "step": jnp.int32(0)})

    def apply(
        self, state: LossState, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> tuple[dict[str, Term], Any]:
        """The inner loss's terms, with other values."""
        memory = state.memory
        terms, inner = self.inner.apply(
            LossState(state.params, memory["inner"]), columns, key=key, axis=axis
        )
        done = jnp.minimum(memory["step"] / self.steps, 1.0)
        gain = self.start + (self.end - self.start) * done
        terms = {name: self._weighted(term, gain, axis) for name, term in terms.items()}
        return terms, {"inner": inner, "step": memory["step"] + 1}

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The terms of the first step."""
        return self.apply(self.init(key, columns), columns, key=key, axis=axis)[0]

    def _weighted(self, term: Term, gain: Array, axis: str | None) -> Term:
        value, weight = jax.lax.stop_gradient((term.value, term.weight))
        value, weight = gather(value, axis), gather(weight, axis)
        factors = _factors(gain * value, weight, self.largest)
        own = factors[own_rows(len(term.value), axis)]
        return Term(own * term.value, term.weight)


def _factors(
    power: Float32[Array, " rows"], weight: Float32[Array, " rows"], largest: float
) -> Float32[Array, " rows"]:
    def normalised(x: Array) -> Array:
        return x * jnp.sum(weight) / jnp.maximum(jnp.sum(x * weight), TINY)

    real = weight > 0
    highest = jnp.max(jnp.where(real, power, -jnp.inf), initial=LOWEST)
    shares = jnp.where(real, jnp.exp(jnp.where(real, power - highest, 0.0)), 0.0)
    return normalised(jnp.minimum(normalised(shares), largest))
