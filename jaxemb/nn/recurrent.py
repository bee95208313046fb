"""Recurrences over the real tokens of a text: cells, directions, and the layer that runs them."""

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32

from jaxemb.config import Between, Part
from jaxemb.runtime.shapes import TokenMask, Vectors

Carry = Any
"""What a cell hands from one token to the next: an array, or a pair of them."""


@dataclass(frozen=True, kw_only=True)
class Cell(Part, abc.ABC):
    """Slot: what a recurrence does at one token."""

    @abc.abstractmethod
    def module(self, features: int, *, name: str) -> nn.RNNCellBase:
        """The cell of flax, `carry, x [batch, width] -> carry, output`."""

    def hidden(self, carry: Carry) -> Float[Array, "batch features"]:
        """The part of the carry that is the state of a token."""
        return carry


@dataclass(frozen=True, kw_only=True)
class LSTM(Cell):
    """Long short-term memory: a state and a memory that gates write to, keep and read.

    `i, f, o = σ(W x + U h + b)`, `c ← f c + i tanh(W x + U h + b)`, `h ← o tanh(c)`.

    Reference: Hochreiter and Schmidhuber, Long Short-Term Memory, Neural Computation 9, 1997.
    """

    def module(self, features: int, *, name: str) -> nn.OptimizedLSTMCell:
        return nn.OptimizedLSTMCell(features, name=name)

    def hidden(self, carry: Carry) -> Float[Array, "batch features"]:
        return carry[1]


@dataclass(frozen=True, kw_only=True)
class GRU(Cell):
    """The gated recurrent unit: one state, of which gates say how much is kept.

    `r, z = σ(W x + U h + b)`, `n = tanh(W x + b + r (U h + b))`, `h ← (1 - z) n + z h`.

    Reference: Cho et al., Learning Phrase Representations using RNN Encoder-Decoder,
    arXiv:1406.1078.
    """

    def module(self, features: int, *, name: str) -> nn.GRUCell:
        return nn.GRUCell(features, name=name)


@dataclass(frozen=True, kw_only=True)
class Elman(Cell):
    """The simple recurrence, `h ← tanh(W x + U h + b)`.

    Reference: Elman, Finding Structure in Time, Cognitive Science 14, 1990.
    """

    def module(self, features: int, *, name: str) -> nn.SimpleCell:
        return nn.SimpleCell(features, name=name)


@dataclass(frozen=True, kw_only=True)
class Direction(Part, abc.ABC):
    """Slot: which way a recurrence reads a text."""

    @property
    @abc.abstractmethod
    def backwards(self) -> dict[str, bool]:
        """The passes by name, in the order of their features, and which start at the end."""


@dataclass(frozen=True, kw_only=True)
class LeftToRight(Direction):
    """One pass, from the first token on."""

    @property
    def backwards(self) -> dict[str, bool]:
        return {"forward": False}


@dataclass(frozen=True, kw_only=True)
class RightToLeft(Direction):
    """One pass, from the last real token back."""

    @property
    def backwards(self) -> dict[str, bool]:
        return {"backward": True}


@dataclass(frozen=True, kw_only=True)
class BothWays(Direction):
    """Two passes with their own parameters; a token's state is that of both, one after the other.

    Reference: Schuster and Paliwal, Bidirectional Recurrent Neural Networks, IEEE Transactions on
    Signal Processing 45, 1997.
    """

    @property
    def backwards(self) -> dict[str, bool]:
        return {"forward": False, "backward": True}


class Recurrence(nn.Module, kw_only=True):
    """`hₜ = cell(hₜ₋₁, xₜ)` over real tokens, `[batch, tokens, width] -> [batch, tokens, dim]`.

    Over padding the carry stays as it is, wherever padding stands: a pass from the right starts at
    the last real token, and what is carried at the end is what the last token left. States of
    padding are 0.

    Attributes:
        features: of the state of each pass; `dim` is that times the passes.
        cell: what is done at a token.
        direction: which way the text is read.

    Example:
        >>> x, mask = jnp.ones((2, 3, 4)), jnp.array([[True, True, True], [True, False, False]])
        >>> layer = Recurrence(features=5, cell=GRU(), direction=BothWays())
        >>> (states, carries), _ = layer.init_with_output(jax.random.key(0), x, mask)
        >>> states.shape, sorted(carries), layer.read(carries).shape
        ((2, 3, 10), ['backward', 'forward'], (2, 10))
    """

    features: Annotated[int, Between(1, 2**22)]
    cell: Cell = LSTM()
    direction: Direction = LeftToRight()

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "batch tokens width"],
        mask: TokenMask,
        carries: dict[str, Carry] | None = None,
    ) -> tuple[Float32[Array, "batch tokens dim"], dict[str, Carry]]:
        """Returns the states, and for each pass what it carries at its end.

        Args:
            carries: what each pass starts with; None is zeros.
        """
        x = jnp.where(mask[..., None], x, 0).astype(jnp.float32)
        states, ends = [], {}
        for name, backwards in self.direction.backwards.items():
            cell = self.cell.module(self.features, name=name)
            zeros = cell.initialize_carry(jax.random.key(0), x[:, 0].shape)
            start = zeros if carries is None else carries[name]
            ends[name], h = over_tokens(cell, self.cell.hidden, start, x, mask, backwards)
            states.append(h)
        return jnp.where(mask[..., None], jnp.concatenate(states, axis=-1), 0), ends

    def read(self, carries: dict[str, Carry]) -> Vectors:
        """The states that the passes end with, one after the other."""
        passes = self.direction.backwards
        return jnp.concatenate([self.cell.hidden(carries[name]) for name in passes], axis=-1)


def over_tokens(
    cell: Callable,
    hidden: Callable[[Carry], Array],
    carry: Carry,
    x: Float[Array, "batch tokens width"],
    mask: TokenMask,
    backwards: bool,
) -> tuple[Carry, Float[Array, "batch tokens features"]]:
    """Runs a cell along the tokens; over padding it keeps its carry."""

    def step(cell, carry, inputs):
        token, real = inputs
        after, _ = cell(carry, token)
        carry = jax.tree.map(lambda new, old: jnp.where(real[:, None], new, old), after, carry)
        return carry, hidden(carry)

    scan = nn.scan(
        step,
        variable_broadcast="params",
        split_rngs={"params": False},
        in_axes=1,
        out_axes=1,
        reverse=backwards,
    )
    return scan(cell, carry, (x, mask))
