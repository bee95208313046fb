"""Records from files that people bring, with a split each."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jaxemb.config import UsageError, fingerprint
from jaxemb.data.base import SPLITS, Source
from jaxemb.data.duplicates import normalise, split_of
from jaxemb.data.tables import SPLIT_NAMES, Row, read_bytes, read_rows

Record = Row


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
        digests = [hashlib.sha256(read_bytes(path)).hexdigest() for path in there]
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
    return tuple(_completed(path, row) for row in read_rows(path, header))


def _completed(path: Path, record: Record) -> Record:
    """The record with a split, and with the file as its module where it names none."""
    if "split" in record:
        split = SPLIT_NAMES.get(str(record["split"]), record["split"])
    else:
        split = split_of(normalise(str(next(iter(record.values()), ""))))
    return {"module": path.name, "name": "", **record, "split": split}
