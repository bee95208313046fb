"""Padded batches of token ids, at a few static lengths."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Int32

# Each length is one compiled program, so there are few: powers of two and the points half-way.
_SMALLEST = 16


class TextBatch(NamedTuple):
    """Token ids with padding (id 0), and the mask of the real tokens. A JAX pytree.

    Shapes: both `[batch, tokens]`, or `[batch, k, tokens]` for k texts in each row. `spans`, where a
    text has several vectors: `[batch, spans, tokens]`, which tokens belong to each of them. `prompt`,
    where a pooling asks for it: which tokens are those of the prompt, in the shape of `ids`.
    """

    ids: Int32[Array, "*batch tokens"] | Int32[np.ndarray, "*batch tokens"]
    mask: Bool[Array, "*batch tokens"] | Bool[np.ndarray, "*batch tokens"]
    spans: Bool[Array, "*batch spans tokens"] | Bool[np.ndarray, "*batch spans tokens"] | None = (
        None
    )
    prompt: Bool[Array, "*batch tokens"] | Bool[np.ndarray, "*batch tokens"] | None = None

    @property
    def lead(self) -> tuple[int, ...]:
        """The axes before those of one text: the batch's rows, and texts in each row."""
        return self.ids.shape[:-1]


def bucket(length: int, max_tokens: int) -> int:
    """The smallest static length that holds `length` tokens: 16, 32, 48, 64, 96, 128, 192, …

    The last bucket is `max_tokens` itself, whatever its value.

    Raises:
        ValueError: `length` exceeds `max_tokens`.

    Example:
        >>> bucket(33, 64), bucket(100, 100)
        (48, 100)
    """
    if length > max_tokens:
        raise ValueError(f"a text of {length} tokens is longer than the limit of {max_tokens}")
    size = _SMALLEST
    while size < length:
        halfway = size + size // 2
        size = halfway if size > _SMALLEST and halfway >= length else 2 * size
    return min(size, max_tokens)


def pad(
    sequences: Sequence[np.ndarray], length: int, prompts: Sequence[int] | None = None
) -> TextBatch:
    """Stack token ids of unequal lengths into one batch `[len(sequences), length]`.

    `prompts`, where given, says of each text how many of its first tokens are those of the prompt.

    Raises:
        ValueError: a sequence is longer than `length`.

    Example:
        >>> pad([np.array([2, 9, 3], np.int32), np.array([2, 3], np.int32)], 4).ids
        array([[2, 9, 3, 0],
               [2, 3, 0, 0]], dtype=int32)
    """
    lengths = np.fromiter((len(ids) for ids in sequences), np.int64, count=len(sequences))
    if lengths.size and lengths.max() > length:
        raise ValueError(f"a text of {lengths.max()} tokens does not fit in {length}")
    mask = np.arange(length) < lengths[:, None]
    ids = np.zeros((len(sequences), length), np.int32)
    if lengths.sum():
        ids[mask] = np.concatenate(sequences)
    if prompts is None:
        return TextBatch(ids, mask)
    return TextBatch(ids, mask, prompt=mask & (np.arange(length) < np.reshape(prompts, (-1, 1))))
