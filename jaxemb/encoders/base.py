"""What every network of tokens is."""

import abc

import flax.linen as nn
from jaxtyping import Array, Bool, Float, Key

from jaxemb.config import Part


class Encoder(nn.Module, Part, abc.ABC):
    """Slot: token vectors to hidden states, one set a depth.

    A subclass has the fields `width` (of its input and its states) and whatever it needs.
    """

    @property
    @abc.abstractmethod
    def depth(self) -> int:
        """Number of hidden states that `__call__` returns."""

    @abc.abstractmethod
    def __call__(
        self,
        x: Float[Array, "batch tokens width"],
        mask: Bool[Array, "batch tokens"],
        keys: Key[Array, " batch"] | None = None,
    ) -> Float[Array, "depth batch tokens width"]:
        """Returns every hidden state, the last one last. `keys` (one an example) turn dropout on."""

    @abc.abstractmethod
    def truncated(self, layers: int) -> "Encoder":
        """Returns the encoder cut after `layers`; it reads a subset of this one's parameters."""
