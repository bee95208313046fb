"""Tables of columns that stay on disk: Parquet, Arrow, and folders that `datasets` saved."""

import contextlib
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxemb.config import UsageError, fingerprint, hash_of
from jaxemb.config.files import given_path, whole_file
from jaxemb.data.arrays import building, kept_array
from jaxemb.data.base import SPLITS, Source
from jaxemb.data.duplicates import split_at, text_hash
from jaxemb.data.pydocs import cache_folder
from jaxemb.data.stored import Record, StoredRecords
from jaxemb.data.tables import SPLIT_NAMES

_SPELLED = {"dev": ("dev", "validation", "valid", "val"), "train": ("train", "training")}


@dataclass(frozen=True, kw_only=True)
class ColumnFiles(Source):
    """Records of a table of columns: a `.parquet` or `.arrow` file, or a folder of such files.

    A folder may be what `datasets` wrote by `save_to_disk`, with a folder for each split or without.
    Arrow files are mapped; Parquet is unpacked once into Arrow in the cache folder, by content. A
    record is read when it is asked for, and no library but pyarrow is needed.

    Splits: a `{split}` in the path is replaced by train, dev or test; else a folder has a folder for
    each (`validation` is dev); else the column `split` decides; else a hash of the first column.

    Raises:
        UsageError: there is no such file, it is of another format, or it has no record of the split.

    Example:
        >>> ColumnFiles(path="pairs.parquet").records("train")[0]  # doctest: +SKIP
        {'query': 'sort', 'positive': 'order a list', 'module': 'pairs.parquet', 'split': 'train'}
    """

    unfingerprinted = ("path",)

    path: str

    def records(self, split: str) -> Sequence[Any]:
        if split not in SPLITS:
            raise UsageError(f"a table has no split {split!r}; splits: {', '.join(SPLITS)}")
        place, is_own = self._place(split)
        records = TableRecords(place, split, is_own)
        if not len(records):
            raise UsageError(f"{place} has no records of the split {split!r}")
        return records

    def content(self) -> str:
        found = {}
        for split in SPLITS:
            with contextlib.suppress(UsageError):
                found[split] = hash_of(self._place(split)[0])
        return repr(found or hash_of(given_path(self.path)))

    def fingerprint(self) -> str:
        return fingerprint(self)

    def _place(self, split: str) -> tuple[Path, bool]:
        """Where a split is, and whether nothing else is there."""
        spelled = _SPELLED.get(split, (split,))
        root = given_path(self.path.replace("{split}", split))
        if not root.exists():
            raise UsageError(f"the file {root} does not exist")
        if "{split}" in self.path:
            return root, True
        found = [root / name for name in spelled if (root / name).is_dir()]
        if found:
            return found[0], True
        if any(
            (root / name).is_dir() for split in SPLITS for name in _SPELLED.get(split, (split,))
        ):
            raise UsageError(f"{root} has no folder of the split {split!r}")
        return root, False


class TableRecords(StoredRecords):
    """Rows of a mapped Arrow table; all of them, or those that are of a split."""

    def __init__(self, place: Path, split: str, is_own: bool):
        self._place, self._split = place, split
        self._name, content = place.name, hash_of(place)
        self.address = fingerprint({"table": content, "split": "all" if is_own else split})
        self._table = _mapped(place, content)
        self._rows = None if is_own else self._own_rows()

    def __len__(self) -> int:
        return self._table.num_rows if self._rows is None else len(self._rows)

    def record(self, place: int) -> Record:
        row = place if self._rows is None else int(self._rows[place])
        (found,) = self._table.slice(row, 1).to_pylist()
        return {"module": self._name, "name": "", **found, "split": self._split}

    def _own_rows(self) -> Any:
        return kept_array(self.folder / "rows", self._of_split)

    def _of_split(self) -> Any:
        names = self._table.column_names
        column = self._table.column("split" if "split" in names else names[0])
        said = (value for chunk in column.chunks for value in chunk.to_pylist())
        if "split" in names:
            splits = (SPLIT_NAMES.get(str(value), value) for value in said)
        else:
            splits = (split_at(text_hash(str(value)) / 2**64) for value in said)
        return np.fromiter((n for n, split in enumerate(splits) if split == self._split), np.int64)


@functools.lru_cache(maxsize=8)
def _mapped(place: Path, content: str) -> Any:
    """The rows of all files as one table, none of which is in memory."""
    import pyarrow as pa

    inside = [*place.glob("*.arrow"), *place.glob("*.parquet")] if place.is_dir() else [place]
    if not inside:
        raise UsageError(f"{place} holds no .arrow and no .parquet file")
    try:
        return pa.concat_tables([_table(file) for file in sorted(inside)])
    except (pa.ArrowInvalid, OSError) as error:
        raise UsageError(f"{place} cannot be read as a table: {error}".splitlines()[0]) from None


def _table(file: Path) -> Any:
    import pyarrow as pa

    if file.suffix == ".parquet":
        file = _unpacked(file)
    elif file.suffix != ".arrow":
        raise UsageError(f"{file}: the name of a table must end in .parquet or .arrow")
    mapped = pa.memory_map(str(file))
    try:
        return pa.ipc.open_stream(mapped).read_all()  # as `datasets` writes
    except pa.ArrowInvalid:
        mapped.seek(0)
        return pa.ipc.open_file(mapped).read_all()


def _unpacked(file: Path) -> Path:
    """The same table as an Arrow file, which can be mapped; a row group at a time is in memory."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    folder = cache_folder() / "indices" / fingerprint({"parquet": hash_of(file)})[:32]
    place = folder / "table.arrow"
    with building(folder):
        if not _is_whole(place):
            source = parquet.ParquetFile(file)
            with (
                whole_file(place) as staging,
                pa.ipc.new_file(str(staging), source.schema_arrow) as writer,
            ):
                for batch in source.iter_batches():
                    writer.write_batch(batch)
    return place


def _is_whole(place: Path) -> bool:
    """Whether an Arrow file ends as one does: a file that was cut short has no footer."""
    import pyarrow as pa

    try:
        pa.ipc.open_file(pa.memory_map(str(place)))
    except (pa.ArrowInvalid, OSError):
        return False
    return True
