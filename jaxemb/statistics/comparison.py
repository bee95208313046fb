"""An effect with the uncertainty of seeds and of examples, and the verdict on it."""

import dataclasses
import enum
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int


class Verdict(enum.StrEnum):
    """What an interval says about a claim that an effect is above 0."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNDECIDED = "undecided"


class Interval(NamedTuple):
    """Both ends of a confidence interval."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A difference (or a mean) and what it takes to judge it: a t test on `degrees` of freedom.

        t = effect / √(seed_variance + example_variance + task_variance)

    `clusters` is 0 where there were no per-example records, `seeds` 1 where nothing was trained;
    the task part is there only where the effect is a mean over tasks that might have been others.
    An effect that was `picked` as the clearest of several has an interval and p values that hold for
    all of them together (Bonferroni).

    Example:
        >>> found = Comparison(effect=0.03, seed_variance=1e-5, example_variance=3e-5, degrees=4)
        >>> round(found.standard_error, 4), round(found.interval.low, 4), round(found.p, 4)
        (0.0063, 0.0124, 0.009)
    """

    effect: float
    seed_variance: float
    example_variance: float
    degrees: int
    seeds: int = 1
    clusters: int = 0
    confidence: float = 0.95
    task_variance: float = 0.0
    tasks: int = 1
    picked: int = 1

    @property
    def level(self) -> float:
        """The confidence of one effect's interval, so that those of all it was picked from hold."""
        return 1 - (1 - self.confidence) / self.picked

    @property
    def standard_error(self) -> float:
        """√(seed part + example part + task part)."""
        return math.sqrt(self.seed_variance + self.example_variance + self.task_variance)

    @property
    def interval(self) -> Interval:
        """Two-sided interval at `confidence`."""
        from scipy.stats import t as student

        half = float(student.ppf((1 + self.level) / 2, self.degrees)) * self.standard_error
        return Interval(self.effect - half, self.effect + half)

    @property
    def p_greater(self) -> float:
        """One-sided p value for an effect above 0."""
        return min(1.0, self.picked * self._tail())

    def _tail(self) -> float:
        from scipy.stats import t as student

        if self.standard_error == 0:
            return 0.5 if self.effect == 0 else float(self.effect < 0)
        return float(student.sf(self.effect / self.standard_error, self.degrees))

    @property
    def p(self) -> float:
        """Two-sided p value: below 1 - `confidence` exactly where the interval leaves out 0."""
        return min(1.0, 2 * min(self.p_greater, self.flipped().p_greater))

    @property
    def detectable(self) -> float:
        """The smallest true effect that a test like this one finds four times in five."""
        return detectable_difference(self.standard_error, self.degrees, confidence=self.level)

    @property
    def seeds_needed(self) -> int | None:
        """Seeds that would make an effect of the observed size detectable; see `seeds_needed`."""
        return seeds_needed(self.effect, self)

    @property
    def clusters_needed(self) -> int | None:
        """Clusters of examples that would make it detectable; see `clusters_needed`."""
        return clusters_needed(self.effect, self)

    def shifted(self, constant: float) -> "Comparison":
        """The same uncertainty about effect + constant."""
        return dataclasses.replace(self, effect=self.effect + constant)

    def flipped(self) -> "Comparison":
        """The same uncertainty about -effect."""
        return dataclasses.replace(self, effect=-self.effect)


@dataclass(frozen=True, kw_only=True)
class Tested:
    """An effect that a test of its own judges, with an interval beside it: read as a `Comparison`.

    Example:
        >>> found = Tested(effect=0.4, standard_error=0.1, degrees=7, p=0.01)
        >>> round(found.interval.low, 3), round(found.detectable, 3)
        (0.164, 0.326)
    """

    effect: float
    standard_error: float
    degrees: int
    p: float
    confidence: float = 0.95
    seeds_needed: int | None = None

    @property
    def interval(self) -> Interval:
        """Two-sided interval at `confidence`, from the standard error."""
        from scipy.stats import t as student

        half = float(student.ppf((1 + self.confidence) / 2, self.degrees)) * self.standard_error
        return Interval(self.effect - half, self.effect + half)

    @property
    def detectable(self) -> float:
        """As `Comparison.detectable`."""
        return detectable_difference(self.standard_error, self.degrees, confidence=self.confidence)


