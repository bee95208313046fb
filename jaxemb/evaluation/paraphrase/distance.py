"""How far one text is from another, letter by letter."""

from collections.abc import Sequence

import numpy as np


def edit_distance(first: Sequence, second: Sequence) -> float:
    """Levenshtein distance over the longer length: 0 for equal sequences, 1 for nothing in common.

    The fewest insertions, deletions and replacements of one element that turn one into the other.

    Example:
        >>> edit_distance("kitten", "sitting")
        0.428...
    """
    longest = max(len(first), len(second))
    if longest == 0:
        return 0.0
    names = {element: number for number, element in enumerate({*first, *second})}
    a, b = (np.array([names[element] for element in side], np.int64) for side in (first, second))
    steps = np.arange(len(b) + 1)
    row = steps
    for count, element in enumerate(a, start=1):
        best = np.minimum(row[1:] + 1, row[:-1] + (b != element))
        # Insertions run along the row: a running minimum of what is left after their cost.
        row = np.minimum.accumulate(np.concatenate([[count], best]) - steps) + steps
    return float(row[-1]) / longest
