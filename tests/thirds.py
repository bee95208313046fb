"""Long tables of tests run by thirds or less. Not a test itself.

Which third it is follows from the sources: the same sources have the same third, and the next change
has perhaps another. The whole table: python -m pytest FILE -m "slow or not slow".
"""

import functools
import hashlib
from collections.abc import Sequence
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


def marks(rows: Sequence, shift: int = 0, of: int = 3) -> list[tuple]:
    """For each row the marks of its test: `slow` for those that are not in turn; one in `of` is."""
    return [() if (n + shift + turn()) % of == 0 else (pytest.mark.slow,) for n in range(len(rows))]


def in_turn(names: Sequence[str]) -> list:
    """The names as parameters of a test, `slow` where they are not in turn."""
    return [
        pytest.param(name, marks=own, id=name)
        for name, own in zip(names, marks(names), strict=True)
    ]
