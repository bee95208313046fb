"""TensorFlow Datasets by name, as they were prepared on this machine. Nothing is downloaded."""

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxemb.config import UsageError, fingerprint
from jaxemb.config.files import given_path
from jaxemb.data import lines
from jaxemb.data.base import SPLITS, Source
from jaxemb.data.stored import StoredRecords

_TFDS_SPLITS = {"dev": ("validation", "dev", "valid")}


@dataclass(frozen=True, kw_only=True)
class TFDS(Source):
    """A data set that TensorFlow Datasets has prepared: `glue/stsb`, `ag_news_subset:1.0.0`.

    `data_dir` is where prepared data sets are, by default `$TFDS_DATA_DIR` or
    `~/tensorflow_datasets`. Records are the features as they stand, text as strings and class labels
    as numbers; `dev` is the split that TFDS calls `validation`. Of several versions the newest is
    read, unless one is named. TensorFlow is not needed where the set was prepared with
    `file_format="array_record"`. Of a split of 64 MB or more nothing is kept in memory: a record is
    read when it is asked for.

    Raises:
        UsageError: the set is not there, has no such split, or its files need TensorFlow.

    Example:
        >>> records = TFDS(name="glue/stsb").records("dev")  # doctest: +SKIP
    """

    unfingerprinted = ("data_dir",)

    name: str
    data_dir: str = ""

    def records(self, split: str) -> Sequence[Any]:
        if split not in SPLITS:
            raise UsageError(f"{self.name} has no split {split!r}; splits: {', '.join(SPLITS)}")
        return _records(self, split)

    def splits(self) -> tuple[str, ...]:
        """Those of train, dev and test that it has."""
        there = self._builder().info.splits
        return tuple(s for s in SPLITS if any(n in there for n in _TFDS_SPLITS.get(s, (s,))))

    def features(self) -> dict[str, Any]:
        """Its features by name, as TFDS describes them."""
        return dict(self._builder().info.features)

    def content(self) -> str:
        """The version and the sizes of the splits: what TFDS has prepared is not changed by hand."""
        info = self._builder().info
        sizes = {name: [s.num_examples, s.num_bytes] for name, s in sorted(info.splits.items())}
        return repr((str(info.version), sizes))

    def fingerprint(self) -> str:
        return fingerprint(self)

    def _folder(self) -> Path:
        """The newest prepared version, or the one that is named."""
        name, _, version = self.name.partition(":")
        given = self.data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
        root = given_path(given)
        found = (root / name).glob(f"{version or '*'}/dataset_info.json")
        folders = sorted((path.parent for path in found), key=_version)
        if not folders:
            raise UsageError(
                f"{self.name} is not prepared in {root}, and nothing is downloaded here: prepare it "
                f"with tfds.builder('{name}', data_dir='{root}', file_format='array_record')"
                ".download_and_prepare() where there is a network, or name the folder it is in"
            )
        return folders[-1]

    def _builder(self) -> Any:
        return _opened(self._folder())


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else -1 for part in folder.name.split("."))


@functools.lru_cache(maxsize=8)
def _opened(folder: Path) -> Any:
    import tensorflow_datasets as tfds

    return tfds.builder_from_directory(str(folder))


@functools.lru_cache(maxsize=8)
def _records(source: TFDS, split: str) -> Sequence[Any]:
    builder = source._builder()
    names = _TFDS_SPLITS.get(split, (split,))
    name = next((name for name in names if name in builder.info.splits), None)
    if name is None:
        raise UsageError(f"{source.name} has no split {split}; it has {', '.join(source.splits())}")
    try:
        read = builder.as_data_source(split=name)
        if builder.info.splits[name].num_bytes >= lines.LARGE:
            return PreparedRecords(read, fingerprint(source, split))
        return tuple(map(_record, read))
    except (ImportError, NotImplementedError) as error:
        raise UsageError(
            f"the files of {source.name} cannot be read without TensorFlow ({error}): prepare it "
            "with file_format='array_record'"
        ) from error


class PreparedRecords(StoredRecords):
    """Records of a large set, each of which is read from its ArrayRecord file when it is asked for."""

    def __init__(self, read: Any, address: str):
        self._read, self.address = read, address

    def __len__(self) -> int:
        return len(self._read)

    def record(self, place: int) -> dict[str, Any]:
        return _record(self._read[place])


def _record(row: dict[str, Any]) -> dict[str, Any]:
    return {key: _plain(value) for key, value in row.items()}


def _plain(value: Any) -> Any:
    """Text as a string, one number as a number; arrays as they are."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.item() if getattr(value, "shape", None) == () else value
