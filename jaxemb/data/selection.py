"""A part of another source's records."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from jaxemb.config import Between, UsageError, check_ranges, fingerprint
from jaxemb.data.base import SPLITS, Source
from jaxemb.data.duplicates import normalise, share_of, split_of
from jaxemb.data.pydocs import PyDocs


@dataclass(frozen=True, kw_only=True)
class Within(Source):
    """The records of some modules, whose own parts take the place of packages.

    A module is meant by its name or by that of a package it stands in: `numpy.linalg` means
    `numpy.linalg` and `numpy.linalg.linalg`. A record's `package` becomes one name longer than the
    name that meant it, so that what tells packages apart in the whole tells its parts apart here.
    Without `modules`, all of them; `package` keeps those of one package, which is the way to name
    what is no module, such as the standard library (`python`).

    Raises:
        UsageError: there is no such record.

    Example:
        >>> Within(modules=("numpy",), without=("numpy.linalg",)).covers("numpy.linalg.linalg")
        False
    """

    inner: Source = PyDocs()
    modules: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    package: str = ""

    def covers(self, module: str) -> bool:
        """Whether a module is meant."""
        chosen = not self.modules or _meant(module, self.modules) is not None
        return chosen and _meant(module, self.without) is None

    def records(self, split: str) -> list[dict[str, Any]]:
        found = [
            {**record, "package": self._part(record["module"])}
            for record in _all(self.inner, split)
            if self.covers(record["module"]) and self.package in ("", record.get("package"))
        ]
        if not found:
            raise UsageError(f"there is no record of split {split!r} in {self._name()}")
        return found

    def fingerprint(self) -> str:
        return fingerprint(self, self.inner.fingerprint())

    def _part(self, module: str) -> str:
        by = _meant(module, self.modules)
        depth = 0 if by is None else by.count(".") + 1
        return ".".join(module.split(".")[: depth + 1])

    def _name(self) -> str:
        return ", ".join(self.modules) or self.package or type(self.inner).__name__


@dataclass(frozen=True, kw_only=True)
class Resplit(Source):
    """The records of some splits of a source, put together and split anew by a hash of a field.

    For sets that come without a part to train on, or with one that is not the one wanted. Records
    with an equal `field` (case and spaces aside) stay in one split: 80 / 10 / 10 %.

    Raises:
        UsageError: a split has another name; a record lacks the field; the split is empty.

    Example:
        >>> Resplit(field="summary").records("dev")[0]["name"]  # doctest: +SKIP
        'abc'
    """

    inner: Source = PyDocs()
    of: tuple[str, ...] = SPLITS
    field: str = "name"

    def records(self, split: str) -> list[dict[str, Any]]:
        if split not in SPLITS:
            raise UsageError(f"there is no split {split!r}; splits: {', '.join(SPLITS)}")
        found = [record for record in self._records() if self._split(record) == split]
        if not found:
            raise UsageError(f"no record falls into split {split!r} by its field {self.field!r}")
        return [{**record, "split": split} for record in found]

    def fingerprint(self) -> str:
        return fingerprint(self, self.inner.fingerprint())

    def _records(self) -> list[dict[str, Any]]:
        return [record for split in self.of for record in _all(self.inner, split)]

    def _split(self, record: dict[str, Any]) -> str:
        if self.field not in record:
            raise UsageError(f"a record has no field {self.field!r}; it has {', '.join(record)}")
        return split_of(normalise(str(record[self.field])))


@dataclass(frozen=True, kw_only=True)
class Share(Source):
    """A share of a source's training records, by a hash of a field; the other splits are whole.

    For studies of how many labels are needed. Records with an equal `field` are in or out together,
    and a smaller share lies inside a larger one.

    Raises:
        UsageError: `share` is not from 0 to 1, a record lacks the field, or nothing is left.

    Example:
        >>> Share(share=0.01).records("train")  # doctest: +SKIP
    """

    inner: Source = PyDocs()
    share: Annotated[float, Between(0, 1)] = 0.1
    field: str = "name"

    __post_init__ = check_ranges

    def records(self, split: str) -> list[dict[str, Any]]:
        found = list(_all(self.inner, split))
        if split != "train":
            return found
        lacking = next((record for record in found if self.field not in record), None)
        if lacking is not None:
            raise UsageError(f"a record has no field {self.field!r}; it has {', '.join(lacking)}")
        # The start of the name keeps this apart from hashes that made the split.
        few = [r for r in found if share_of(f"share {r[self.field]}") < self.share]
        if not few:
            raise UsageError(f"share={self.share} of {len(found)} records leaves none")
        return few

    def fingerprint(self) -> str:
        return fingerprint(self, self.inner.fingerprint())

    def small(self) -> "Share":
        return replace(self, inner=self.inner.small(), share=max(self.share, 0.5))


@functools.lru_cache(maxsize=4)
def _all(source: Source, split: str) -> Sequence[dict[str, Any]]:
    return tuple(source.records(split))


def _meant(module: str, names: Sequence[str]) -> str | None:
    """The first of the names that a module has or stands under."""
    return next((n for n in names if module == n or module.startswith(f"{n}.")), None)
