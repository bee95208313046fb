"""The slots of data: sources of records, views that make examples of them, datasets that batch."""

import abc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from jaxemb.config import Part, UsageError
from jaxemb.data.orders import Order, Shuffled

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True, kw_only=True)
class Source(Part, abc.ABC):
    """Where records come from."""

    @abc.abstractmethod
    def records(self, split: str) -> Sequence[dict[str, Any]]:
        """The records of a split: dicts of fields."""

    @abc.abstractmethod
    def fingerprint(self) -> str:
        """Hex of a hash that changes when the records do."""


@dataclass(frozen=True, kw_only=True)
class View(Part, abc.ABC):
    """What an example is, read off records.

    `columns` says what an example has before any record is read: texts (`query`, `positive`,
    `negatives`, a tuple of strings) and numbers (`query_id`, `positive_id`, `negatives_id`,
    `label`, `score`). Examples also carry `group`, the module or the file they stand in.
    """

    @property
    @abc.abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The columns of a batch."""

    @abc.abstractmethod
    def __call__(self, records: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        """The examples that the records give, in their order.

        Mostly a list. A view that reads each record by itself asks records that stay on disk for
        `examples_of` it, and has its examples made when they are asked for.
        """


class Batches(abc.ABC):
    """An endless iterator of batches whose position can be saved.

    A batch is a dict of columns whose rows come first: inputs such as a `TextBatch`, and arrays.
    """

    def __iter__(self) -> "Batches":
        return self

    @abc.abstractmethod
    def __next__(self) -> dict[str, Any]:
        """The next batch."""

    @property
    def digest(self) -> str:
        """Hex of a hash chain of the examples that were handed out: `jaxemb.data.chain`.

        Equal runs have equal digests. Empty where nothing is chained.
        """
        return ""

    @abc.abstractmethod
    def get_state(self) -> dict[str, Any]:
        """Where the iterator stands, as JSON."""

    @abc.abstractmethod
    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a state: the batches that follow are those that followed then."""

    def share(self, part: int, parts: int) -> bool:
        """Asked before the first batch, where several processes make one batch together.

        True: from now on a batch holds the rows of part `part` alone, of `parts` equal parts in
        order, padded as far as these need. False, and nothing changes: batches stay whole, and rows
        are cut out of them.
        """
        return False

    def renew(self, step: int, model: Callable[[], Any]) -> None:
        """Called after each step with a way to the model at that step; usually does nothing.

        Data that ask the model under training, such as a miner's, change what follows. What they
        found then belongs to their state.
        """

    def close(self) -> None:
        """Stop preparing batches; the iterator cannot be used afterwards."""


@dataclass(frozen=True, kw_only=True)
class Dataset(Part, abc.ABC):
    """What a stage reads: texts to fit on, batches to train on."""

    @property
    @abc.abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The columns of a batch, known before any data is read."""

    @abc.abstractmethod
    def __len__(self) -> int:
        """The number of examples in an epoch."""

    @abc.abstractmethod
    def texts(self) -> Iterable[str]:
        """Every text of the examples, repeated ones too, in a fixed order."""

    @abc.abstractmethod
    def batches(self, model: Any, *, seed: int) -> Batches:
        """An endless, shuffled iterator of batches of static shapes.

        `model` says how texts become ids, by `tokenizer_of(column)`; teachers and miners ask it for
        more. A `Tokenizer` will do where nothing else is asked.
        """

    @abc.abstractmethod
    def fingerprint(self) -> str:
        """Hex of a hash that changes when the batches do."""

    def check_fields(self) -> None:
        """Reads the first record of what is on this machine, before anything is trained or scored.

        Raises:
            MissingField: the view reads a field that the record does not have.
        """
        for field in fields(self):
            inner = getattr(self, field.name)
            if isinstance(inner, Dataset):
                inner.check_fields()


class MissingField(UsageError):
    """A record lacks a field that a view reads."""

    def __init__(
        self, record: Mapping[str, Any], wanted: str, position: int, hint: str = ""
    ) -> None:
        has = ", ".join(map(str, record))
        super().__init__(f"record {position + 1} has no field {wanted}; it has {has}{hint}")


@dataclass(frozen=True, kw_only=True)
class ExampleData(Dataset, abc.ABC):
    """Base of datasets whose examples are a sequence, which others filter and add columns to.

    `batch_size` is how many examples a batch has.
    """

    @property
    def batch_order(self) -> Order:
        """The order of the batches that `batches_of` makes."""
        return Shuffled()

    @abc.abstractmethod
    def examples_for(self, model: Any) -> Sequence[dict[str, Any]]:
        """The examples in a fixed order; `model` is that of the stage, for data that ask it."""

    @abc.abstractmethod
    def batches_of(
        self, examples: Sequence[dict[str, Any]], columns: tuple[str, ...], model: Any, *, seed: int
    ) -> Batches:
        """Batches of these examples, which may be fewer and have more columns, in the data's order."""

    def batches(self, model: Any, *, seed: int) -> Batches:
        return self.batches_of(self.examples_for(model), self.columns, model, seed=seed)


class Extending(ExampleData, abc.ABC):
    """Base of data that filter the examples of others, in their slot `inner`, or add columns to them."""

    inner: ExampleData

    @property
    def batch_size(self) -> int:
        """The inner data's."""
        return self.inner.batch_size

    @property
    def batch_order(self) -> Order:
        return self.inner.batch_order

    def __len__(self) -> int:
        return len(self.inner)

    def texts(self) -> Iterator[str]:
        return iter(self.inner.texts())

    def batches_of(
        self, examples: Sequence[dict[str, Any]], columns: tuple[str, ...], model: Any, *, seed: int
    ) -> Batches:
        return self.inner.batches_of(examples, columns, model, seed=seed)
