"""Records that stay on disk, and the examples that are read off them when they are asked for.

What the examples of a whole collection have to agree on, the numbers of their texts, is found in one
pass and kept on disk by content; every process maps it.
"""

import abc
import functools
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int32

from jaxemb.config import UsageError, sources
from jaxemb.data.arrays import kept_array
from jaxemb.data.duplicates import dense_numbers, text_hash
from jaxemb.data.pydocs import cache_folder

Record = dict[str, Any]


@runtime_checkable
class ReadsRows(Protocol):
    """What makes an example of one record alone.

    Attributes:
        roles: the columns of an example that hold texts, which get numbers.
    """

    @property
    def roles(self) -> tuple[str, ...]: ...

    def example(self, record: Record, position: int) -> Record: ...


class _OneByOne(Sequence):
    """Base of sequences whose members are read from disk when they are asked for."""

    @abc.abstractmethod
    def __len__(self) -> int: ...

    @abc.abstractmethod
    def _at(self, place: int) -> Any:
        """One of them, by its number from 0."""

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self._at(n) for n in range(*place.indices(len(self)))]
        return self._at(_within(place, len(self)))

    def __iter__(self) -> Iterator[Any]:
        return map(self._at, range(len(self)))


class StoredRecords(_OneByOne):
    """Base of records that stay on disk; each is read when it is asked for.

    Attributes:
        address: hex of a hash of their content and of how it is read.
    """

    address: str

    @abc.abstractmethod
    def record(self, place: int) -> Record:
        """One of them, by its number from 0."""

    def _at(self, place: int) -> Record:
        return self.record(place)

    @property
    def folder(self) -> Path:
        """Where what was found out about them is kept."""
        return cache_folder() / "indices" / self.address[:32]

    def numbers(self, view: ReadsRows) -> Int32[np.ndarray, "records texts"]:
        """The numbers of the texts of each example; found in one pass, kept and mapped."""
        path = self.folder / f"numbers-{view_key(view)}"
        return kept_array(path, lambda: self._numbered(view))

    def _numbered(self, view: ReadsRows) -> Int32[np.ndarray, "records texts"]:
        hashes = None
        for place, record in enumerate(self):
            row = hashes_of(view.example(record, place), view.roles)
            if hashes is None:
                hashes = np.zeros((len(self), len(row)), np.uint64)
            if len(row) != hashes.shape[1]:
                raise UsageError(unequal(view))
            hashes[place] = row
        return dense_numbers(np.zeros((0, 1), np.uint64) if hashes is None else hashes)

    def examples_of(self, view: ReadsRows) -> "StoredExamples":
        """The examples of a view that reads each record by itself."""
        return StoredExamples(self, view, self.numbers(view))

    def texts_of(self, view: ReadsRows) -> "StoredTexts":
        """The texts of a view that reads each record by itself; nothing is numbered."""
        return StoredTexts(self, view, view.roles)


class StoredExamples(_OneByOne):
    """Examples that are read off stored records when they are asked for."""

    def __init__(
        self, records: StoredRecords, view: ReadsRows, numbers: Int32[np.ndarray, "records texts"]
    ):
        self._records, self._view, self._numbers = records, view, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def _at(self, place: int) -> Record:
        example = self._view.example(self._records.record(place), place)
        numbers, start = self._numbers[place].tolist(), 0
        for role in self._view.roles:
            if isinstance(example[role], tuple):
                end = start + len(example[role])
                example[f"{role}_id"], start = tuple(numbers[start:end]), end
            else:
                example[f"{role}_id"], start = numbers[start], start + 1
        return example

    def texts(self, roles: Sequence[str]) -> "StoredTexts":
        """The texts of some columns, in the order of the examples."""
        return StoredTexts(self._records, self._view, [r for r in self._view.roles if r in roles])


class StoredTexts(_OneByOne):
    """The texts of stored examples, one after the other; `roles` hold one text each."""

    def __init__(self, records: StoredRecords, view: ReadsRows, roles: Sequence[str]):
        self._records, self._view, self._roles = records, view, roles

    def __len__(self) -> int:
        return len(self._records) * len(self._roles)

    def _at(self, place: int) -> str:
        row, role = divmod(place, len(self._roles))
        return self._view.example(self._records.record(row), row)[self._roles[role]]

    def __iter__(self) -> Iterator[str]:
        for place, record in enumerate(self._records):
            example = self._view.example(record, place)
            yield from (example[role] for role in self._roles)


def hashes_of(example: Record, roles: Sequence[str]) -> list[int]:
    """A hash for each text of an example."""
    found = []
    for role in roles:
        value = example[role]
        found += map(text_hash, value) if isinstance(value, tuple) else (text_hash(value),)
    return found


def view_key(view: ReadsRows) -> str:
    """Hex that stands for a view, its settings and its code."""
    return _view_key(repr(view), type(view).__module__)


@functools.lru_cache(maxsize=64)
def _view_key(view: str, module: str) -> str:
    told = repr((view, sources.code_of({module, __name__})))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def unequal(view: ReadsRows) -> str:
    """What is wrong where examples have unequal numbers of texts."""
    return f"the examples of {view!r:.80} must hold equally many texts everywhere"


def _within(place: Any, count: int) -> int:
    place = int(place)
    if not -count <= place < count:
        raise IndexError(f"there are {count} records, and none of number {place}")
    return place % count