def verdict(
    comparison: Comparison | Tested, margin: float = 0.01, *, p_corrected: float | None = None
) -> Verdict:
    """The judgement on the claim that the effect is above 0.

    Supported: the interval lies above 0, and p corrected for the experiment's other claims, where
    given, stays below 1 - confidence. Contradicted: the interval's upper end lies below the margin
    that was declared before running. Undecided otherwise.

    Example:
        >>> clear = Comparison(effect=0.03, seed_variance=1e-6, example_variance=0.0, degrees=4)
        >>> str(verdict(clear)), str(verdict(clear.flipped()))
        ('supported', 'contradicted')
    """
    low, high = comparison.interval
    if low > 0:
        significant = p_corrected is None or p_corrected < 1 - comparison.confidence
        return Verdict.SUPPORTED if significant else Verdict.UNDECIDED
    return Verdict.CONTRADICTED if high < margin else Verdict.UNDECIDED


def detectable_difference(
    standard_error: float, degrees: int, *, confidence: float = 0.95, power: float = 0.8
) -> float:
    """Smallest true effect whose two-sided test succeeds with probability `power`.

        (t_{(1 + confidence) / 2} + t_{power}) · standard error

    Reference: Bloom, Minimum Detectable Effects (Evaluation Review, 1995).
    """
    return float(_reach(degrees, confidence, power)) * standard_error


def seeds_needed(
    difference: float, comparison: Comparison, *, power: float = 0.8, most: int = 1000
) -> int | None:
    """Seeds with which a true `difference` would be detectable, given the variances seen.

    None where `most` seeds are too few (the examples limit the test, not the seeds), and where no
    seed part was measured.
    """
    if comparison.seed_variance == 0:
        return None
    seeds = np.arange(2, most + 1)
    per_seed = comparison.seed_variance * comparison.seeds
    errors = np.sqrt(per_seed / seeds + comparison.example_variance + comparison.task_variance)
    enough = _reach(seeds - 1, comparison.level, power) * errors <= abs(difference)
    return int(seeds[np.argmax(enough)]) if enough.any() else None


def clusters_needed(
    difference: float, comparison: Comparison, *, power: float = 0.8, most: int = 1_000_000
) -> int | None:
    """Clusters of examples with which a true `difference` would be detectable, with these seeds.

    Times the examples a cluster, that is how many examples a test set needs. None where no number
    up to `most` is enough (the seeds limit the test, not the examples), and where no example part
    was measured.

    Example:
        >>> found = Comparison(effect=0.01, seed_variance=0.0, example_variance=1e-4, degrees=99,
        ...                    clusters=100)
        >>> clusters_needed(0.01, found)
        787
    """
    if comparison.example_variance == 0 or comparison.clusters == 0:
        return None
    clusters = np.unique(np.geomspace(2, most, 20_000).astype(np.int64))
    rest = comparison.seed_variance + comparison.task_variance
    errors = np.sqrt(comparison.example_variance * comparison.clusters / clusters + rest)
    by_clusters = comparison.seeds == 1 and comparison.tasks == 1
    degrees = clusters - 1 if by_clusters else comparison.degrees
    enough = _reach(degrees, comparison.level, power) * errors <= abs(difference)
    return int(clusters[np.argmax(enough)]) if enough.any() else None


def _reach(
    degrees: int | Int[np.ndarray, " counts"], confidence: float, power: float
) -> float | Float64[np.ndarray, " counts"]:
    """How many standard errors a true effect must measure to be found with this power."""
    from scipy.stats import t as student

    return student.ppf((1 + confidence) / 2, degrees) + student.ppf(power, degrees)
