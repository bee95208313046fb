"""Records from files that people bring, with a split each."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jaxemb.config import UsageError, fingerprint, hash_of
from jaxemb.config.files import given_path
from jaxemb.data import lines
from jaxemb.data.base import SPLITS, Source
from jaxemb.data.duplicates import split_at, text_hash
from jaxemb.data.lines import LineFile, LineRecords
from jaxemb.data.tables import SPLIT_NAMES, Row, line_format, read_rows

Record = Row


@dataclass(frozen=True, kw_only=True)
class TextFile(Source):
    """A UTF-8 file of records, its format told by its name: `.jsonl .tsv .csv .txt`, or `….gz`.

    TSV has no quoting; CSV has the usual one. Their first line names the fields unless `header`
    does. A line of a `.txt` file is a record with the field `text`.

    Splits: a `{split}` in the path is replaced by train, dev or test; else the field `split` of the
    records decides; else a hash of the first field, so that equal first texts stay together
    (80 / 10 / 10 %).

    Of a large file, 64 MB or more, nothing is kept in memory: records are read by their byte
    offsets, which are found in one pass by all cores and kept in the cache folder, by content, for
    every later process. CSV and gzipped files are read whole, whatever their size.

    Raises:
        UsageError: the file is missing, empty, binary, not UTF-8 or not in its format (the line is
            named), or it has no record of the split.

    Example:
        >>> source = TextFile(path="pairs.tsv")
        >>> source.records("train")  # doctest: +SKIP
        [{'query': 'sort', 'positive': 'order a list', 'module': 'pairs.tsv', 'split': 'train'}]
    """

    unfingerprinted = ("path",)

    path: str
    header: tuple[str, ...] = ()

    def records(self, split: str) -> Sequence[Any]:
        if split not in SPLITS:
            raise UsageError(f"a file has no split {split!r}; splits: {', '.join(SPLITS)}")
        path = self._path(split)
        if _is_large(path):
            by_path = split if "{split}" in self.path else None
            return LineRecords(LineFile(path, self.header, _completed, by_path), split)
        found = [r for r in self._all(path) if "{split}" in self.path or r["split"] == split]
        if not found:
            raise UsageError(f"{path} has no records of the split {split!r}")
        return found

    def content(self) -> str:
        splits = SPLITS if "{split}" in self.path else ("",)
        paths = {split: self._path(split) for split in splits}
        there = [split for split in splits if paths[split].exists()] or splits[:1]
        return repr({split: hash_of(paths[split]) for split in there})

    def fingerprint(self) -> str:
        return fingerprint(self)

    def _path(self, split: str) -> Path:
        return given_path(self.path.replace("{split}", split))

    def _all(self, path: Path) -> tuple[Record, ...]:
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            changed = 0  # reading it will say what is wrong
        return _read(path, self.header, changed)


def _is_large(path: Path) -> bool:
    """Whether the records stay in the file: they can be read by their offsets, and are many."""
    return line_format(path) is not None and path.is_file() and path.stat().st_size >= lines.LARGE


@lru_cache(maxsize=4)
def _read(path: Path, header: tuple[str, ...], changed: int) -> tuple[Record, ...]:
    return tuple(_completed(path, row) for row in read_rows(path, header))


def _completed(path: Path, record: Record) -> Record:
    """The record with a split, and with the file as its module where it names none."""
    if "split" in record:
        split = SPLIT_NAMES.get(str(record["split"]), record["split"])
    else:
        split = split_at(text_hash(str(next(iter(record.values()), ""))) / 2**64)
    return {"module": path.name, "name": "", **record, "split": split}
