"""Claims about how two columns of records relate: agreement of two arms, two tasks of one arm."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from jaxemb.statistics import Comparison, compare, joined, level, over_seeds
from jaxemb.statistics.result import Result
from jaxemb.study.claims.base import Claim, Table, name_of


@dataclasses.dataclass(frozen=True)
class Agrees(Claim):
    """Two arms order the examples alike: the rank correlation of their records is above a number.

    The metric names records with one entry per example, such as the series of `AdjacentSimilarity`.

    Example:
        >>> Agrees("series/similarity", "small", "large", above=0.5).text
        'small and large agree in series/similarity by more than 0.5'
    """

    arm: str
    other: str
    above: float = 0.0

    arm_fields: ClassVar[tuple[str, ...]] = ("arm", "other")
    says: ClassVar[str] = (
        "{self.arm} and {self.other} agree in {self.metric} by more than {self.above:g}"
    )

    def estimate(self, table: Table) -> Comparison:
        pair = _agreement(table, self.metric, "rank_agreement", self.arm, self.other)
        return level(pair, "rank_agreement", trained=table.trained).shifted(-self.above)


@dataclasses.dataclass(frozen=True)
class AgreesMore(Claim):
    """An arm agrees with one arm more than with another; the effect is the difference of the two
    rank correlations of their records."""

    arm: str
    other: str
    than: str

    arm_fields: ClassVar[tuple[str, ...]] = ("arm", "other", "than")
    says: ClassVar[str] = (
        "{self.arm} agrees with {self.other} more than with {self.than} in {self.metric}"
    )

    def estimate(self, table: Table) -> Comparison:
        pairs = (
            _agreement(table, self.metric, "rank_agreement", self.arm, one)
            for one in (self.other, self.than)
        )
        return compare(*pairs, "rank_agreement", trained=table.trained)


@dataclasses.dataclass(frozen=True)
class AgreesInStructure(Claim):
    """Two arms see the same similarities: their matrices correlate by more than a number.

    The metric names a task with the records `matrix`, such as `SimilarityStructure`. The interval
    is over examples, each left out with its row and its column.
    """

    arm: str
    other: str
    above: float = 0.0

    arm_fields: ClassVar[tuple[str, ...]] = ("arm", "other")

    @property
    def text(self) -> str:
        task = self.metric.partition("/")[0]
        return f"{self.arm} and {self.other} agree in {task} by more than {self.above:g}"

    def estimate(self, table: Table) -> Comparison:
        both = (table.seeds(arm, self.metric) for arm in self.arms)
        pair = joined(*both, "matrix", "structure_agreement")
        return level(pair, "structure_agreement", trained=table.trained).shifted(-self.above)


@dataclasses.dataclass(frozen=True)
class BetterIn(Claim):
    """One arm scores higher in one metric than in another.

    Two tasks on the same data are compared example by example. Where each has examples of its own,
    the two variances add up. Seeds are paired.
    """

    arm: str
    than_metric: str

    arm_fields: ClassVar[tuple[str, ...]] = ("arm",)
    says: ClassVar[str] = "{self.arm} scores higher in {self.metric} than in {self.than_metric}"

    def estimate(self, table: Table) -> Comparison:
        results = [table.seeds(self.arm, metric) for metric in (self.metric, self.than_metric)]
        names = [name_of(metric) for metric in (self.metric, self.than_metric)]
        if names[0] == names[1] and results[0][0].data == results[1][0].data != "":
            return compare(*results, names[0], trained=table.trained)
        one, other = (
            level(own, name, trained=table.trained)
            for own, name in zip(results, names, strict=True)
        )
        return dataclasses.replace(
            one,
            effect=one.effect - other.effect,
            seed_variance=_gap_over_seeds(results, names) if table.trained else 0.0,
            example_variance=one.example_variance + other.example_variance,
            degrees=min(one.degrees, other.degrees),
            clusters=min(one.clusters, other.clusters),
        )


def _gap_over_seeds(results: Sequence[Sequence[Result]], names: Sequence[str]) -> float:
    """Seed part of the variance of a difference of two metrics of the same models."""
    pairs = zip(*results, strict=True)
    gaps = [a.metrics[names[0]] - b.metrics[names[1]] for a, b in pairs]
    return over_seeds(gaps).seed_variance


def _agreement(table: Table, metric: str, kind: str, arm: str, other: str) -> tuple[Result, ...]:
    """Results of two arms joined: the metric `kind` of each is how far their records agree."""
    return joined(table.seeds(arm, metric), table.seeds(other, metric), name_of(metric), kind)
