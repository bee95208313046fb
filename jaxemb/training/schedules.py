"""How the learning rate moves over a budget of steps."""

import dataclasses
from typing import Annotated

import jax.numpy as jnp
from jaxtyping import Array, Float32, Int32

from jaxemb.config import AtLeast, Below, Part, UsageError


class Schedule(Part):
    """Slot: the share of the peak learning rate at a step, in [0, 1]."""

    def __call__(self, step: Int32[Array, "*steps"], steps: int) -> Float32[Array, "*steps"]:
        """The share at `step` (0 for the first) out of `steps`."""
        raise TypeError(f"{type(self).__name__} must define __call__(step, steps)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Warmup(Schedule):
    """Base: rises in a straight line over the share `warmup` of the budget, then `after`."""

    warmup: Annotated[float, AtLeast(0), Below(1)]

    def __post_init__(self) -> None:
        if not 0 <= self.warmup < 1:
            raise UsageError(f"warmup={self.warmup} is a share of the budget: from 0 to below 1.")

    def __call__(self, step: Int32[Array, "*steps"], steps: int) -> Float32[Array, "*steps"]:
        """`(step + 1) / W` during the `W = warmup * steps` first steps, `after(progress)` later."""
        first = max(round(self.warmup * steps), 1)
        progress = (step - first) / max(steps - first, 1)
        rise = (step + 1) / first
        value = jnp.where(step < first, rise, self.after(jnp.clip(progress, 0.0, 1.0)))
        return value.astype(jnp.float32)

    def after(self, progress: Float32[Array, "*steps"]) -> Float32[Array, "*steps"]:
        """The share once warm, for `progress` from 0 to 1."""
        raise TypeError(f"{type(self).__name__} must define after(progress)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Constant(Warmup):
    """Constant after a linear warmup (none by default).

    Example:
        >>> float(Constant()(jnp.int32(7), 10))
        1.0
    """

    warmup: Annotated[float, AtLeast(0), Below(1)] = 0.0

    def after(self, progress: Float32[Array, "*steps"]) -> Float32[Array, "*steps"]:
        """1 at every step after the warm-up: the full rate."""
        return jnp.ones_like(progress)


@dataclasses.dataclass(frozen=True, kw_only=True)
class WarmupLinear(Warmup):
    r"""Linear warmup, then linear decay: $1 - p$ for the progress $p$ after warmup.

    Example:
        >>> float(WarmupLinear(warmup=0.5)(jnp.int32(6), 8))
        0.5
    """

    warmup: Annotated[float, AtLeast(0), Below(1)] = 0.1

    def after(self, progress: Float32[Array, "*steps"]) -> Float32[Array, "*steps"]:
        """`1 - progress`."""
        return 1 - progress


@dataclasses.dataclass(frozen=True, kw_only=True)
class WarmupCosine(Warmup):
    r"""Linear warmup, then half a cosine: $\frac12 (1 + \cos \pi p)$.

    Example:
        >>> round(float(WarmupCosine(warmup=0.5)(jnp.int32(6), 8)), 6)
        0.5

    Reference: Loshchilov and Hutter, SGDR, arXiv:1608.03983.
    """

    warmup: Annotated[float, AtLeast(0), Below(1)] = 0.1

    def after(self, progress: Float32[Array, "*steps"]) -> Float32[Array, "*steps"]:
        """Half a cosine from 1 to 0."""
        return 0.5 * (1 + jnp.cos(jnp.pi * progress))
