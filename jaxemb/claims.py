"""Claims about arms, judged over paired seeds and examples."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from jaxemb.config import Part, UsageError
from jaxemb.evaluation import Result
from jaxemb.evaluation.metrics import spearman
from jaxemb.evaluation.statistics import (
    Comparison,
    Tested,
    compare,
    holm,
    level,
    over_seeds,
    trend,
    verdict,
)

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
NOT_TESTABLE = "not testable at small"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """Scores of arms x seeds x examples: by arm, one `{task: Result}` a seed, seeds in one order.

    `settings` holds each arm's value along a key, for claims about trends. Where nothing is `trained`,
    claims are judged over examples alone.
    """

    arms: Mapping[str, Sequence[Mapping[str, Result]]]
    settings: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    trained: bool = True

    def seeds(self, arm: str, metric: str) -> list[Result]:
        """The results of one arm in one task, one a seed.

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
    """Slot: something that an experiment says of its arms. The effect is positive where it holds."""

    metric: str

    @property
    def text(self) -> str:
        """The claim in words."""
        raise TypeError(f"{type(self).__name__} must define text")

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that the claim names."""
        return ()

    def estimate(self, table: Table) -> Comparison | Tested:
        """The effect with its uncertainty."""
        raise TypeError(f"{type(self).__name__} must define estimate(table)")

    def least(self, margin: float) -> float:
        """The smallest effect that matters: an interval that ends below it contradicts the claim."""
        return margin

    def judge(self, table: Table, margin: float = 0.01) -> Judgement:
        """The claim on its own; `judge_all` corrects for the others."""
        return judge_all([self], table, margin)[0]


@dataclasses.dataclass(frozen=True)
class Better(Claim):
    """One arm's score is above another's.

    Example:
        >>> Better("sts/spearman", "bidirectional", than="causal").text
        'bidirectional beats causal in sts/spearman'
    """

    arm: str
    than: str

    @property
    def text(self) -> str:
        return f"{self.arm} beats {self.than} in {self.metric}"

    @property
    def arms(self) -> tuple[str, ...]:
        return (self.arm, self.than)

    def estimate(self, table: Table) -> Comparison:
        return _difference(table, self.metric, self.arm, self.than)


@dataclasses.dataclass(frozen=True)
class NotWorse(Claim):
    """One arm's score is at most `margin` below another's; the effect is difference + margin.

    Contradicted where the interval ends below 0: the effect has the margin in it already.
    """

    arm: str
    than: str
    margin: float = 0.01

    @property
    def text(self) -> str:
        return f"{self.arm} is at most {self.margin:g} below {self.than} in {self.metric}"

    @property
    def arms(self) -> tuple[str, ...]:
        return (self.arm, self.than)

    def estimate(self, table: Table) -> Comparison:
        return _difference(table, self.metric, self.arm, self.than).shifted(self.margin)

    def least(self, margin: float) -> float:
        return 0.0


@dataclasses.dataclass(frozen=True)
class Above(Claim):
    """An arm's score is above a number."""

    value: float
    arm: str

    @property
    def text(self) -> str:
        return f"{self.metric} of {self.arm} is above {self.value:g}"

    @property
    def arms(self) -> tuple[str, ...]:
        return (self.arm,)

    def estimate(self, table: Table) -> Comparison:
        return _level(table, self.metric, self.arm).shifted(-self.value)


@dataclasses.dataclass(frozen=True)
class Below(Claim):
    """An arm's score is below a number."""

    value: float
    arm: str

    @property
    def text(self) -> str:
        return f"{self.metric} of {self.arm} is below {self.value:g}"

    @property
    def arms(self) -> tuple[str, ...]:
        return (self.arm,)

    def estimate(self, table: Table) -> Comparison:
        return _level(table, self.metric, self.arm).flipped().shifted(self.value)


