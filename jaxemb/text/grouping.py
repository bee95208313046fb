"""Which texts are embedded together: few shapes, little padding."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from jaxemb.text.batch import bucket

# From here on, less padding is worth more than the seconds that further programs take to compile.
MANY_TOKENS = 2**16

_SHAPES = 6  # that an accelerator compiles
_SMALLEST = 16  # tokens of the shortest of them
_DENSE = 512  # tokens up to which six lengths leave little padding


class Group(NamedTuple):
    """Numbers of the texts of a call, and the shape `[rows, tokens]` they are padded to."""

    texts: list[int]
    rows: int
    tokens: int


def group_by_length(
    lengths: Sequence[int],
    max_tokens: int,
    *,
    rows: int | None = None,
    budget: int = 1024,
    devices: int = 1,
) -> list[Group]:
    """Texts, longest first, cut into calls as long as their first text needs.

    Args:
        lengths: tokens of each text.
        max_tokens: what no text exceeds.
        rows: texts per call on each device; None takes as many as `budget` has room for.
        budget: tokens per call on each device, padding included.
        devices: how many share the rows of a call equally.

    Example:
        >>> [group.texts for group in group_by_length([3, 60, 5, 64], 64, budget=128)]
        [[3, 1], [2, 0]]
    """
    # The shape of a text by itself does not depend on the others: its vector is the same to the bit.
    rounded = bucket if rows == 1 or sum(lengths) < MANY_TOKENS else narrow_bucket

    def size(length: int) -> int:
        return rounded(length, max_tokens)

    calls = _calls(lengths, size, rows, budget, devices)
    return [Group(texts, _short(texts, full, devices), tokens) for texts, full, tokens in calls]


def group_in_few_shapes(
    lengths: Sequence[int],
    max_tokens: int,
    *,
    rows: int | None = None,
    budget: int = 16384,
    devices: int = 1,
) -> list[Group]:
    """As `group_by_length`, in at most six shapes: each call has one of the `few_lengths`, and all
    its rows.

    Only a call that is alone, such as that of one query, has as few rows as it needs.

    Example:
        >>> [group[1:] for group in group_in_few_shapes([60] * 5 + [9], 64, budget=128)]
        [(2, 64), (2, 64), (2, 64)]
    """
    longest = max_tokens if rows == 1 else max(lengths, default=1)
    sizes = few_lengths(max_tokens, longest)

    def size(length: int) -> int:
        return next(size for size in sizes if size >= length)

    calls = list(_calls(lengths, size, rows, budget, devices))
    if len(calls) == 1:
        texts, full, tokens = calls[0]
        return [Group(texts, _short(texts, full, devices), tokens)]
    return [Group(texts, devices * full, tokens) for texts, full, tokens in calls]


def few_lengths(max_tokens: int, longest: int) -> tuple[int, ...]:
    """At most six lengths, each about as many times the one before; the last has room for `longest`.

    Up to 512 tokens they are those of the limit, whatever the texts; beyond, the last one is a power
    of two.

    Example:
        >>> few_lengths(512, 40), few_lengths(128, 40), few_lengths(8192, 700)
        ((16, 32, 64, 128, 256, 512), (16, 24, 40, 56, 88, 128), (16, 40, 88, 200, 448, 1024))
    """
    last = min(max_tokens, max(_DENSE, 1 << (longest - 1).bit_length()))
    steps = (_SMALLEST * (last / _SMALLEST) ** (n / (_SHAPES - 1)) for n in range(_SHAPES))
    return tuple(sorted({min(last, -(-round(step) // 8) * 8) for step in steps} | {last}))


def _calls(
    lengths: Sequence[int],
    size: Callable[[int], int],
    rows: int | None,
    budget: int,
    devices: int,
) -> Iterator[tuple[list[int], int, int]]:
    """The texts of each call, longest first, the rows it has room for on a device, and its tokens."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    start = 0
    while start < len(order):
        tokens = size(lengths[order[start]])
        full = rows or max(1, budget // tokens)
        yield order[start : start + full * devices], full, tokens
        start += full * devices


def _short(texts: list[int], full: int, devices: int) -> int:
    """Rows of a call: all, or of a last, short one the next power of two on each device."""
    share = -(-len(texts) // devices)
    return devices * min(full, 1 << (share - 1).bit_length())


def narrow_bucket(length: int, max_tokens: int) -> int:
    """8, 16, 24, … 64, 80, 96, 112, 128, 160, …: from 32 on at most a quarter more than `length`.

    The last bucket is `max_tokens` itself, whatever its value.

    Example:
        >>> narrow_bucket(33, 64), narrow_bucket(100, 512)
        (40, 112)
    """
    length = max(length, 1)
    step = max(8, (1 << (length - 1).bit_length()) // 8)
    return min(-(-length // step) * step, max_tokens)
