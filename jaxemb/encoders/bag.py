"""No network at all: the token vectors themselves."""

from typing import Annotated

from jaxtyping import Array, Float, Key

from jaxemb.config import Between, UsageError
from jaxemb.encoders.base import Encoder
from jaxemb.runtime.shapes import States, TokenMask


class Bag(Encoder, kw_only=True):
    """Returns the token vectors as the only hidden state, `states[0] = x`; no parameters.

    With a mean over tokens this is a static bag of words: the baseline a network has to beat.

    Example:
        >>> import jax.numpy as jnp
        >>> Bag(width=2).apply({}, jnp.ones((1, 3, 2)), jnp.ones((1, 3), bool)).shape
        (1, 1, 3, 2)
    """

    width: Annotated[int, Between(1, 2**22)] = 128

    @property
    def depth(self) -> int:
        return 1

    def __call__(
        self,
        x: States,
        mask: TokenMask,
        keys: Key[Array, " batch"] | None = None,
    ) -> Float[Array, "1 batch tokens width"]:
        return x[None]

    def truncated(self, layers: int) -> "Bag":
        """Returns itself: a bag has one depth.

        Raises:
            UsageError: if `layers` is not 1.
        """
        if layers != 1:
            raise UsageError(f"A Bag has 1 layer to keep, not {layers}.")
        return self
