"""Ranges that fields declare where they declare their type: `layers: Annotated[int, AtLeast(1)]`.

A range is of numbers: in a tuple it is of each item, and None is in every one. It is checked where a
part is built from JSON or changed by an override; a part that is written in Python checks itself by
calling `check_ranges` in its `__post_init__`.
"""

import abc
import dataclasses
import numbers
from typing import Any


class Range(abc.ABC):
    """Which numbers a field takes; `words` says it after the kind of number."""

    @property
    @abc.abstractmethod
    def words(self) -> str:
        """As in "a whole number of at least 1"."""

    @abc.abstractmethod
    def holds(self, number: numbers.Real) -> bool:
        """Whether the field takes the number."""


@dataclasses.dataclass(frozen=True)
class AtLeast(Range):
    """`low <= x`.

    Example:
        >>> AtLeast(1).holds(1), AtLeast(1).words
        (True, 'of at least 1')
    """

    low: int | float

    @property
    def words(self) -> str:
        return f"of at least {self.low:g}"

    def holds(self, number: numbers.Real) -> bool:
        return number >= self.low


@dataclasses.dataclass(frozen=True)
class AtMost(Range):
    """`x <= high`."""

    high: int | float

    @property
    def words(self) -> str:
        return f"of at most {self.high:g}"

    def holds(self, number: numbers.Real) -> bool:
        return number <= self.high


@dataclasses.dataclass(frozen=True)
class Above(Range):
    """`low < x`."""

    low: int | float

    @property
    def words(self) -> str:
        return f"above {self.low:g}"

    def holds(self, number: numbers.Real) -> bool:
        return number > self.low


@dataclasses.dataclass(frozen=True)
class Below(Range):
    """`x < high`; with `AtLeast(0)`, what a dropout rate is."""

    high: int | float

    @property
    def words(self) -> str:
        return f"below {self.high:g}"

    def holds(self, number: numbers.Real) -> bool:
        return number < self.high


@dataclasses.dataclass(frozen=True)
class Between(Range):
    """`low <= x <= high`."""

    low: int | float
    high: int | float

    @property
    def words(self) -> str:
        return f"from {self.low:g} to {self.high:g}"

    def holds(self, number: numbers.Real) -> bool:
        return self.low <= number <= self.high


Positive = Above(0)
"""Above 0; of whole numbers, `AtLeast(1)` says the same more plainly."""


def in_range(value: Any, ranges: tuple[Any, ...]) -> bool:
    """Whether the numbers in a value are in all of the ranges; what else stands there is no range."""
    if isinstance(value, tuple):
        return all(in_range(item, ranges) for item in value)
    if not isinstance(value, numbers.Real):
        return True
    return all(one.holds(value) for one in ranges if isinstance(one, Range))
