"""Records from files that people bring, with a split each."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jaxemb.config import UsageError, fingerprint, hash_of
from jaxemb.config.files import given_path
from jaxemb.data.base import SPLITS, Source
from jaxemb.data.duplicates import normalise, split_of
from jaxemb.data.tables import SPLIT_NAMES, Row, read_rows

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

    unfingerprinted = ("path",)

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
