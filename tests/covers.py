"""Few rows of a table in which every two values of any two columns meet. Not a test itself."""

import heapq
import itertools
from collections import Counter
from collections.abc import Iterable

Row = tuple[str, ...]


def pairs(row: Row) -> set[tuple]:
    """Every two of a row's values, with their columns."""
    return set(itertools.combinations(enumerate(row), 2))


def pairwise(rows: Iterable[Row]) -> list[Row]:
    """Rows with all pairs that the table has, chosen one by one.

    The next row is one with the most pairs that are not there yet, and of several that whose pairs
    were there least often.
    """
    table = [(row, pairs(row)) for row in rows]
    missing = set().union(*(own for _, own in table))
    seen: Counter[tuple] = Counter()
    chosen = []

    def rank(own: set[tuple]) -> tuple[int, int]:
        return -len(own & missing), sum(seen[pair] for pair in own)

    queue = [(rank(own), place) for place, (_, own) in enumerate(table)]
    heapq.heapify(queue)
    while missing:
        before, place = queue[0]
        row, own = table[place]
        # A row's rank only grows: one that has not is before all others, whatever theirs are by now.
        if (now := rank(own)) != before:
            heapq.heapreplace(queue, (now, place))
            continue
        heapq.heappop(queue)
        chosen.append(row)
        missing -= own
        seen.update(own)
    return chosen
