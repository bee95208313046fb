"""Records from files that people bring: JSONL, TSV, CSV and plain lines, gzipped or not."""

import csv
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jaxemb.config import UsageError, fingerprint
from jaxemb.data.base import SPLITS, Source
from jaxemb.data.duplicates import normalise, split_of

_SPLIT_NAMES = {"validation": "dev", "valid": "dev", "val": "dev", "training": "train"}
Record = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class TextFile(Source):
    """A UTF-8 file of records, its format told by its name: `.jsonl .tsv .csv .txt`, or `….gz`.

    TSV has no quoting; CSV has the usual one. Their first line names the fields unless `header`
    does. A line of a `.txt` file is a record with the field `text`.

    Splits: a `{split}` in the path is replaced by train, dev or test; else the field `split` of the
    records decides; else a hash of the first field, so that equal first texts stay together
    (80 / 10 / 10 %).

    Raises:
        UsageError: the file is missing, empty, binary, not UTF-8 or not in its format (the line is
            named), or it has no record of the split.

    Example:
        >>> source = TextFile(path="pairs.tsv")
        >>> source.records("train")  # doctest: +SKIP
        [{'query': 'sort', 'positive': 'order a list', 'module': 'pairs.tsv', 'split': 'train'}]
    """

    path: str
    header: tuple[str, ...] = ()

    def records(self, split: str) -> list[Record]:
        if split not in SPLITS:
            raise UsageError(f"a file has no split {split!r}; splits: {', '.join(SPLITS)}")
        path = self._path(split)
        found = [r for r in self._all(path) if "{split}" in self.path or r["split"] == split]
        if not found:
            raise UsageError(f"{path} has no records of the split {split!r}")
        return found

    def fingerprint(self) -> str:
        paths = [self._path(s) for s in SPLITS] if "{split}" in self.path else [Path(self.path)]
        there = [path for path in paths if path.exists()] or paths[:1]
        digests = [hashlib.sha256(_bytes(path)).hexdigest() for path in there]
        return fingerprint([list(self.header), digests])

    def _path(self, split: str) -> Path:
        return Path(self.path.replace("{split}", split)).expanduser()

    def _all(self, path: Path) -> tuple[Record, ...]:
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            changed = 0  # reading it will say what is wrong
        return _read(path, self.header, changed)


@lru_cache(maxsize=4)
def _read(path: Path, header: tuple[str, ...], changed: int) -> tuple[Record, ...]:
    reader = _reader(path)
    text = _text(path)
    records = [_completed(path, record) for record in reader(path, text, header)]
    if not records:
        raise UsageError(f"{path} has no records")
    return tuple(records)


def _completed(path: Path, record: Record) -> Record:
    """The record with a split, and with the file as its module where it names none."""
    if "split" in record:
        split = _SPLIT_NAMES.get(str(record["split"]), record["split"])
    else:
        split = split_of(normalise(str(next(iter(record.values()), ""))))
    return {"module": path.name, "name": "", **record, "split": split}


# --- bytes


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"the file {path} does not exist") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder, not a file") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None


def _text(path: Path) -> str:
    data = _bytes(path)
    if path.suffix == ".gz" and data:
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise UsageError(f"{path} is not a whole gzip file: {error}") from None
    if not data.strip():
        raise UsageError(f"{path} is empty")
    if b"\0" in data[:65536]:
        raise UsageError(f"{path} is binary, not text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path} is not UTF-8: byte {data[error.start]:#x}, line {line}") from None


# --- formats

_Reader = Callable[[Path, str, tuple[str, ...]], Iterator[Record]]


def _reader(path: Path) -> _Reader:
    name = path.name.removesuffix(".gz")
    for suffix, reader in _READERS.items():
        if name.endswith(suffix):
            return reader
    raise UsageError(
        f"{path}: the format is told by the name, which must end in {', '.join(_READERS)} "
        "(or one of these and .gz)"
    )


def _jsonl(path: Path, text: str, header: tuple[str, ...]) -> Iterator[Record]:
    # Only "\n" ends a line here: JSON strings may hold other characters that end lines.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise UsageError(f"line {number} of {path} is not JSON: {error}") from None
        if not isinstance(record, dict):
            kind = type(record).__name__
            raise UsageError(f"line {number} of {path} is a JSON {kind}, not an object")
        yield record


def _tsv(path: Path, text: str, header: tuple[str, ...]) -> Iterator[Record]:
    lines = text.replace("\r\n", "\n").split("\n")
    rows = ((n, line.split("\t")) for n, line in enumerate(lines, start=1) if line.strip())
    yield from _table(path, rows, header)


def _csv(path: Path, text: str, header: tuple[str, ...]) -> Iterator[Record]:
    before = csv.field_size_limit(len(text) + 1)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise UsageError(f"line {reader.line_num} of {path} is not CSV: {error}") from None
    finally:
        csv.field_size_limit(before)
    yield from _table(path, iter(rows), header)


def _table(
    path: Path, rows: Iterator[tuple[int, list[str]]], header: tuple[str, ...]
) -> Iterator[Record]:
    names = header or tuple(next(rows, (0, []))[1])
    if len(set(names)) < len(names):
        raise UsageError(f"{path} names a field twice: {', '.join(names)}")
    for number, row in rows:
        if len(row) != len(names):
            raise UsageError(
                f"line {number} of {path} has {len(row)} fields, not {len(names)} "
                f"({', '.join(names)})"
            )
        yield dict(zip(names, row, strict=True))


def _lines(path: Path, text: str, header: tuple[str, ...]) -> Iterator[Record]:
    for line in text.splitlines():
        if line.strip():
            yield {"text": line.strip()}


_READERS: dict[str, _Reader] = {".jsonl": _jsonl, ".tsv": _tsv, ".csv": _csv, ".txt": _lines}
