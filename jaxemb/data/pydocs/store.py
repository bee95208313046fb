"""The corpus on disk: one file of columns a split, built once by one process at a time."""

import contextlib
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from jaxemb.config import UsageError
from jaxemb.config.files import given_path, leftovers, whole_folder, write_whole

VERSION = "1.1.0"  # raise it with every change of what the records hold

FIELDS = (
    "name", "package", "module", "kind", "summary", "body", "code", "links", "neighbours",
    "cluster", "split",
)  # fmt: skip
_LISTS = frozenset({"links", "neighbours"})
_SEPARATOR = "\n"  # no qualified name has a line break


def cache_folder() -> Path:
    """Where built data is kept: `$JAXEMB_CACHE`, or `~/.cache/jaxemb`."""
    return given_path(os.environ.get("JAXEMB_CACHE") or "~/.cache/jaxemb")


class Records(Sequence):
    """Records as a sequence of dicts, read from columns: a field is loaded when it is first used.

    `column(field)` gives one field of all records and reads no other.
    """

    def __init__(self, file: Path):
        self._file = file
        self._columns: dict[str, list] = {}
        with open(file, "rb") as stream, np.load(stream) as arrays:
            self._length = len(arrays["name.ends"])

    def __len__(self) -> int:
        return self._length

    def column(self, field: str) -> list:
        """One field of every record: strings, or tuples of names for links and neighbours."""
        if field not in self._columns:
            try:
                with open(self._file, "rb") as stream, np.load(stream) as arrays:
                    data, ends = arrays[f"{field}.text"].tobytes(), arrays[f"{field}.ends"].tolist()
            except (OSError, ValueError, KeyError, BadZipFile) as error:
                raise UsageError(
                    f"{self._file} is damaged ({error}); delete the folder {self._file.parent}, and it "
                    "is built again."
                ) from error
            texts = [data[a:b].decode() for a, b in zip([0, *ends], ends, strict=False)]
            if field in _LISTS:
                texts = [tuple(text.split(_SEPARATOR)) if text else () for text in texts]
            elif len(set(texts)) * 4 < len(texts):
                texts = [sys.intern(text) for text in texts]  # a module's name once, not a thousand
            self._columns[field] = texts
        return self._columns[field]

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return {field: self.column(field)[index] for field in FIELDS}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for values in zip(*(self.column(field) for field in FIELDS), strict=True):
            yield dict(zip(FIELDS, values, strict=True))


def write_columns(file: Path, records: Sequence[dict[str, Any]]) -> None:
    """Write records as UTF-8 text and end positions, two arrays a field."""
    arrays = {}
    for field in FIELDS:
        joined = _SEPARATOR.join if field in _LISTS else str
        texts = [joined(record[field]).encode() for record in records]
        arrays[f"{field}.text"] = np.frombuffer(b"".join(texts), np.uint8)
        arrays[f"{field}.ends"] = np.cumsum([len(text) for text in texts], dtype=np.int64)
    with open(file, "wb") as stream:
        np.savez(stream, **arrays)


def built(folder: Path, build: Callable[[Path], None]) -> Path:
    """The folder, built if it is not there: at once or not at all, by one process.

    `build` fills an empty folder beside it, which is renamed when complete; what a killed build
    left is removed by the next. A second process waits for the first.

    Raises:
        UsageError: the cache cannot be written (no permission, no space).
    """
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_name(folder.name + ".lock")):
            if not folder.is_dir():
                for leftover in leftovers(folder):
                    shutil.rmtree(leftover)
                with whole_folder(folder) as staging:
                    build(staging)
    except OSError as error:
        raise UsageError(
            f"cannot write the data cache {folder.parent}: {error.strerror or error} "
            "(the environment variable JAXEMB_CACHE names another place)"
        ) from error
    return folder


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes; the kernel frees it when its holder dies, however it dies."""
    with open(path, "a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another process to build {path.stem}", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_about(folder: Path, about: dict[str, Any]) -> None:
    """Write what the corpus is, beside it."""
    write_whole(folder / "about.json", json.dumps(about, indent=2, sort_keys=True) + "\n")
