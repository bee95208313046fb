"""Orders of several orders: batches of one stratum each, and batches made of parts."""

import abc
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np

from jaxemb.config import AtLeast, Part, UsageError, check_ranges
from jaxemb.data.orders import (
    Around,
    Choice,
    Examples,
    Order,
    Places,
    Put,
    Sequel,
    Shuffled,
    WithoutDuplicates,
    by_value,
    check_fills,
)


@dataclass(frozen=True, kw_only=True)
class Turns(Part, abc.ABC):
    """Slot: how often each stratum has its turn, from their sizes."""

    @abc.abstractmethod
    def weights(self, sizes: list[int]) -> list[float]:
        """The share of batches of each stratum, up to a factor."""


@dataclass(frozen=True, kw_only=True)
class PowerLaw(Turns):
    r"""A stratum of $n$ examples has a share of the batches in proportion to $n^\alpha$.

    With `exponent=1/T` it is what the field calls temperature-weighted sampling at a temperature $T$.

    Args:
        exponent: $\alpha$; 1 reads every example equally often, 0 gives strata equally many batches.

    Example:
        >>> PowerLaw(exponent=0.5).weights([100, 25])
        [10.0, 5.0]

    Reference: Li et al., Towards General Text Embeddings with Multi-stage Contrastive Learning,
    arXiv:2308.03281.
    """

    exponent: Annotated[float, AtLeast(0)] = 1.0

    __post_init__ = check_ranges

    def weights(self, sizes: list[int]) -> list[float]:
        return [size**self.exponent for size in sizes]


@dataclass(frozen=True, kw_only=True)
class Alternating(Turns):
    """One batch of each stratum after the other: strata alternate.

    Example:
        >>> Alternating().weights([100, 25])
        [1.0, 1.0]
    """

    def weights(self, sizes: list[int]) -> list[float]:
        return [1.0] * len(sizes)


@dataclass(frozen=True, kw_only=True)
class Stratified(Around):
    """Batches that are each of one stratum, the examples with one value of a field.

    Texts of another source are told apart by their looks; rows of one source are fit to tell apart.
    A stratum that does not fill a batch is left out.

    Args:
        by: the field of an example that says its stratum: `family`, `label`, `group`.
        turns: how often each has its turn.
        inner: the order inside a stratum.

    Raises:
        UsageError: an order inside chooses by the same field; when called, if no stratum fills a
            batch or an example lacks the field.

    Example:
        >>> Stratified(turns=Alternating(), inner=WithoutDuplicates())

    Reference: Merrick et al., Arctic-Embed: Scalable, Efficient, and Accurate Text Embedding Models,
    arXiv:2405.05374.
    """

    by: str = "family"
    turns: Turns = PowerLaw()
    inner: Order = Shuffled()

    def __post_init__(self) -> None:
        for choice in _choices(self.inner):
            if choice[0] == self.by:
                raise UsageError(
                    f"Stratified has a turn for each value of {self.by!r}, and an order inside it "
                    "chooses by the same field."
                )

    @property
    def chooses(self) -> Choice:
        return self.by, None

    def capacity(self, examples: Examples, places: Places) -> int:
        own = by_value(examples, places, self.by).values()
        return max((self.inner.capacity(examples, one) for one in own), default=0)

    def alike(self, examples: Examples, batch: Places) -> list[Hashable]:
        inner = self.inner.alike(examples, batch)
        values = [examples[place][self.by] for place in batch.tolist()]
        return list(zip(values, inner, strict=True))

    def distinct(self, examples: Examples, places: Places, batch_size: int, seed: int) -> Sequel:
        inside = replace(self, inner=WithoutDuplicates(inner=self.inner))
        return inside(examples, places, batch_size, seed)

    def __call__(self, examples: Examples, places: Places, batch_size: int, seed: int) -> Sequel:
        import grain

        groups = list(by_value(examples, places, self.by).values())
        sizes = [self.inner.capacity(examples, own) for own in groups]
        strata = [own for own, size in zip(groups, sizes, strict=True) if size >= batch_size]
        if not strata:
            check_fills(max(sizes), batch_size, f"the largest {self.by}")
        # Two strata of one size must not be read in one order.
        seeds = np.random.SeedSequence(seed).generate_state(len(strata)).tolist()
        orders = [
            self.inner(examples, own, batch_size, one)
            for own, one in zip(strata, seeds, strict=True)
        ]
        return grain.MapDataset.mix(orders, self.turns.weights([len(own) for own in strata]))


