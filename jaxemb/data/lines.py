"""Large files of lines: where each record begins is found once, and a record is read by its offset."""

import functools
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int32, Int64

from jaxemb.config import UsageError, fingerprint, hash_of, sources
from jaxemb.data.arrays import building, load_array, save_array
from jaxemb.data.base import SPLITS
from jaxemb.data.duplicates import dense_numbers
from jaxemb.data.scanning import BAD, OTHER, Part, scan, split_code
from jaxemb.data.stored import ReadsRows, Record, StoredRecords, unequal, view_key
from jaxemb.data.tables import LineFormat, decoded, line_format

LARGE = 64 << 20  # bytes; a smaller file is read whole
_SHARE = 32 << 20  # bytes; less is not worth a process of its own
_GUESS = 4096  # bytes of a line that are read at once


class LineFile(NamedTuple):
    """A file of lines, and how a line becomes a record.

    Attributes:
        completed: adds to a record what every record has; its `split` decides.
        split: all records are of it, whatever they say; None where each says its own.
    """

    path: Path
    header: tuple[str, ...]
    completed: Callable[[Path, Record], Record]
    split: str | None

    @property
    def format(self) -> LineFormat:
        return line_format(self.path)

    def names(self) -> tuple[tuple[str, ...], int]:
        """The names of a table's fields, and the byte after the line that gives them."""
        if not self.format.has_names or self.header:
            return self.header, 0
        start = 0
        with self.path.open("rb") as file:
            for line in file:
                start += len(line)
                if self.format.is_row(line.rstrip(b"\n")):
                    return self.format.names(self.path, _text(self.path, line.rstrip(b"\n"))), start
        raise UsageError(f"{self.path} has no rows")

    def parsed(self, line: bytes, number: int, names: tuple[str, ...]) -> Record:
        """The record of a line; `number` is for errors."""
        row = self.format.row(self.path, number, _text(self.path, line.rstrip(b"\n")), names)
        return self.completed(self.path, row)

    def number(self, offset: int) -> int:
        """Of the line that begins at a byte."""
        count, left = 1, offset
        with self.path.open("rb") as file:
            while left > 0:
                piece = file.read(min(left, 1 << 24))
                count, left = count + piece.count(b"\n"), left - len(piece)
        return count


def _text(path: Path, line: bytes) -> str:
    return decoded(line, str(path)) if line else ""


class LineRecords(StoredRecords):
    """The records of a split of a large file of lines, read by their byte offsets.

    The first to ask for the numbers of texts has offsets and numbers found in one pass, which the
    processor's cores share.
    """

    def __init__(self, file: LineFile, split: str):
        self.file, self.split = file, split
        self.address = fingerprint(
            {"content": hash_of(file.path), "suffix": file.path.suffix, "header": [*file.header]},
            {"is_one_split": file.split is not None, "code": _code_of_reading()},
        )
        self._starts: Int64[np.ndarray, " records"] | None = None
        self._names: tuple[str, ...] | None = None
        self._open = os.open(file.path, os.O_RDONLY)

    def __del__(self) -> None:
        if hasattr(self, "_open"):
            os.close(self._open)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def starts(self) -> Int64[np.ndarray, " records"]:
        """The byte at which each record begins."""
        if self._starts is None:
            found = load_array(self._starts_path)
            if found is None:
                self._build(None)
                found = load_array(self._starts_path)
            if not len(found):
                raise UsageError(f"{self.file.path} has no records of the split {self.split!r}")
            self._starts = found
        return self._starts

    @property
    def _starts_path(self) -> Path:
        return self.folder / f"starts-{_code(self.file, self.split)}"

    def record(self, place: int) -> Record:
        if self._names is None:
            self._names = self.file.names()[0]
        return self.file.parsed(self._line(int(self.starts[place])), place + 1, self._names)

    def _line(self, start: int) -> bytes:
        """The bytes from a place to the end of the line."""
        found, size = b"", _GUESS
        while True:
            piece = os.pread(self._open, size, start + len(found))
            end = piece.find(b"\n")
            if end >= 0 or not piece:
                return found + piece[: end if end >= 0 else None]
            found, size = found + piece, 4 * size

    def numbers(self, view: ReadsRows) -> Int32[np.ndarray, "records texts"]:
        path = self._numbers_path(view, self.split)
        found = load_array(path)
        if found is None or load_array(self._starts_path) is None:
            self._build(view)
            found = load_array(path)
        if len(found) < len(self.starts):
            self._complain(view, len(found))
        return found

    def _numbers_path(self, view: ReadsRows, split: str) -> Path:
        return self.folder / f"numbers-{_code(self.file, split)}-{view_key(view)}"

    def _complain(self, view: ReadsRows, place: int) -> None:
        """Raises what is wrong with the first record of which no example can be made."""
        view.example(self.record(place), place)
        raise UsageError(unequal(view))

    def _build(self, view: ReadsRows | None) -> None:
        """One pass over the file, for all splits."""
        with building(self.folder):
            wanted = [self._starts_path]
            wanted += [self._numbers_path(view, self.split)] if view else []
            if all(load_array(path) is not None for path in wanted):
                return  # another process has built them meanwhile
            parts = _scanned(self.file, view)
            starts, splits = (
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("starts", "splits")
            )
            hashes, good = _joined(parts)
            for split in SPLITS if self.file.split is None else (self.split,):
                own = np.flatnonzero(splits == (_code(self.file, split)))
                save_array(self.folder / f"starts-{_code(self.file, split)}", starts[own])
                if view is not None:
                    bad = np.flatnonzero(~good[own])  # what follows such a record is not numbered
                    own = own[: bad[0]] if len(bad) else own
                    save_array(self._numbers_path(view, split), dense_numbers(hashes[own]))


