"""Which texts are the same text: equal up to case and spacing, or nearly equal."""

import functools
import hashlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Int32, UInt64

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
    return split_at(share_of(group))


def split_at(share: float) -> str:
    """The split of what stands at a place between 0 and 1."""
    return "train" if share < 0.8 else "dev" if share < 0.9 else "test"


def share_of(group: str) -> float:
    """Where a name's hash stands between 0 and 1: evenly spread, and the same on every machine."""
    return _hash(group) / 2**64


@functools.lru_cache(maxsize=1 << 14)
def text_hash(text: str) -> int:
    """64 bits that stand for a text, equal for texts that count as equal.

    Two of ten million different texts share theirs once in 400,000 such collections.

    Example:
        >>> text_hash("Sort  it") == text_hash("sort it")
        True
    """
    return _hash(normalise(text))


def dense_numbers(hashes: UInt64[np.ndarray, "rows columns"]) -> Int32[np.ndarray, "rows columns"]:
    """Numbers from 0 in the order in which each hash is first met, row by row.

    Example:
        >>> dense_numbers(np.array([[7, 3], [3, 9]], np.uint64)).tolist()
        [[0, 1], [1, 2]]
    """
    _, first, inverse = np.unique(hashes.ravel(), return_index=True, return_inverse=True)
    numbers = np.empty(len(first), np.int32)
    numbers[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    return numbers[inverse].reshape(hashes.shape)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(_bytes(text), digest_size=8).digest())


def _bytes(text: str) -> bytes:
    """UTF-8 of a text that may hold half a character, as JSON can."""
    return text.encode("utf-8", "surrogatepass")


def groups_of_copies(
    texts: Sequence[str], keys: Iterable[Sequence[str | None]] = (), *, at_least: float = 0.6
) -> list[int]:
    """A number for each text, the same for near copies and for texts with an equal key.

    What is alike through a third text is in one group with it. `keys` are columns with an entry for
    each text; None equals nothing.

    Example:
        >>> groups_of_copies(["a", "b", "c"], [["x", None, "x"]])
        [0, 1, 0]
    """
    from scipy.cluster.hierarchy import DisjointSet

    groups = DisjointSet(range(len(texts)))
    for column in keys:
        first: dict[str, int] = {}
        for i, key in enumerate(column):
            if key is not None:
                groups.merge(first.setdefault(key, i), i)
    for i, j in near_copies(texts, at_least=at_least):
        groups.merge(i, j)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(groups[i], len(numbers)) for i in range(len(texts))]


def near_copies(texts: Sequence[str], *, at_least: float = 0.6) -> Iterator[tuple[int, int]]:
    """Pairs of texts whose word 4-shingles overlap: Jaccard similarity ≥ `at_least`.

    MinHash signatures propose pairs by bands, exact similarity decides. Texts shorter than one
    shingle are left to exact comparison.

    Reference: Broder, "On the resemblance and containment of documents", 1997.
    """
    found = [shingles(text) for text in texts]
    first: dict[tuple[int, bytes], int] = {}
    for i, own in enumerate(found):
        for j in {first.setdefault(band, i) for band in bands(own)} - {i}:
            if jaccard(found[i], found[j]) >= at_least:
                yield j, i


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
