"""Long tables of tests of which some rows run, by the marker `in_turn`. Not a test itself.

`@pytest.mark.in_turn` keeps at most eight rows of a test's table, `in_turn(20)` at most twenty; the
others are `slow`. With `table="file"` all tests of a file are one table. However long a table grows, it
takes no longer. Which rows run follows from the sources: the same sources have the same rows, and the
next change has perhaps others. A whole table: python -m pytest FILE -m "slow or not slow".
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
    """Marks the rows that are not in turn; tables of one length have the same rows in turn."""
    tables: dict[tuple[str, str], list[pytest.Item]] = collections.defaultdict(list)
    for item in items:
        marker = item.get_closest_marker("in_turn")
        if marker is None or item.get_closest_marker("slow"):
            continue
        whole = marker.kwargs.get("table") == "file"
        test = "" if whole else getattr(item, "originalname", item.name)
        tables[str(item.path), test].append(item)
    for table in tables.values():
        (most,) = table[0].get_closest_marker("in_turn").args or (8,)
        apart = -(-len(table) // most)
        for row, item in enumerate(table):
            if (row + turn()) % apart:
                item.add_marker(pytest.mark.slow)
