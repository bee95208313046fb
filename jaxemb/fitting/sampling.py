"""Evenly spaced texts of a collection that is too large to be counted whole."""

from collections.abc import Iterable, Sequence

MOST = 1 << 18
"""Texts; of more, every second, fourth, ... is taken, so that at least half as many are."""


def at_most(texts: Iterable[str], most: int = MOST) -> list[str]:
    """All texts where there are at most `most`; else those whose number is a multiple of a power of two.

    The power is the least that leaves at most `most`. Nothing is drawn at random, and no more than
    the chosen texts are in memory; of a sequence only these are read.

    Example:
        >>> at_most("abcde", 2)
        ['a', 'e']
        >>> at_most(iter("abcde"), 2)
        ['a', 'e']
    """
    if isinstance(texts, Sequence):
        step = 1
        while -(-len(texts) // step) > most:
            step *= 2
        return [texts[n] for n in range(0, len(texts), step)] if step > 1 else list(texts)
    found, step = [], 1
    for number, text in enumerate(texts):
        if number % step:
            continue
        found.append(text)
        if len(found) > most:
            found, step = found[::2], 2 * step
    return found
