"""Claims about the scores of arms in one metric."""

import dataclasses
from typing import Annotated, ClassVar

from jaxemb.config import AtLeast, UsageError
from jaxemb.statistics import Comparison, trend
from jaxemb.study.claims.base import Claim, Table, name_of


@dataclasses.dataclass(frozen=True)
class Better(Claim):
    """One arm's score is above another's.

    Example:
        >>> Better("sts/spearman", "bidirectional", than="causal").text
        'bidirectional beats causal in sts/spearman'
    """

    arm: str
    than: str

    arm_fields: ClassVar[tuple[str, ...]] = ("arm", "than")
    says: ClassVar[str] = "{self.arm} beats {self.than} in {self.metric}"

    def estimate(self, table: Table) -> Comparison:
        return table.difference(self.metric, self.arm, self.than)


@dataclasses.dataclass(frozen=True)
class NotWorse(Claim):
    """One arm's score is at most `margin` below another's; the effect is difference + margin.

    Contradicted where the interval ends below 0: the effect has the margin in it already.
    """

    arm: str
    than: str
    margin: Annotated[float, AtLeast(0)] = 0.01

    arm_fields: ClassVar[tuple[str, ...]] = ("arm", "than")
    says: ClassVar[str] = "{self.arm} is at most {self.margin:g} below {self.than} in {self.metric}"

    def estimate(self, table: Table) -> Comparison:
        return table.difference(self.metric, self.arm, self.than).shifted(self.margin)

    def least(self, margin: float) -> float:
        return 0.0


@dataclasses.dataclass(frozen=True)
class Above(Claim):
    """An arm's score is above a number."""

    value: float
    arm: str

    arm_fields: ClassVar[tuple[str, ...]] = ("arm",)
    says: ClassVar[str] = "{self.metric} of {self.arm} is above {self.value:g}"

    def estimate(self, table: Table) -> Comparison:
        return table.level(self.metric, self.arm).shifted(-self.value)


@dataclasses.dataclass(frozen=True)
class Below(Claim):
    """An arm's score is below a number."""

    value: float
    arm: str

    arm_fields: ClassVar[tuple[str, ...]] = ("arm",)
    says: ClassVar[str] = "{self.metric} of {self.arm} is below {self.value:g}"

    def estimate(self, table: Table) -> Comparison:
        return table.level(self.metric, self.arm).flipped().shifted(self.value)


@dataclasses.dataclass(frozen=True)
class Trend(Claim):
    """A metric rises along an overridden key.

    The effect is the rise of the line through the arms, by least squares for each seed, from the
    smallest setting to the largest: it has the metric's units, as the margin has.
    """

    along: str

    says: ClassVar[str] = "{self.metric} rises along {self.along}"

    def estimate(self, table: Table) -> Comparison:
        if self.along not in table.settings:
            known = ", ".join(table.settings) or "none with numbers"
            raise UsageError(f"No arm sets {self.along!r}; keys that arms set: {known}.")
        settings = table.settings[self.along]
        arms = [table.seeds(arm, self.metric) for arm in settings]
        return trend(arms, list(settings.values()), name_of(self.metric), trained=table.trained)
