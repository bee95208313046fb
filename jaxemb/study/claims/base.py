"""What is claimed and how it is judged: the table of scores, the base of claims, the judgement."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from jaxemb.config import Part, UsageError
from jaxemb.statistics import Comparison, Tested, compare, holm, level, verdict
from jaxemb.statistics.result import Result
from jaxemb.study.verdicts import NOT_TESTABLE

EVERY_TASK = "every task"
"""In the place of a metric: the main one of every task that all arms were scored in."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """Scores of arms x seeds x examples: by arm, one `{task: Result}` per seed, in one order.

    `settings` holds each arm's value along a key, for claims about trends. Where nothing is `trained`,
    claims are judged over examples alone.
    """

    arms: Mapping[str, Sequence[Mapping[str, Result]]]
    settings: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    trained: bool = True

    def seeds(self, arm: str, metric: str) -> list[Result]:
        """The results of one arm in one task, one per seed.

        Raises:
            UsageError: the arm or the metric is not in the table.
        """
        task, _, name = metric.partition("/")
        if arm not in self.arms:
            raise UsageError(f"There is no arm {arm!r}; arms: {', '.join(self.arms)}.")
        results = [seed.get(task) for seed in self.arms[arm]]
        if any(result is None or name not in result.metrics for result in results):
            known = sorted(f"{t}/{m}" for t, r in self.arms[arm][0].items() for m in r.metrics)
            raise UsageError(f"Arm {arm} has no metric {metric!r}; metrics: {', '.join(known)}.")
        return results

    def scores(self, metric: str, arms: Sequence[str]) -> Float[np.ndarray, "seeds arms"]:
        """One metric of several arms, one row per seed."""
        name = name_of(metric)
        columns = [[result.metrics[name] for result in self.seeds(arm, metric)] for arm in arms]
        return np.array(columns, float).T

    def level(self, metric: str, arm: str) -> Comparison:
        """One arm's score, compared with 0."""
        return level(self.seeds(arm, metric), name_of(metric), trained=self.trained)

    def difference(self, metric: str, arm: str, than: str) -> Comparison:
        """How much higher one arm scores than another."""
        pair = self.seeds(arm, metric), self.seeds(than, metric)
        return compare(*pair, name_of(metric), trained=self.trained)


def name_of(metric: str) -> str:
    """`"spearman"` of `"sts/spearman"`."""
    return metric.partition("/")[2]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judgement:
    """What became of a claim: the effect (above 0 where the claim holds), its interval, a verdict."""

    text: str
    metric: str
    effect: float
    interval: tuple[float, float]
    p: float
    p_corrected: float
    detectable: float
    seeds_needed: int | None
    verdict: str


@dataclasses.dataclass(frozen=True)
class Claim(Part):
    """Slot: something that an experiment says of its arms. The effect is positive where it holds.

    Attributes:
        says: the claim in words, as in `"{self.arm} beats {self.than} in {self.metric}"`.
        arm_fields: which of the claim's fields are names of arms; none where it speaks of all arms.
    """

    says: ClassVar[str] = "{self}"
    arm_fields: ClassVar[tuple[str, ...]] = ()

    metric: str

    @property
    def text(self) -> str:
        """The claim in words."""
        return self.says.format(self=self)

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that the claim names; none where it speaks of all."""
        return tuple(getattr(self, name) for name in self.arm_fields)

    def within(self, arms: Sequence[str]) -> bool:
        """Whether the claim can be judged where only these arms are run."""
        return bool(self.arms) and set(self.arms) <= set(arms)

    def estimate(self, table: Table) -> Comparison | Tested:
        """The effect with its uncertainty."""
        raise TypeError(f"{type(self).__name__} must define estimate(table)")

    def least(self, margin: float) -> float:
        """The smallest effect that matters: an interval that ends below it contradicts the claim."""
        return margin

    def judge(self, table: Table, margin: float = 0.01) -> Judgement:
        """The claim on its own; `judge_all` corrects for the others."""
        return judge_all([self], table, margin)[0]


def judge_all(
    claims: Sequence[Claim], table: Table, margin: float, floors: Mapping[str, float] | None = None
) -> list[Judgement]:
    """Judge an experiment's claims together: p-values are corrected by Holm over all of them.

    Args:
        margin: the smallest difference that matters; an interval that ends below it contradicts
            (for a claim that names a margin itself, one that ends below 0).
        floors: by metric, the score of the static bag. Where none of a claim's arms reaches it, the
            base has not learned, and the claim is not testable at this scale.
    """
    estimates = [claim.estimate(table) for claim in claims]
    corrected = holm([one.p for one in estimates])
    return [
        Judgement(
            text=claim.text,
            metric=claim.metric,
            effect=one.effect,
            interval=tuple(one.interval),
            p=one.p,
            p_corrected=float(p),
            detectable=one.detectable,
            seeds_needed=one.seeds_needed,
            verdict=NOT_TESTABLE
            if _unlearned(claim, table, floors or {})
            else str(verdict(one, claim.least(margin), p_corrected=float(p))),
        )
        for claim, one, p in zip(claims, estimates, corrected, strict=True)
    ]


def _unlearned(claim: Claim, table: Table, floors: Mapping[str, float]) -> bool:
    """Whether none of the arms that a claim names scores above the static bag."""
    floor = floors.get(claim.metric)
    if floor is None or not claim.arms:
        return False
    return bool(table.scores(claim.metric, claim.arms).mean(axis=0).max() <= floor)
