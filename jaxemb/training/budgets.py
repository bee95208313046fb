"""How long a stage trains, and what may end it early."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Annotated, Any

from jaxemb.config import AtLeast, Part, UsageError, smaller
from jaxemb.data import Dataset


class Budget(Part):
    """Slot: how long a stage trains."""

    def count(self, data: Dataset) -> int:
        """Steps."""
        raise TypeError(f"{type(self).__name__} must define count(data)")

    def scaled(self, fraction: float) -> "Budget":
        """This budget times `fraction`, at least one step."""
        raise TypeError(f"{type(self).__name__} must define scaled(fraction)")

    def watch(self) -> "Watch":
        """What may end one training early; by default nothing does."""
        return Watch()


class Watch:
    """What a budget sees of one training, and whether that was enough.

    Attributes:
        is_over: whether no further step is taken. It may change only in `see`, and at steps that it
            `looks` at, so that a run which was interrupted ends where another would have.
    """

    is_over: bool = False

    def looks(self, step: int) -> bool:
        """Whether the metrics of this step must be seen before the next one starts."""
        return False

    def see(self, metrics: Mapping[str, int | float]) -> None:
        """The metrics of a step or of an evaluation, with its number as `step`."""

    def get_state(self) -> dict[str, Any]:
        """What it remembers, as JSON."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a state."""


@dataclasses.dataclass(frozen=True)
class Steps(Budget):
    """So many steps.

    Example:
        >>> Steps(400).scaled(0.25)
        Steps(steps=100)
    """

    steps: Annotated[int, AtLeast(0)]

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise UsageError(f"steps={self.steps} must not be negative.")

    def count(self, data: Dataset) -> int:
        """The number itself."""
        return self.steps

    def scaled(self, fraction: float) -> "Steps":
        """Rounded, at least 1."""
        return Steps(max(round(self.steps * fraction), 1))

    def small(self) -> "Steps":
        return smaller(self, steps=2)


class Early(Budget):
    """Base of budgets that may end the budget `inner` early, by a metric that training reports.

    The metric is one of a step (`loss`, `loss/<term>`, `gradient_norm`) or of an evaluation, and is
    looked at every `every` steps.
    """

    inner: Budget
    metric: str
    every: int

    def __post_init__(self) -> None:
        if self.every < 1:
            raise UsageError(f"every={self.every} must be at least 1.")

    def count(self, data: Dataset) -> int:
        """Those of `inner`, at most."""
        return self.inner.count(data)

    def scaled(self, fraction: float) -> "Early":
        """Over a fraction of `inner`."""
        return dataclasses.replace(self, inner=self.inner.scaled(fraction))

    def watch(self) -> "EarlyWatch":
        """A watch over that of `inner`."""
        return EarlyWatch(self, self.inner.watch())

    def seen(self, state: dict[str, Any], step: int, value: float) -> dict[str, Any]:
        """What is remembered after the metric's value at a step; `over` tells the end."""
        raise TypeError(f"{type(self).__name__} must define seen(state, step, value)")


class EarlyWatch(Watch):
    """The watch of a budget `Early`: what it remembers, and the watch of its inner budget."""

    def __init__(self, budget: Early, inner: Watch):
        self.budget, self.inner = budget, inner
        self.state: dict[str, Any] = {}

    @property
    def is_over(self) -> bool:
        return self.inner.is_over or self.state.get("over", False)

    def looks(self, step: int) -> bool:
        return step % self.budget.every == 0 or self.inner.looks(step)

    def see(self, metrics: Mapping[str, int | float]) -> None:
        self.inner.see(metrics)
        value, step = metrics.get(self.budget.metric), metrics["step"]
        if value is not None and step % self.budget.every == 0:
            self.state = self.budget.seen(self.state, step, float(value))

    def get_state(self) -> dict[str, Any]:
        return {**self.state, "inner": self.inner.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        self.inner.set_state(state.get("inner", {}))
        self.state = {name: value for name, value in state.items() if name != "inner"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Patience(Early):
    """Ends where a metric has not fallen by more than `gain` for `patience` steps.

    Args:
        inner: the most that is trained.
        metric: which.
        patience: steps.
        gain: what counts as a fall, below the least that was seen.
        every: steps between two looks.

    Raises:
        UsageError: `every` or `patience` is below 1.

    Example:
        >>> Patience(inner=Steps(20_000), patience=1000).scaled(0.1).inner
        Steps(steps=2000)
    """

    inner: Budget
    metric: str = "loss"
    patience: Annotated[int, AtLeast(1)] = 100
    gain: Annotated[float, AtLeast(0)] = 0.0
    every: Annotated[int, AtLeast(1)] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.patience < 1:
            raise UsageError(f"patience={self.patience} must be at least 1.")

    def seen(self, state: dict[str, Any], step: int, value: float) -> dict[str, Any]:
        """The least value and its step."""
        if value < state.get("best", math.inf) - self.gain:
            return {"best": value, "at": step, "over": False}
        return {**state, "over": step - state.get("at", 0) >= self.patience}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RisingPatience(Patience):
    """Ends where a metric has not risen by more than `gain` for `patience` steps.

    Early stopping by a score of the dev split; with `keeps=Highest(metric=...)` the stage then gives
    back the best step instead of the last.

    Args:
        metric: such as one of an evaluation.

    Raises:
        UsageError: `every` or `patience` is below 1.

    Example:
        >>> RisingPatience(inner=Steps(20_000), metric="sts/spearman", patience=1000).count(Pairs())
        20000
    """

    def seen(self, state: dict[str, Any], step: int, value: float) -> dict[str, Any]:
        """The negative of the highest value, and its step."""
        return super().seen(state, step, -value)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Until(Early):
    """Ends where a metric reaches `target`.

    Args:
        inner: the most that is trained.
        metric: which, such as one of an evaluation.
        target: how much is enough.
        every: steps between two looks.

    Raises:
        UsageError: `every` is below 1.

    Example:
        >>> Until(inner=Steps(2000), metric="retrieval/ndcg@10", target=0.5).scaled(0.5).inner
        Steps(steps=1000)
    """

    inner: Budget
    metric: str
    target: float
    every: Annotated[int, AtLeast(1)] = 1

    def seen(self, state: dict[str, Any], step: int, value: float) -> dict[str, Any]:
        """Whether it was reached."""
        return {"over": state.get("over", False) or value >= self.target}
