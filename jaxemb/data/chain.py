"""A hash chain of the examples that batches handed out, so that a resumed run goes on with the same."""

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from jaxemb.config import UsageError

_BYTES = 16
_LINKS = 16  # batches before a saved position that are read again
_SAMPLED = 4096  # examples, or tokens' rows, by which data are told apart


class Chain:
    r"""A digest that grows by the places of each batch's examples.

    $$h_0 = H(\text{data}), \qquad h_n = H(h_{n-1} \,\Vert\, \text{places of batch } n)$$

    Two runs that handed out the same examples in the same order have equal digests. Texts and whole
    numbers of the data count, not numbers that a model computed; of more than 4096 examples, evenly
    spaced ones.

    Args:
        data: what the data are, such as `digest_of_examples`.

    Example:
        >>> one, other = Chain(b"data"), Chain(b"data")
        >>> for chain, places in ((one, [3, 1]), (one, [0, 2]), (other, [3, 1])):
        ...     chain.add(np.array(places))
        >>> one.digest == other.digest
        False
        >>> other.resume(one.state(), 2, lambda number: np.array([[3, 1], [0, 2]][number]))
        >>> one.digest == other.digest
        True
    """

    def __init__(self, data: bytes):
        self._data, self._now = data, data
        self._before: deque[bytes] = deque(maxlen=_LINKS)

    @property
    def digest(self) -> str:
        """Hex of what was handed out so far."""
        return self._now.hex()

    def add(self, places: Int[np.ndarray, " batch"]) -> None:
        """One more batch."""
        self._before.append(self._now)
        self._now = _linked(self._now, places)

    def state(self) -> dict[str, Any]:
        """As JSON: the digest, and an earlier one from which the last links can be made again."""
        before = self._before[0] if self._before else self._now
        return {
            "data": self._data.hex(),
            "digest": self.digest,
            "before": before.hex(),
            "links": len(self._before),
        }

    def resume(
        self,
        state: dict[str, Any] | None,
        position: int,
        places_of: Callable[[int], Int[np.ndarray, " batch"]],
    ) -> None:
        """Goes on from a state, after the last batches before it were found to be the same.

        Args:
            state: None, as of a position that was saved before there were chains, begins a new one.
            position: how many batches were handed out.
            places_of: the places of a batch, by its number.

        Raises:
            UsageError: the data, or the order in which they are read, changed since.
        """
        self._before.clear()
        self._now = self._data
        if state is None:
            return
        if state["data"] != self._data.hex():
            raise UsageError(
                "The data changed since the position was saved: their examples are others now."
            )
        self._now = bytes.fromhex(state["before"])
        for number in range(position - state["links"], position):
            self.add(places_of(number))
        if self.digest != state["digest"]:
            raise UsageError(
                "The data changed since the position was saved: the batches just before it would "
                "now have other examples."
            )


def digest_of_examples(examples: Sequence[dict[str, Any]], columns: Sequence[str]) -> bytes:
    """What the texts and the whole numbers of some columns say.

    Example:
        >>> a, b = ([{"query": text, "query_id": 0}] for text in ("a list", "a dict"))
        >>> digest_of_examples(a, ("query",)) == digest_of_examples(b, ("query",))
        False
        >>> digest_of_examples(a, ("query_id",)) == digest_of_examples(b, ("query_id",))
        True
    """
    found = hashlib.blake2b(digest_size=_BYTES)
    step = -(-len(examples) // _SAMPLED) or 1
    for place in range(0, len(examples), step):
        example = examples[place]
        found.update(repr([_told(example.get(name)) for name in columns]).encode())
    return found.digest()


def digest_of_tokens(ids: Int[np.ndarray, " tokens"]) -> bytes:
    """What evenly spaced stretches of a long row of tokens say."""
    found = hashlib.blake2b(len(ids).to_bytes(8, "little"), digest_size=_BYTES)
    stretch = max(1, len(ids) // _SAMPLED)
    for start in range(0, len(ids), stretch):
        found.update(np.ascontiguousarray(ids[start : start + 64], np.int64))
    return found.digest()


def _told(value: Any) -> Any:
    """A value where every machine says the same of it: numbers that were computed say nothing."""
    if isinstance(value, tuple):
        return tuple(map(_told, value))
    return value if isinstance(value, str | int) else None


def _linked(before: bytes, places: Int[np.ndarray, " batch"]) -> bytes:
    found = hashlib.blake2b(before, digest_size=_BYTES)
    found.update(np.ascontiguousarray(places, np.int32))
    return found.digest()
