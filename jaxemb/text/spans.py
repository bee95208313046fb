"""A long text with the pieces of it that get vectors of their own."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool


class Chunked(NamedTuple):
    """A text, and `(start, end)` in characters of each chunk of it.

    Example:
        >>> chunked = Chunked("One. Two.", ((0, 4), (5, 9)))
        >>> [chunked.text[a:b] for a, b in chunked.chunks]
        ['One.', 'Two.']
    """

    text: str
    chunks: tuple[tuple[int, int], ...]

    @classmethod
    def joined(cls, pieces: Sequence[str], between: str = "\n") -> "Chunked":
        """Pieces one after the other, each of them a chunk.

        Example:
            >>> Chunked.joined(["One.", "Two."])
            Chunked(text='One.\\nTwo.', chunks=((0, 4), (5, 9)))
        """
        starts = np.cumsum([0, *(len(piece) + len(between) for piece in pieces)]).tolist()
        ends = [start + len(piece) for start, piece in zip(starts, pieces, strict=False)]
        return cls(between.join(pieces), tuple(zip(starts, ends, strict=False)))

    @property
    def pieces(self) -> list[str]:
        """The text of each chunk."""
        return [self.text[start:end] for start, end in self.chunks]


def token_spans(
    offsets: Sequence[tuple[int, int]], chunks: Sequence[tuple[int, int]]
) -> Bool[np.ndarray, "chunks tokens"]:
    """Which tokens begin in each chunk; a token without characters (a mark) is in none.

    Args:
        offsets: `(start, end)` in characters of each token.

    Example:
        >>> token_spans([(0, 0), (0, 3), (4, 7)], [(0, 4), (4, 8)]).astype(int).tolist()
        [[0, 1, 0], [0, 0, 1]]
    """
    start, end = np.array(offsets, np.int64).reshape(-1, 2).T
    first, last = np.array(chunks, np.int64).reshape(-1, 2).T
    inside = (start >= first[:, None]) & (start < last[:, None])
    return inside & (end > start)
