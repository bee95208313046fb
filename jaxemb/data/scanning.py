"""One pass over a part of a file of lines: where records begin, their splits, their texts' hashes."""

import pickle
from array import array
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8, UInt64

from jaxemb.config import UsageError
from jaxemb.data.base import SPLITS
from jaxemb.data.stored import ReadsRows, hashes_of

OTHER = len(SPLITS)  # the code of a split of another name
BAD = 1  # the state of a record of which no example can be made


def split_code(split: Any) -> int:
    """The number of a split."""
    return SPLITS.index(split) if split in SPLITS else OTHER


class Part(NamedTuple):
    """What a pass found in a part of a file.

    Attributes:
        hashes: of the texts of each record's example; no columns where none was asked for.
        state: of each record, `BAD` where no example can be made of it.
        failed: the byte of a line that is no record; -1 where there is none.
    """

    starts: Int64[np.ndarray, " records"]
    splits: UInt8[np.ndarray, " records"]
    hashes: UInt64[np.ndarray, "records texts"]
    state: UInt8[np.ndarray, " records"]
    failed: int

    def save(self, place: Path) -> None:
        """To files whose names begin with that of `place`."""
        for name, values in self._asdict().items():
            np.save(place.with_suffix(f".{name}.npy"), values)

    @classmethod
    def load(cls, place: Path) -> "Part":
        """The inverse of `save`."""
        found = {name: np.load(place.with_suffix(f".{name}.npy")) for name in cls._fields}
        return cls(**{**found, "failed": int(found["failed"])})


def scan(file: Any, view: ReadsRows | None, names: tuple[str, ...], start: int, end: int) -> Part:
    """The records whose lines begin from `start` on and before `end`.

    A line that begins before `start` belongs to the part before.
    """
    starts, splits, state = array("q"), bytearray(), bytearray()
    hashes, width = array("Q"), -1
    is_row, parsed = file.format.is_row, file.parsed
    with file.path.open("rb", buffering=1 << 20) as opened:
        at = _first_line(opened, start)
        while at < end and (line := opened.readline()):
            begins, at = at, at + len(line)
            if not is_row(line.rstrip(b"\n")):
                continue
            try:
                record = parsed(line, 1, names)
            except UsageError:
                return _part(starts, splits, hashes, width, state, begins)
            starts.append(begins)
            splits.append(OTHER if file.split is not None else split_code(record["split"]))
            row = [] if view is None else _hashes(view, record)
            if width < 0 and row is not None:
                width = len(row)  # bad records that came before get the room that they lack
                hashes.extend([0] * width * len(state))
            bad = row is None or len(row) != width
            state.append(BAD if bad else 0)
            hashes.extend([0] * max(width, 0) if bad else row)
    return _part(starts, splits, hashes, width, state, -1)


def _hashes(view: ReadsRows, record: Any) -> list[int] | None:
    try:
        return hashes_of(view.example(record, 0), view.roles)
    except UsageError:
        return None


def _first_line(opened: Any, start: int) -> int:
    """Goes to the first line that begins at `start` or later."""
    if start == 0:
        return 0
    opened.seek(start - 1)
    opened.readline()
    return opened.tell()


def _part(
    starts: array, splits: bytearray, hashes: array, width: int, state: bytearray, failed: int
) -> Part:
    return Part(
        np.frombuffer(starts, np.int64),
        np.frombuffer(splits, np.uint8),
        np.frombuffer(hashes, np.uint64).reshape(len(starts), max(width, 0)),
        np.frombuffer(state, np.uint8),
        failed,
    )


def work(job: str, place: str) -> None:
    """One pass in a process of its own: `job` is a pickled call of `scan`."""
    scan(*pickle.loads(Path(job).read_bytes())).save(Path(place))
