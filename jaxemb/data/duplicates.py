"""Which texts are the same text: equal up to case and spacing, or nearly equal."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import UInt64

from jaxemb.runtime.words import runs

_SHINGLE = 4  # words a shingle
_BANDS, _ROWS = 16, 4  # texts of Jaccard similarity s share a band with 1 - (1 - s^4)^16


def normalise(text: str) -> str:
    """The form in which two texts count as equal: case folded, white space collapsed.

    Example:
        >>> normalise("Sort  an\\nArray ")
        'sort an array'
    """
    return " ".join(text.casefold().split())


def split_of(group: str) -> str:
    """The split of a group of records, by hash of its name: train 80 %, dev 10 %, test 10 %.

    Example:
        >>> split_of("json") == split_of("json")
        True
    """
    share = int.from_bytes(hashlib.blake2b(_bytes(group), digest_size=8).digest()) / 2**64
    return "train" if share < 0.8 else "dev" if share < 0.9 else "test"


def _bytes(text: str) -> bytes:
    """UTF-8 of a text that may hold half a character, as JSON can."""
    return text.encode("utf-8", "surrogatepass")


class Groups:
    """Union-find over `n` items; `labels()` numbers each by the first member of its group."""

    def __init__(self, n: int):
        self._parents = list(range(n))

    def find(self, i: int) -> int:
        """The representative of an item's group: its smallest member."""
        parents = self._parents
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    def join(self, i: int, j: int) -> None:
        """Make two groups one."""
        i, j = self.find(i), self.find(j)
        self._parents[max(i, j)] = min(i, j)

    def join_equal(self, keys: Iterable[str | bytes | None]) -> None:
        """Join the items with equal keys; None equals nothing."""
        first: dict[str | bytes, int] = {}
        for i, key in enumerate(keys):
            if key is not None:
                self.join(first.setdefault(key, i), i)

    def labels(self) -> list[int]:
        """The representative of every item."""
        return [self.find(i) for i in range(len(self._parents))]


def join_near(groups: Groups, texts: Sequence[str], *, at_least: float = 0.6) -> None:
    """Join the texts whose word 4-shingles overlap: Jaccard similarity ≥ `at_least`.

    MinHash signatures propose pairs by bands, exact similarity decides. Texts shorter than one
    shingle are left to exact comparison.

    Reference: Broder, "On the resemblance and containment of documents", 1997.
    """
    found = [shingles(text) for text in texts]
    longer = [i for i, s in enumerate(found) if s.size]
    if not longer:
        return
    signatures = np.stack([_signature(found[i]) for i in longer])
    for band in np.split(signatures, _BANDS, axis=1):
        first: dict[bytes, int] = {}
        for i, row in zip(longer, band, strict=True):
            j = first.setdefault(row.tobytes(), i)
            if groups.find(i) != groups.find(j) and jaccard(found[i], found[j]) >= at_least:
                groups.join(i, j)


def shingles(text: str, words: int = _SHINGLE) -> UInt64[np.ndarray, " shingles"]:
    """Hashes of the different runs of so many words in a text, sorted; none in a shorter text.

    Example:
        >>> len(shingles("a b c d e")), len(shingles("a b c"))
        (2, 0)
    """
    found = runs(text.casefold(), r"\w")
    spans = {" ".join(found[i : i + words]) for i in range(len(found) - words + 1)}
    digests = b"".join(hashlib.blake2b(_bytes(s), digest_size=8).digest() for s in sorted(spans))
    return np.unique(np.frombuffer(digests, np.uint64))


_rng = np.random.default_rng(0)
_MULTIPLIERS = _rng.integers(1, 1 << 63, _BANDS * _ROWS, dtype=np.uint64) | np.uint64(1)


def bands(found: UInt64[np.ndarray, " shingles"]) -> list[tuple[int, bytes]]:
    """What two texts of Jaccard similarity s have one of in common with 1 - (1 - s^4)^16."""
    if not found.size:
        return []
    parts = np.split(_signature(found), _BANDS)
    return [(place, part.tobytes()) for place, part in enumerate(parts)]


def _signature(found: UInt64[np.ndarray, " shingles"]) -> UInt64[np.ndarray, " hashes"]:
    # Multiply-shift hashing: the high bits of an odd multiple modulo 2^64 are well mixed.
    return np.min((found[None] * _MULTIPLIERS[:, None]) >> np.uint64(16), axis=1)


def jaccard(a: UInt64[np.ndarray, " a"], b: UInt64[np.ndarray, " b"]) -> float:
    """Shingles that both have, over those that either has."""
    both = np.intersect1d(a, b, assume_unique=True).size
    return both / (a.size + b.size - both)
