"""Long tables of tests of which a part runs, by the marker `in_turn`. Not a test itself.

`@pytest.mark.in_turn` keeps one row in three, `in_turn(8)` one in eight; the others are `slow`. Which
ones follows from the sources: the same sources have the same rows, and the next change has perhaps
others. A whole table: python -m pytest FILE -m "slow or not slow".
"""

import collections
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@functools.cache
def turn() -> int:
    """A number that follows from the sources of the package and its experiments."""
    digest = hashlib.sha256()
    for room in ("jaxemb", "experiments"):
        for file in sorted((ROOT / room).rglob("*.py")):
            digest.update(file.read_bytes())
    return int.from_bytes(digest.digest()[:4], "big")


def mark_others_slow(items: Iterable[pytest.Item]) -> None:
    """Marks the rows that are not in turn; the tests of a file begin at different rows."""
    places: dict[str, dict[str, int]] = collections.defaultdict(dict)
    seen: collections.Counter[str] = collections.Counter()
    for item in items:
        marker = item.get_closest_marker("in_turn")
        if marker is None or item.get_closest_marker("slow"):
            continue
        file, test = str(item.path), f"{item.path}::{getattr(item, 'originalname', item.name)}"
        shift = places[file].setdefault(test, len(places[file]))
        (of,) = marker.args or (3,)
        if (seen[test] + shift + turn()) % of:
            item.add_marker(pytest.mark.slow)
        seen[test] += 1
