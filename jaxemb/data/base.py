"""The slots of data: sources of records, views that make examples of them, datasets that batch."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jaxemb.config import Part

if TYPE_CHECKING:
    from jaxemb.data.pipeline import BatchIterator
    from jaxemb.text import Tokenizer

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True, kw_only=True)
class Source(Part, ABC):
    """Where records come from."""

    @abstractmethod
    def records(self, split: str) -> Sequence[dict[str, Any]]:
        """The records of a split: dicts of fields."""

    @abstractmethod
    def fingerprint(self) -> str:
        """Hex of a hash that changes when the records do."""


@dataclass(frozen=True, kw_only=True)
class View(Part, ABC):
    """What an example is, read off records.

    `columns` says what an example has before any record is read: texts (`query`, `positive`,
    `negatives`, a tuple of strings) and numbers (`query_id`, `positive_id`, `negatives_id`,
    `label`, `score`). Examples also carry `group`, the module or the file they stand in.
    """

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The columns of a batch."""

    @abstractmethod
    def __call__(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The examples that the records give, in their order."""


@dataclass(frozen=True, kw_only=True)
class Dataset(Part, ABC):
    """What a stage reads: texts to fit on, batches to train on."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The columns of a batch, known before any data is read."""

    @abstractmethod
    def __len__(self) -> int:
        """The number of examples in an epoch."""

    @abstractmethod
    def texts(self) -> Iterable[str]:
        """Every text of the examples, repeated ones too, in a fixed order."""

    @abstractmethod
    def batches(self, tokenizer: "Tokenizer", *, seed: int) -> "BatchIterator":
        """An endless, shuffled iterator of batches of static shapes."""

    @abstractmethod
    def fingerprint(self) -> str:
        """Hex of a hash that changes when the batches do."""
