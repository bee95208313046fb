"""Datasets: a source seen through a view and cut into batches."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from jaxemb.config import AtLeast, UsageError, fingerprint, smaller
from jaxemb.data.base import Dataset, ExampleData, MissingField, Source, View
from jaxemb.data.duplicates import normalise
from jaxemb.data.examples import DOCUMENT, DocumentRows, document
from jaxemb.data.mixtures import Several
from jaxemb.data.orders import Order, Shuffled
from jaxemb.data.pipeline import BatchIterator, batches
from jaxemb.data.pydocs import PyDocs
from jaxemb.data.strata import PowerLaw, Stratified
from jaxemb.data.views import Neighbour, SummaryToBody

_TEXTS = ("query", "positive", "negatives")
_HINT = "; view=Columns(query=..., positive=...) says which fields are read"


@dataclass(frozen=True, kw_only=True)
class Pairs(ExampleData):
    """Examples of a view over a source, `batch_size` at a time, in an order.

    Raises:
        UsageError: what the source and the view raise; fewer examples than a batch holds.

    Example:
        >>> Pairs().columns
        ('query', 'positive', 'query_id', 'positive_id')
    """

    source: Source = PyDocs()
    view: View = SummaryToBody()
    split: str = "train"
    batch_size: Annotated[int, AtLeast(1)] = 128
    order: Order = Shuffled()

    def __post_init__(self):
        if self.batch_size < 1:
            raise UsageError(f"batch_size={self.batch_size} must be at least 1")

    @property
    def columns(self) -> tuple[str, ...]:
        return self.view.columns

    @property
    def batch_order(self) -> Order:
        return self.order

    def examples(self) -> Sequence[dict[str, Any]]:
        """The examples in the order of the source."""
        return self._viewed(self.source.records(self.split))

    def check_fields(self) -> None:
        records = self.source.records(self.split)
        try:
            self._viewed([records[0]])
        except MissingField:
            raise
        except (UsageError, IndexError):  # one record by itself need not make an example
            return

    def _viewed(self, records: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        try:
            return self.view(records)
        except KeyError as error:
            (field,) = error.args
            if not len(records) or not isinstance(field, str) or field in records[0]:
                raise
            raise MissingField(
                records[0], f"{field!r}, which {type(self.view).__name__} reads", 0, _HINT
            ) from None

    def examples_for(self, model: Any) -> Sequence[dict[str, Any]]:
        return self.examples()

    def __len__(self) -> int:
        return len(self.examples())

    def texts(self) -> Iterable[str]:
        examples = self.examples()
        stored = getattr(examples, "texts", None)
        return _texts_of(examples) if stored is None else stored(_TEXTS[:2])

    def batches_of(
        self, examples: Sequence[dict[str, Any]], columns: tuple[str, ...], model: Any, *, seed: int
    ) -> BatchIterator:
        """Batches of these examples, which may have more columns than the view gives."""
        return batches(
            examples, columns, model, batch_size=self.batch_size, seed=seed, order=self.batch_order
        )

    def fingerprint(self) -> str:
        return fingerprint(self, [self.source.fingerprint()])

    def small(self) -> "Pairs":
        return smaller(self, batch_size=8)


@dataclass(frozen=True, kw_only=True)
class StratifiedPairs(Pairs):
    """`Pairs` of which each batch is of one family, so that its rows are fit to tell apart.

    The view gives the column `family`, as `Several` does. A family of `n` examples has a share of
    the batches in proportion to `n**exponent`: 1 reads every example equally often, 0 gives all
    families equally many batches. A family that does not fill a batch is left out. `order` is that
    inside a family; `Pairs(order=Stratified(...))` says the rest by parts.

    Raises:
        UsageError: the view gives no families; no family fills a batch; what `Pairs` raises.

    Example:
        >>> StratifiedPairs().view
        Several(views=(SummaryToBody(), Neighbour()))
        >>> StratifiedPairs().columns
        ('query', 'positive', 'query_id', 'positive_id', 'family')

    Reference: Merrick et al., "Arctic-Embed: Scalable, Efficient, and Accurate Text Embedding
    Models", arXiv:2405.05374.
    """

    view: View = Several(views=(SummaryToBody(), Neighbour()))
    exponent: Annotated[float, AtLeast(0)] = 1.0

    def __post_init__(self):
        super().__post_init__()
        if "family" not in self.view.columns:
            raise UsageError(
                f"StratifiedPairs needs a view with families, such as Several; "
                f"{type(self.view).__name__} has {', '.join(self.view.columns)}"
            )
        _ = self.batch_order  # an order that contradicts it is refused here

    @property
    def batch_order(self) -> Stratified:
        return Stratified(turns=PowerLaw(exponent=self.exponent), inner=self.order)


@dataclass(frozen=True, kw_only=True)
class Texts(Dataset):
    """Texts by themselves, for what is fitted or trained without pairs.

    A text is the named fields of a record that are not empty, joined by line breaks.

    Raises:
        UsageError: a record has none of the fields.
    """

    source: Source = PyDocs()
    fields: tuple[str, ...] = DOCUMENT
    split: str = "train"
    batch_size: Annotated[int, AtLeast(1)] = 128

    @property
    def columns(self) -> tuple[str, ...]:
        return ("query", "query_id")

    def examples(self) -> Sequence[dict[str, Any]]:
        """The texts with their numbers, in the order of the source."""
        stored = getattr(self.source.records(self.split), "examples_of", None)
        if stored is not None:
            return stored(DocumentRows(self.fields))
        seen: dict[str, int] = {}
        return [
            {"query": text, "query_id": seen.setdefault(normalise(text), len(seen))}
            for text in self.texts()
        ]

    def __len__(self) -> int:
        return len(self.source.records(self.split))

    def texts(self) -> Iterable[str]:
        records = self.source.records(self.split)
        stored = getattr(records, "texts_of", None)
        if stored is not None:
            return stored(DocumentRows(self.fields))
        return (document(record, self.fields, i) for i, record in enumerate(records))

    def batches(self, model: Any, *, seed: int) -> BatchIterator:
        return batches(self.examples(), self.columns, model, batch_size=self.batch_size, seed=seed)

    def fingerprint(self) -> str:
        return fingerprint(self, [self.source.fingerprint()])

    def small(self) -> "Texts":
        return smaller(self, batch_size=8)


def _texts_of(examples: Iterable[dict[str, Any]]) -> Iterator[str]:
    for example in examples:
        for text in (example[role] for role in _TEXTS[:2] if role in example):
            yield from text if type(text) is tuple else (text,)
