"""What a step carries from one batch to the next."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int32, Key, UInt32


class TrainState(NamedTuple):
    """Everything that a step changes or draws from; a checkpoint holds exactly this.

    Attributes:
        step: steps done.
        params: the embedder's parameters.
        optimizer: the optimizer's state.
        key: words of the root key of all randomness; a step folds its number into it.
    """

    step: Int32[Array, ""]
    params: Any
    optimizer: optax.OptState
    key: UInt32[Array, " words"]


def create(params: Any, transform: optax.GradientTransformation, key: Key[Array, ""]) -> TrainState:
    """The state before the first step."""
    return TrainState(
        jnp.zeros((), jnp.int32), params, transform.init(params), jax.random.key_data(key)
    )
