"""Rows from files that people bring: JSONL, TSV, CSV and plain lines, gzipped or not.

One reader for training data and for task data. TSV is UTF-8 with one header line, one tab between
fields and no quoting; CSV has the usual quoting; JSONL is one object per line; a line of a `.txt`
file is a row with the field `text`.
"""

import contextlib
import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from jaxemb.config import UsageError
from jaxemb.config.files import given_path

Row = dict[str, Any]

SPLIT_NAMES = {"validation": "dev", "valid": "dev", "val": "dev", "training": "train"}
"""What others call the splits that are train, dev and test here."""


def read_rows(path: str | Path, header: Sequence[str] = ()) -> list[Row]:
    """The rows of a file, its format told by its name: `.jsonl .tsv .csv .txt`, or these and `.gz`.

    Args:
        header: names of the fields of a table without a header line.

    Raises:
        UsageError: the file is missing, empty, binary, not UTF-8 or not in its format (the line is
            named), or has no rows.
    """
    path = given_path(path)
    reader = _reader(path)
    rows = list(reader(path, read_text(path), tuple(header)))
    if not rows:
        raise UsageError(f"{path} has no rows")
    return rows


def read_text(path: str | Path) -> str:
    """The text of a file, plain or gzipped; a byte-order mark is dropped.

    Raises:
        UsageError: the file is missing, empty, binary or not UTF-8.
    """
    text = any_text(path)
    if not text.strip():
        raise UsageError(f"{path} is empty")
    return text


def any_text(path: str | Path) -> str:
    """As `read_text`; a text of spaces and line breaks alone is one too.

    Raises:
        UsageError: the file is missing, of no bytes, binary or not UTF-8.
    """
    path = given_path(path)
    data = read_bytes(path)
    if path.suffix == ".gz" or data[:2] == b"\x1f\x8b":
        data = _unzipped(path, data)
    return decoded(data, str(path))


def is_packed(path: str | Path) -> bool:
    """Whether a file is a gzip one, by its name or its first bytes.

    Raises:
        UsageError: as `read_bytes`.
    """
    with reading(path) as file:
        return Path(path).suffix == ".gz" or file.read(2) == b"\x1f\x8b"


def decoded(data: bytes, name: str, first: int = 1) -> str:
    """Bytes as text; a byte-order mark is dropped.

    Args:
        first: the number of their first line.

    Raises:
        UsageError: they are none, binary or not UTF-8; `name` says what they are of.
    """
    if not data:
        raise UsageError(f"{name} is empty")
    if b"\0" in data:
        raise UsageError(f"{name} is binary, not text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + first
        raise UsageError(f"{name} is not UTF-8: byte {data[error.start]:#x}, line {line}") from None


def read_bytes(path: str | Path) -> bytes:
    """The bytes of a file as they stand.

    Raises:
        UsageError: there is no such file, or it cannot be read.
    """
    with reading(path) as file:
        return file.read()


@contextlib.contextmanager
def reading(path: str | Path) -> Iterator[BinaryIO]:
    """A file to read bytes from.

    Raises:
        UsageError: there is no such file, or it cannot be read.
    """
    try:
        with given_path(path).open("rb") as file:
            yield file
    except FileNotFoundError:
        raise UsageError(f"the file {path} does not exist") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder, not a file") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None


def _unzipped(path: Path, data: bytes) -> bytes:
    if not data:
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path} is not a whole gzip file: {error}") from None


# --- formats

_Reader = Callable[[Path, str, tuple[str, ...]], Iterator[Row]]


def _reader(path: Path) -> _Reader:
    name = path.name.removesuffix(".gz")
    for suffix, reader in _READERS.items():
        if name.endswith(suffix):
            return reader
    raise UsageError(
        f"{path}: the format is told by the name, which must end in {', '.join(_READERS)} "
        "(or one of these and .gz)"
    )