@dataclasses.dataclass(frozen=True)
class Trend(Claim):
    """A metric rises along an overridden key; the effect is the slope, by least squares a seed."""

    along: str

    @property
    def text(self) -> str:
        return f"{self.metric} rises along {self.along}"

    def estimate(self, table: Table) -> Comparison:
        if self.along not in table.settings:
            known = ", ".join(table.settings) or "none with numbers"
            raise UsageError(f"No arm sets {self.along!r}; keys that arms set: {known}.")
        settings = table.settings[self.along]
        arms = [table.seeds(arm, self.metric) for arm in settings]
        return trend(arms, list(settings.values()), _name(self.metric), trained=table.trained)


@dataclasses.dataclass(frozen=True)
class Correlates(Claim):
    """Two metrics rank the arms alike; the effect is Spearman's rho across arms, a seed.

    A metric in which all arms are equal ranks nothing: its rho is 0.
    """

    with_metric: str
    across: str = "arms"

    @property
    def text(self) -> str:
        return f"{self.metric} and {self.with_metric} agree across {self.across}"

    def estimate(self, table: Table) -> Comparison:
        arms = tuple(table.arms)
        if len(arms) < 3:
            raise UsageError(f"A correlation across arms needs three arms; there are {len(arms)}.")
        pairs = zip(
            _scores(table, self.metric, arms), _scores(table, self.with_metric, arms), strict=True
        )
        correlations = [spearman(one, other) for one, other in pairs]
        return over_seeds(np.array(correlations))


@dataclasses.dataclass(frozen=True)
class CorrelatesMore(Claim):
    """A metric agrees with `with_metric` better than the metric `than` does.

    The effect is the difference of the two Spearman's rho across arms, each score a mean over seeds;
    its standard error comes from `resamples` draws of the arms with replacement. Arms that are
    variants of one model vary together, which the interval does not know.

    Reference: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 6.

    Example:
        >>> CorrelatesMore("rank/mrr", with_metric="retrieval/ndcg@10", than="sts/spearman").text
        'rank/mrr agrees with retrieval/ndcg@10 across arms better than sts/spearman does'
    """

    with_metric: str
    than: str
    resamples: int = 2000

    @property
    def text(self) -> str:
        return (
            f"{self.metric} agrees with {self.with_metric} across arms better than {self.than} does"
        )

    def estimate(self, table: Table) -> Comparison:
        arms = tuple(table.arms)
        if len(arms) < 4:
            raise UsageError(f"Correlations are compared across four arms; there are {len(arms)}.")
        names = (self.metric, self.than, self.with_metric)
        scores = np.stack([_scores(table, name, arms).mean(axis=0) for name in names])
        draw = np.random.default_rng(0)
        picks = draw.integers(len(arms), size=(self.resamples, len(arms)))
        drawn = [_more_agreement(scores[:, row]) for row in picks]
        return Comparison(
            effect=_more_agreement(scores),
            seed_variance=0.0,
            example_variance=float(np.var(drawn, ddof=1)),
            degrees=len(arms) - 1,
            clusters=len(arms),
        )


def _more_agreement(scores: np.ndarray) -> float:
    """rho(first row, last) - rho(second row, last)."""
    return spearman(scores[0], scores[2]) - spearman(scores[1], scores[2])


def _name(metric: str) -> str:
    """`"spearman"` of `"sts/spearman"`."""
    return metric.partition("/")[2]


def _difference(table: Table, metric: str, arm: str, than: str) -> Comparison:
    pair = table.seeds(arm, metric), table.seeds(than, metric)
    return compare(*pair, _name(metric), trained=table.trained)


def _level(table: Table, metric: str, arm: str) -> Comparison:
    return level(table.seeds(arm, metric), _name(metric), trained=table.trained)


def _scores(table: Table, metric: str, arms: Sequence[str]) -> np.ndarray:
    """`[seeds, arms]`."""
    name = _name(metric)
    columns = [[result.metrics[name] for result in table.seeds(arm, metric)] for arm in arms]
    return np.array(columns, float).T


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
    return bool(_scores(table, claim.metric, claim.arms).mean(axis=0).max() <= floor)


def overall(verdicts: Sequence[str]) -> str | None:
    """One word for an experiment: what all its claims agree on, else the least favourable."""
    order = (CONTRADICTED, NOT_TESTABLE, UNDECIDED, SUPPORTED)
    return next((word for word in order if word in verdicts), None)
