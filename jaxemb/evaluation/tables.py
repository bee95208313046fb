"""Reading task data from tables: which rows, what stands in their columns, and what is wrong.

Tables are TSV, CSV or JSONL, gzipped or not, as `jaxemb.data.tables` reads them.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64, Int32

from jaxemb.config import UsageError
from jaxemb.data.tables import SPLIT_NAMES, Row, read_rows
from jaxemb.evaluation.problems import TaskData


class Table:
    """Rows of one file, read by column; whatever is wrong is said in a sentence that names the file."""

    def __init__(self, rows: Sequence[Row], path: str | Path):
        self.rows, self.path = list(rows), path

    def __len__(self) -> int:
        return len(self.rows)

    def __add__(self, other: "Table") -> "Table":
        return Table([*self.rows, *other.rows], self.path)

    # --- which rows

    def keep(self, wanted: Callable[[Row], bool]) -> "Table":
        """The rows that are wanted."""
        return Table([row for row in self.rows if wanted(row)], self.path)

    def where(self, conditions: Sequence[str]) -> "Table":
        """The rows that hold every `column=value`."""
        table = self
        for condition in conditions:
            name, equals, value = condition.partition("=")
            if not equals or name not in self.rows[0]:
                has = ", ".join(self.rows[0])
                raise UsageError(f"{self.path} has no column for {condition!r}; it has {has}")
            table = table.keep(lambda row, name=name, value=value: str(row.get(name)) == value)
        if not len(table):
            raise UsageError(f"{self.path} has no rows for {list(conditions)}")
        return table

    def of_split(self, split: str | None) -> "Table":
        """The rows of one split; None is test, else dev, else all. `validation` is another dev."""
        splits = {_split(row) for row in self.rows} - {None}
        if split is None:
            split = next((name for name in ("test", "dev") if name in splits), "")
        if not split:
            return self
        kept = self.keep(lambda row: _split(row) == SPLIT_NAMES.get(split, split))
        if not len(kept):
            known = ", ".join(sorted(splits)) or "none"
            raise UsageError(f"{self.path} has no rows for split {split!r}; splits: {known}")
        return kept

    def two_parts(
        self, split: str | None, *, text: str = "text", train: str = "train"
    ) -> tuple["Table", "Table"]:
        """The rows to fit on and those to judge, as `LabelFile` parts them."""
        judged, fitted = self.of_split(split), self.keep(lambda row: _split(row) == train)
        if len(fitted) and not any(_split(row) == train for row in judged.rows):
            return fitted, judged
        return judged.in_fifths(text)

    def in_fifths(self, text: str) -> tuple["Table", "Table"]:
        """Four fifths of the rows, and one fifth, chosen by a hash of a column."""
        fifth = self.keep(lambda row: _in_fifth(str(row.get(text, ""))))
        rest = self.keep(lambda row: not _in_fifth(str(row.get(text, ""))))
        if not len(fifth) or not len(rest):
            raise UsageError(
                f"{self.path} has too few rows ({len(self)}) to part into training and test"
            )
        return rest, fifth

    # --- what stands in a column

    def values(self, *names: str) -> list[Any]:
        """The first of the named columns that the rows have."""
        name = next((name for name in names if name in self.rows[0]), None)
        if name is None:
            has = ", ".join(self.rows[0])
            raise UsageError(
                f"{self.path} has no column {' or '.join(names)}; its columns are {has}"
            )
        if any(row.get(name) is None for row in self.rows):
            raise UsageError(f"{self.path}: a row lacks the column {name}, which the first row has")
        return [row[name] for row in self.rows]

    def texts(self, *names: str) -> list[str]:
        """A column as strings."""
        return [str(value) for value in self.values(*names)]

    def lists(self, name: str) -> list[list[Any]]:
        """A column of JSON lists, none of them empty."""
        values = self.values(name)
        if any(not isinstance(value, list) or not value for value in values):
            raise UsageError(f"{self.path}: {name} must be a list, not an empty one, in every row")
        return values

    def words(self, name: str) -> list[list[str]]:
        """A column of lists of texts."""
        lists = self.lists(name)
        if any(not isinstance(word, str) for row in lists for word in row):
            raise UsageError(f"{self.path}: {name} must be a list of texts in every row")
        return lists

    def numbers(self, *names: str) -> Float64[np.ndarray, " rows"]:
        """A column as finite float64; true is 1 and false 0."""
        return self.as_numbers(self.values(*names))

    def as_numbers(self, values: Sequence[Any]) -> Float64[np.ndarray, " values"]:
        """Gold values of this file as finite float64, not all of them hidden."""
        try:
            numbers = np.array([float(value) for value in values], np.float64)
        except (TypeError, ValueError) as error:
            raise UsageError(f"{self.path}: {error}; gold values must be numbers") from None
        wrong = np.flatnonzero(~np.isfinite(numbers))
        if len(wrong):
            raise UsageError(
                f"{self.path}: {values[wrong[0]]!r} is no gold value: it must be finite"
            )
        return numbers

    def gold(self, *names: str) -> Float64[np.ndarray, " rows"]:
        """A column of gold values.

        Raises:
            UsageError: they are hidden: GLUE and others publish their test texts with -1 for each.
        """
        gold = self.numbers(*names)
        self.check_shown(gold.tolist())
        return gold

    def check_shown(self, gold: Sequence[Any]) -> None:
        """Refuses gold values that are all -1."""
        if all(value in (-1, "-1") for value in gold):
            raise UsageError(f"{self.path}: the gold values are hidden (all -1)")

    def grades(self, *names: str) -> list[int]:
        """Grades of relevance, which trec_eval takes as whole numbers; below 0 counts as 0.

        Raises:
            UsageError: a grade is not whole. It would be cut to the whole number below it.
        """
        grades = self.numbers(*names)
        parts = np.flatnonzero(grades % 1)
        if len(parts):
            raise UsageError(
                f"{self.path}: the grade {grades[parts[0]]:g} is not whole; scale the grades up"
            )
        return np.maximum(grades, 0).astype(int).tolist()

    def labelled(self, text: str, label: str) -> Iterator[tuple[str, str]]:
        """Every text and its label."""
        return zip(self.texts(text), self.texts(label), strict=True)

    def count(self) -> Int32[np.ndarray, " rows"]:
        """The number of every row: each is a cluster."""
        return np.arange(len(self), dtype=np.int32)


def _split(row: Row) -> str | None:
    split = row.get("split")
    return None if split is None else SPLIT_NAMES.get(str(split), str(split))


def _in_fifth(text: str) -> bool:
    return zlib.crc32(text.encode("utf-8", "surrogatepass")) % 5 == 0


@dataclass(frozen=True, kw_only=True)
class TableFile(TaskData):
    """Base of data in one table. `where` keeps the rows that hold each `column=value`.

    Raises:
        UsageError: at `load`, if a file is missing, empty, binary, not UTF-8 or lacks a column.
    """

    files: ClassVar[tuple[str, ...]] = ("path",)
    path: str
    where: tuple[str, ...] = ()

    def table(self) -> Table:
        """The rows of the file that are meant."""
        return Table(read_rows(self.path), self.path).where(self.where)


@dataclass(frozen=True, kw_only=True)
class SplitFile(TableFile):
    """Base of data in one table with splits: `split=None` takes the test rows, else dev, else all."""

    split: str | None = None

    def table(self) -> Table:
        return super().table().of_split(self.split)