def _jsonl(path: Path, text: str, header: tuple[str, ...]) -> Iterator[Row]:
    # Only "\n" ends a line here: JSON strings may hold other characters that end lines.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _json_row(path, number, line, header)


def _tsv(path: Path, text: str, header: tuple[str, ...]) -> Iterator[Row]:
    # Not str.splitlines: it also breaks at form feeds and other marks that stand inside texts.
    # A line of tabs alone is a row of empty fields; only a line of nothing is none.
    lines = text.replace("\r\n", "\n").split("\n")
    rows = ((n, line.split("\t")) for n, line in enumerate(lines, start=1) if line)
    yield from _table(path, rows, header)


def _csv(path: Path, text: str, header: tuple[str, ...]) -> Iterator[Row]:
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
) -> Iterator[Row]:
    names = _names(path, header or tuple(next(rows, (0, []))[1]))
    for number, row in rows:
        yield _fields(path, number, row, names)


def _lines(path: Path, text: str, header: tuple[str, ...]) -> Iterator[Row]:
    # As of a table: form feeds and the like stand inside texts.
    for line in text.split("\n"):
        if line.strip():
            yield {"text": line.strip()}


def _names(path: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise UsageError(f"{path} names a field twice: {', '.join(names)}")
    return names


def _fields(path: Path, number: int, row: list[str], names: tuple[str, ...]) -> Row:
    if len(row) != len(names):
        raise UsageError(
            f"line {number} of {path} has {len(row)} fields, not {len(names)} ({', '.join(names)})"
        )
    return dict(zip(names, row, strict=True))


_READERS: dict[str, _Reader] = {
    ".jsonl": _jsonl, ".tsv": _tsv, ".csv": _csv, ".txt": _lines, ".json": _jsonl,
}  # fmt: skip


# --- formats of which each row is a line by itself


def _json_row(path: Path, number: int, line: str, names: tuple[str, ...]) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UsageError(f"line {number} of {path} is not JSON: {error}") from None
    if not isinstance(row, dict):
        kind = type(row).__name__
        raise UsageError(f"line {number} of {path} is a JSON {kind}, not an object")
    return row


def _tsv_row(path: Path, number: int, line: str, names: tuple[str, ...]) -> Row:
    return _fields(path, number, line.removesuffix("\r").split("\t"), names)


def _txt_row(path: Path, number: int, line: str, names: tuple[str, ...]) -> Row:
    return {"text": line.strip()}


class LineFormat(NamedTuple):
    """A format of which each line is a row by itself, so that rows can be read in any order.

    Attributes:
        row: `row(path, number, line, names)`; `number` is for errors, `names` are of a table's fields.
        is_row: whether a line is one, and not empty.
        has_names: whether the first row may name the fields.
    """

    row: Callable[[Path, int, str, tuple[str, ...]], Row]
    is_row: Callable[[bytes], bool]
    has_names: bool = False

    def names(self, path: Path, first: str) -> tuple[str, ...]:
        """The names that a table's first line gives to its fields."""
        return _names(path, tuple(first.removesuffix("\r").split("\t")))


def _has_letters(line: bytes) -> bool:
    return bool(line.strip())


def _has_fields(line: bytes) -> bool:
    return bool(line.removesuffix(b"\r"))


_LINE_FORMATS = {
    ".jsonl": LineFormat(_json_row, _has_letters),
    ".json": LineFormat(_json_row, _has_letters),
    ".tsv": LineFormat(_tsv_row, _has_fields, has_names=True),
    ".txt": LineFormat(_txt_row, _has_letters),
}


def line_format(path: Path) -> LineFormat | None:
    """How the lines of a file are read one by one; None where that cannot be done.

    A row of a CSV file may have several lines, and a gzipped file is read from its start.

    Example:
        >>> line_format(Path("pairs.csv")) is None, line_format(Path("pairs.jsonl")) is None
        (True, False)
    """
    return _LINE_FORMATS.get(path.suffix)
