"""What every network of tokens is."""

import abc
import dataclasses
from typing import Annotated

import flax.linen as nn
from jaxtyping import Array, Key

from jaxemb.config import Between, Part, UsageError, smaller
from jaxemb.runtime.shapes import Depths, States, TokenMask


class Encoder(nn.Module, Part, abc.ABC):
    """Slot: token vectors to hidden states, one set per depth.

    A subclass has the fields `width` (of its input and its states) and whatever it needs.
    """

    @property
    @abc.abstractmethod
    def depth(self) -> int:
        """Number of hidden states that `__call__` returns."""

    @abc.abstractmethod
    def __call__(
        self,
        x: States,
        mask: TokenMask,
        keys: Key[Array, " batch"] | None = None,
    ) -> Depths:
        """Returns every hidden state, the last one last. `keys` (one per example) turn dropout on."""

    @abc.abstractmethod
    def truncated(self, layers: int) -> "Encoder":
        """Returns the encoder cut after `layers`; it reads a subset of this one's parameters."""

    def small(self) -> "Encoder":
        return smaller(self, width=32, hidden=32)

    def checkpointed(self) -> "Encoder":
        """Returns the same network that keeps less for its backward pass; by default itself."""
        return self


class LayeredEncoder(Encoder, kw_only=True):
    """Base of encoders that stack layers of one kind: one hidden state a layer, cut after any.

    Attributes:
        layers: how many.
    """

    layers: Annotated[int, Between(0, 1000)] = 2

    @property
    def depth(self) -> int:
        return self.layers

    def truncated(self, layers: int) -> "LayeredEncoder":
        """Returns the first `layers` layers; with the same parameters, state `layers` exactly.

        Raises:
            UsageError: if there are not so many layers.
        """
        if not 1 <= layers <= self.layers:
            raise UsageError(
                f"Cannot keep {layers} of {self.layers} layers; keep 1 to {self.layers}."
            )
        return dataclasses.replace(self, layers=layers)

    def small(self) -> "LayeredEncoder":
        return smaller(self, layers=2, width=32, hidden=32)