@functools.cache
def _code_of_reading() -> str:
    return sources.code_of({scan.__module__, line_format.__module__, "jaxemb.data.files"})


def _code(file: LineFile, split: str) -> int:
    return OTHER if file.split is not None else split_code(split)


def _joined(parts: list[Part]) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of all parts, and which rows are as wide as the first one."""
    width = next((part.hashes.shape[1] for part in parts if part.hashes.shape[1]), 0)
    right = [part.hashes.shape[1] == width for part in parts]
    hashes = [
        part.hashes if fits else np.zeros((len(part.hashes), width), np.uint64)
        for part, fits in zip(parts, right, strict=True)
    ]
    good = [(part.state != BAD) & fits for part, fits in zip(parts, right, strict=True)]
    return np.concatenate(hashes), np.concatenate(good)


def _scanned(file: LineFile, view: ReadsRows | None) -> list[Part]:
    """The file's parts in order, each by a process of its own where it is long enough."""
    names, start = file.names()
    size = file.path.stat().st_size
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    count = max(1, min(cores or 1, (size - start) // _SHARE))
    cuts = [start + (size - start) * n // count for n in range(count)] + [size]
    jobs = [(file, view, names, *span) for span in zip(cuts, cuts[1:], strict=False)]
    parts = [scan(*jobs[0])] if count == 1 else _in_processes(jobs)
    for part in parts:
        if part.failed >= 0:
            _fail(file, names, part.failed)
    return parts


def _fail(file: LineFile, names: tuple[str, ...], offset: int) -> None:
    """Raises what is wrong with the line at a byte, which cannot be read."""
    number = file.number(offset)
    with file.path.open("rb") as opened:
        opened.seek(offset)
        line = opened.readline().rstrip(b"\n")
    try:
        file.parsed(line, number, names)
    except UsageError as error:  # of a line by itself, its number is 1
        raise UsageError(str(error).replace(", line 1", f", line {number}")) from None
    raise UsageError(f"line {number} of {file.path} cannot be read; was the file changed?")


_WORK = "import sys; from jaxemb.data.scanning import work; work(sys.argv[1], sys.argv[2])"


def _in_processes(jobs: list[Any]) -> list[Part]:
    """Each part in a fresh interpreter: none is forked from one that has threads of JAX."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / str(n) for n in range(len(jobs))]
        for place, job in zip(places, jobs, strict=True):
            place.with_suffix(".job").write_bytes(pickle.dumps(job))
        running = [
            subprocess.Popen(
                [sys.executable, "-c", _WORK, place.with_suffix(".job"), place],
                env=environment,
                stderr=subprocess.PIPE,
            )
            for place in places
        ]
        try:
            for process in running:
                _, error = process.communicate()
                if process.returncode:
                    raise RuntimeError(f"reading a file failed: {error.decode()[-2000:]}")
        finally:
            for process in running:
                process.kill()
                process.wait()
        return [Part.load(place) for place in places]
