"""Which texts are embedded together: few shapes, little padding."""

from collections.abc import Sequence
from typing import NamedTuple

from jaxemb.text.batch import bucket

# From here on, less padding is worth more than the seconds that further programs take to compile.
MANY_TOKENS = 2**16


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
        rows: texts a call on each device; None takes as many as `budget` has room for.
        budget: tokens a call on each device, padding included.
        devices: how many share the rows of a call equally.

    Example:
        >>> [group.texts for group in group_by_length([3, 60, 5, 64], 64, budget=128)]
        [[3, 1], [2, 0]]
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    # The shape of a text by itself does not depend on the others: its vector is the same to the bit.
    rounded = bucket if rows == 1 or sum(lengths) < MANY_TOKENS else narrow_bucket
    groups, start = [], 0
    while start < len(order):
        tokens = rounded(lengths[order[start]], max_tokens)
        full = rows or max(1, budget // tokens)
        texts = order[start : start + full * devices]
        # A last, short group has the next power of two of rows on each device.
        share = -(-len(texts) // devices)
        groups.append(Group(texts, devices * min(full, 1 << (share - 1).bit_length()), tokens))
        start += full * devices
    return groups


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
