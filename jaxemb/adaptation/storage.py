"""What does not move, kept in fewer bits while the rest is trained."""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxemb.config import Part
from jaxemb.training import Trainable


class Kept(NamedTuple):
    """What a storage made of one array."""

    value: Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Storage(Part, abc.ABC):
    """Slot: how an array that does not move is kept, and read when the network needs it."""

    @abc.abstractmethod
    def pack(self, array: Float[Array, "..."]) -> Any:
        """The array in fewer bits: an array, or several by name."""

    @abc.abstractmethod
    def unpack(self, kept: Any) -> Float[Array, "..."]:
        """The array in float32, as near as it was kept."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class HalfPrecision(Storage):
    """Numbers of 16 bits; half the memory.

    Attributes:
        dtype: of the numbers.

    Example:
        >>> HalfPrecision().pack(jnp.ones(3)).dtype
        dtype(bfloat16)
    """

    dtype: Literal["bfloat16", "float16"] = "bfloat16"

    def pack(self, array: Float[Array, "..."]) -> Array:
        """Rounded."""
        return array.astype(jnp.dtype(self.dtype))

    def unpack(self, kept: Array) -> Float[Array, "..."]:
        """Exactly what was kept."""
        return kept.astype(jnp.float32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EightBits(Storage):
    r"""Whole numbers from -127 to 127 and one scale for each column: a quarter of the memory.

    $$q_{ij} = \mathrm{round}(w_{ij} / s_j), \quad s_j = \max_i |w_{ij}| / 127$$

    The error of a number is at most half its column's scale. Arrays of one axis are few: they stay as
    they are.

    Example:
        >>> kept = EightBits().pack(jnp.array([[1.0, -2.0], [0.5, 4.0]]))
        >>> kept["numbers"].tolist()
        [[127, -64], [64, 127]]

    Reference: Dettmers et al., LLM.int8(), arXiv:2208.07339 (of the weights alone).
    """

    def pack(self, array: Float[Array, "..."]) -> Any:
        """Numbers and scales; the array itself where it has fewer than two axes."""
        if array.ndim < 2:
            return array
        scale = jnp.max(jnp.abs(array), axis=-2, keepdims=True) / 127
        numbers = jnp.round(array / jnp.where(scale > 0, scale, 1.0))
        return {"numbers": numbers.astype(jnp.int8), "scale": scale.astype(jnp.float32)}

    def unpack(self, kept: Any) -> Float[Array, "..."]:
        """The products of numbers and scales."""
        return kept["numbers"] * kept["scale"] if isinstance(kept, Mapping) else kept


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compressed(Trainable):
    """What `inner` moves moves; what it keeps is held in fewer bits.

    Products are taken as before, in the network's own dtype: an array is read out where it is used.
    After training the model has the numbers that it was trained beside, so a base in few bits is
    rounded once and for all.

    Args:
        inner: which parameters move.
        storage: how the others are kept.

    Example:
        >>> from jaxemb.training import Only
        >>> kernel = {"head": {"kernel": jnp.eye(4), "bias": jnp.zeros(4)}}
        >>> half = Compressed(inner=Only(patterns=("bias",)))
        >>> half.split(kernel, jax.random.key(0))[1]["head"]["kernel"].value.dtype
        dtype(bfloat16)

    Reference: of low-rank additions to a base in few bits, Dettmers et al., QLoRA, arXiv:2305.14314
    (whose base has 4 bits).
    """

    inner: Trainable
    storage: Storage = HalfPrecision()

    def split(self, params: Any, key: Key[Array, ""]) -> tuple[Any, Any]:
        """What moves in full, and what is kept in few bits."""
        moved, kept = self.inner.split(params, key)
        return moved, jax.tree.map(self._packed, kept)

    def _packed(self, array: Array) -> Any:
        return (
            Kept(self.storage.pack(array)) if jnp.issubdtype(array.dtype, jnp.floating) else array
        )

    def join(self, moved: Any, kept: Any) -> Any:
        """As `inner` joins them, of what was kept."""
        return self.inner.join(moved, self._read(kept))

    def check(self, unread: Sequence[str]) -> None:
        """As `inner` checks."""
        self.inner.check(unread)

    def merged(self, moved: Any, kept: Any) -> Any:
        """As `inner` merges, into the rounded base."""
        return self.inner.merged(moved, self._read(kept))

    def _read(self, kept: Any) -> Any:
        return jax.tree.map(
            lambda x: self.storage.unpack(x.value) if isinstance(x, Kept) else x,
            kept,
            is_leaf=lambda x: isinstance(x, Kept),
        )
