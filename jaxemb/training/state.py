"""What a step carries from one batch to the next."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int32, Key, UInt32

from jaxemb.training.objective import Moving


class TrainState(NamedTuple):
    """Everything that a step changes or draws from; a checkpoint holds exactly this.

    Attributes:
        step: steps done.
        params: what moves: the network's parameters and the loss's own.
        optimizer: the optimizer's state.
        key: words of the root key of all randomness; a step folds its number into it.
        memory: what the loss keeps from step to step.
        chosen: what is kept of earlier steps, in a checkpoint; nothing while steps are taken.
    """

    step: Int32[Array, ""]
    params: Moving
    optimizer: optax.OptState
    key: UInt32[Array, " words"]
    memory: Any
    chosen: Any = ()


def create(
    params: Moving, memory: Any, transform: optax.GradientTransformation, key: Key[Array, ""]
) -> TrainState:
    """The state before the first step."""
    words = jax.random.key_data(key)
    return TrainState(jnp.zeros((), jnp.int32), params, transform.init(params), words, memory)