@dataclass(frozen=True, kw_only=True)
class SideBySide(Order):
    """A batch is made of parts, one of each order: the first rows of the first, and so on.

    `SideBySide(orders=(Stratified(), Shuffled()), shares=(3, 1))` has three quarters of a batch of
    one family and the rest of any; with `Where` a batch has so many rows of each of several tasks.
    An example that two parts draw stands in the batch twice, but not in
    `WithoutDuplicates(inner=SideBySide(...))`.

    Args:
        orders: of the parts.
        shares: of the batch, in whole numbers; a batch is divided by their sum.

    Raises:
        UsageError: there are not as many shares as orders, a share is below 1, or, when called, a
            batch is no multiple of the sum of shares.

    Example:
        >>> SideBySide(orders=(Stratified(), Shuffled()), shares=(1, 1)).parts(8)
        [4, 4]

    Reference: for semi-homogeneous batches, KaLM-Embedding-V2, arXiv:2506.20923; for a share of each
    task in every batch, Li et al., Conan-embedding, arXiv:2408.15710.
    """

    orders: tuple[Order, ...]
    shares: Annotated[tuple[int, ...], AtLeast(1)]

    def __post_init__(self) -> None:
        if len(self.orders) != len(self.shares) or not self.orders or min(self.shares) < 1:
            raise UsageError("SideBySide needs a share of at least 1 for each of its orders.")

    def within(self) -> Iterator[Order]:
        yield self
        for order in self.orders:
            yield from order.within()

    def with_inside(self, put: Put) -> Order:
        return replace(self, orders=tuple(order.with_inside(put) for order in self.orders))

    def groups(self, batch_size: int) -> list[int]:
        parts = zip(self.orders, self.parts(batch_size), strict=True)
        return [size for order, rows in parts for size in order.groups(rows)]

    def alike(self, examples: Examples, batch: Places) -> list[Hashable]:
        parts = np.split(batch, np.cumsum(self.parts(len(batch)))[:-1])
        found = [order.alike(examples, own) for order, own in zip(self.orders, parts, strict=True)]
        return [one for own in found for one in own]

    def distinct(self, examples: Examples, places: Places, batch_size: int, seed: int) -> Sequel:
        apart = tuple(WithoutDuplicates(inner=order) for order in self.orders)
        inside = replace(self, orders=apart)
        return super(SideBySide, inside).distinct(examples, places, batch_size, seed)

    def parts(self, batch_size: int) -> list[int]:
        """How many rows each part has."""
        whole = sum(self.shares)
        if batch_size % whole:
            raise UsageError(
                f"batch_size={batch_size} is no multiple of {whole}, the sum of shares."
            )
        return [batch_size // whole * share for share in self.shares]

    def __call__(self, examples: Examples, places: Places, batch_size: int, seed: int) -> Sequel:
        import grain

        seeds = np.random.SeedSequence(seed).generate_state(len(self.orders)).tolist()
        made = [
            order(examples, places, rows, own)
            for order, rows, own in zip(self.orders, self.parts(batch_size), seeds, strict=True)
        ]

        def batch(number: int) -> Any:
            return np.concatenate([sequel[int(number)] for sequel in made])

        return grain.MapDataset.range(min(map(len, made))).map(batch)


@dataclass(frozen=True, kw_only=True)
class Where(Around):
    """The inner order over the examples whose field has one value, for a part of `SideBySide`.

    Raises:
        UsageError: an order inside chooses another value of the field; when called, if the examples
            with the value fill no batch or lack the field.

    Example:
        >>> SideBySide(orders=(Where(equals=0), Where(equals=1)), shares=(1, 1))
    """

    by: str = "family"
    equals: int | str
    inner: Order = Shuffled()

    def __post_init__(self) -> None:
        for by, value in _choices(self.inner):
            if by == self.by and value not in (None, self.equals):
                raise UsageError(
                    f"Where chooses {by}={self.equals!r}, and an order inside it {by}={value!r}: "
                    "no example is both."
                )

    @property
    def chooses(self) -> Choice:
        return self.by, self.equals

    def capacity(self, examples: Examples, places: Places) -> int:
        return self.inner.capacity(examples, self._chosen(examples, places))

    def __call__(self, examples: Examples, places: Places, batch_size: int, seed: int) -> Sequel:
        chosen = self._chosen(examples, places)
        check_fills(len(chosen), batch_size, f"{self.by}={self.equals!r}")
        return self.inner(examples, chosen, batch_size, seed)

    def distinct(self, examples: Examples, places: Places, batch_size: int, seed: int) -> Sequel:
        inside = replace(self, inner=WithoutDuplicates(inner=self.inner))
        return inside(examples, places, batch_size, seed)

    def _chosen(self, examples: Examples, places: Places) -> Places:
        return by_value(examples, places, self.by).get(self.equals, places[:0])


def _choices(order: Order) -> list[Choice]:
    """How it and all inside it choose."""
    return [one.chooses for one in order.within() if one.chooses is not None]
