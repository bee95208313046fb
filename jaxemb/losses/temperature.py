"""What scores are divided by before a softmax: a number, or a parameter that is trained."""

import dataclasses
from typing import Annotated, Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxemb.config import Above, Part, UsageError


class Temperature(Part):
    r"""Slot: a temperature $\tau$ that depends on parameters of the loss."""

    def init(self) -> Any:
        """Parameters before the first step."""
        raise TypeError(f"{type(self).__name__} must define init()")

    def __call__(self, params: Any) -> Float[Array, ""] | float:
        r"""$\tau > 0$."""
        raise TypeError(f"{type(self).__name__} must define __call__(params)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearnedTemperature(Temperature):
    r"""$1 / \tau = \min(e^{s}, m)$ with the trained number $s$, which starts at $-\log \tau_0$.

    Args:
        start: $\tau_0$.
        largest_scale: $m$, beyond which scores are not sharpened.

    Example:
        >>> learned = LearnedTemperature(start=0.05)
        >>> round(float(learned(learned.init())), 4)
        0.05

    Reference: Radford et al., Learning Transferable Visual Models From Natural Language
    Supervision, arXiv:2103.00020.
    """

    start: Annotated[float, Above(0)] = 0.07
    largest_scale: Annotated[float, Above(0)] = 100.0

    def __post_init__(self) -> None:
        if not 0 < 1 / self.largest_scale <= self.start:
            raise UsageError(f"start={self.start} must be at least 1/largest_scale.")

    def init(self) -> Any:
        """`{"log_scale": s}`."""
        return {"log_scale": -jnp.log(jnp.float32(self.start))}

    def __call__(self, params: Any) -> Float[Array, ""]:
        r"""$\tau$."""
        return 1 / jnp.minimum(jnp.exp(params["log_scale"]), self.largest_scale)


@dataclasses.dataclass(frozen=True)
class _Fixed(Temperature):
    value: float

    def init(self) -> Any:
        return {}

    def __call__(self, params: Any) -> float:
        return self.value


def temperature_of(value: float | Temperature) -> Temperature:
    """A number as a temperature that nothing changes.

    Raises:
        UsageError: the number is not positive.
    """
    if isinstance(value, Temperature):
        return value
    if value <= 0:
        raise UsageError(f"temperature={value} must be positive.")
    return _Fixed(value)
