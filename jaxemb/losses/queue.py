"""What a loss remembers of earlier batches: documents that are candidates once more."""

import dataclasses
from typing import Annotated, Any

import jax
import jax.numpy as jnp

from jaxemb.config import AtLeast, Part, check_ranges
from jaxemb.losses.batch import Side


class Memory(Part):
    """Slot: documents of earlier batches, which are candidates again; equal on every device."""

    def init(self, documents: Side) -> Any:
        """What is remembered before the first step, from the shapes of a batch's documents."""
        raise TypeError(f"{type(self).__name__} must define init(documents)")

    def recall(self, memory: Any) -> Side | None:
        """The remembered documents as candidates."""
        raise TypeError(f"{type(self).__name__} must define recall(memory)")

    def push(self, memory: Any, documents: Side) -> Any:
        """What is remembered after a batch with these positives, of all devices."""
        raise TypeError(f"{type(self).__name__} must define push(memory, documents)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoMemory(Memory):
    """Only the batch itself."""

    def init(self, documents: Side) -> Any:
        """An empty state."""
        return {}

    def recall(self, memory: Any) -> Side | None:
        """None: there are no documents beside those of the batch."""
        return None

    def push(self, memory: Any, documents: Side) -> Any:
        """The same empty state: the documents are not kept."""
        return memory


@dataclasses.dataclass(frozen=True, kw_only=True)
class Queue(Memory):
    """The last `size` positives, as they were embedded then; no gradient reaches them.

    Their ids are kept, so `MaskDuplicates` knows them. They are of an older network: keep the queue
    short against the speed at which vectors change.

    Args:
        size: how many documents; each step drops as many of the oldest as it adds.

    Raises:
        UsageError: `size` is below 1.

    Example:
        >>> InfoNCE(memory=Queue(size=4096))

    Reference: Wang et al., Cross-Batch Memory for Embedding Learning, arXiv:1912.06798.
    """

    size: Annotated[int, AtLeast(1)]

    __post_init__ = check_ranges

    def init(self, documents: Side) -> Any:
        """Documents of weight 0: nobody's candidates."""
        return jax.tree.map(lambda x: jnp.zeros((self.size, *x.shape[1:]), x.dtype), documents)

    def recall(self, memory: Any) -> Side | None:
        """All of them, of no pair in this batch."""
        return memory._replace(pair=jnp.full_like(memory.pair, -1))

    def push(self, memory: Any, documents: Side) -> Any:
        """The newest first."""
        new = jax.lax.stop_gradient(documents)
        return jax.tree.map(lambda x, old: jnp.concatenate([x, old])[: self.size], new, memory)
