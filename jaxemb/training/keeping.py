"""Which parameters a training ends with: those of the last step, of the best one, or a mean."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp

from jaxemb.config import AtLeast, Between, Part, UsageError, check_ranges


class Keeper:
    """What one training keeps beside its state; by default nothing.

    Attributes:
        arrays: a tree like the network's parameters that move, saved with every checkpoint.
    """

    arrays: Any = ()

    def stepped(self, step: int, params: Any) -> None:
        """The parameters after a step."""

    def scored(self, step: int, metrics: Mapping[str, float], params: Any) -> None:
        """What an evaluation says of the parameters after a step."""

    def chosen(self, params: Any) -> Any:
        """What the training ends with, where `params` are those of its last step."""
        return params

    def get_state(self) -> dict[str, Any]:
        """What it remembers beside its arrays, as JSON."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a state."""


class Keeping(Part):
    """Slot: which parameters a training ends with.

    Attributes:
        is_scored: whether that depends on evaluations, which a stage alone does not have.
    """

    is_scored: ClassVar[bool] = False

    def start(self, params: Any) -> Keeper:
        """For one training, from the network's parameters that move."""
        return Keeper()


@dataclasses.dataclass(frozen=True, kw_only=True)
class LastStep(Keeping):
    """Those of the last step."""


# --- the best


class BestKeeper(Keeper):
    """The parameters of the best evaluation up to now, and its score."""

    def __init__(self, metric: str, sign: int, params: Any):
        self.metric, self.sign, self.arrays = metric, sign, _copied(params)
        self.best: dict[str, Any] = {}
        self.was_scored = False

    def scored(self, step: int, metrics: Mapping[str, float], params: Any) -> None:
        self.was_scored = True
        value = metrics.get(self.metric)
        if value is None or math.isnan(value):
            return
        if not self.best or self.sign * value > self.sign * self.best["score"]:
            self.best, self.arrays = {"score": float(value), "step": step}, _copied(params)

    def chosen(self, params: Any) -> Any:
        if self.best:
            return self.arrays
        if self.was_scored:
            raise UsageError(
                f"No evaluation while training gave the metric {self.metric!r}, by which the best "
                "step was to be kept; name one that a During task of the recipe reports."
            )
        return params

    def get_state(self) -> dict[str, Any]:
        return {"best": self.best, "was_scored": self.was_scored}

    def set_state(self, state: dict[str, Any]) -> None:
        self.best, self.was_scored = state["best"], state["was_scored"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Highest(Keeping):
    """Those of the step whose evaluation had the highest `metric`; of equal ones, the first.

    The metric is one that a task reports while the model trains (`During`), so let that task read the
    dev split. Where a stage trains without evaluations, as a trial of a learning rate does, the
    last step is kept. It takes the memory of one more copy of the parameters that move.

    Args:
        metric: such as `"sts/spearman"`.

    Raises:
        UsageError: there were evaluations, and none of them gave the metric.

    Example:
        >>> Highest(metric="sts/spearman")
    """

    is_scored: ClassVar[bool] = True

    metric: str

    def start(self, params: Any) -> BestKeeper:
        """Nothing is the best yet."""
        return BestKeeper(self.metric, 1, params)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lowest(Keeping):
    """Those of the step whose evaluation had the lowest `metric`; as `Highest` else.

    Example:
        >>> Lowest(metric="masked/perplexity")
    """

    is_scored: ClassVar[bool] = True

    metric: str

    def start(self, params: Any) -> BestKeeper:
        """Nothing is the best yet."""
        return BestKeeper(self.metric, -1, params)


# --- means


class MeanKeeper(Keeper):
    """A running mean of parameters, in float32, and of how many."""

    def __init__(self, first: int, every: int, params: Any):
        self.first, self.every, self.count = first, every, 0
        self.arrays = _moved(_copied(params), params, 0.0)

    def stepped(self, step: int, params: Any) -> None:
        if step >= self.first and (step - self.first) % self.every == 0:
            self.count += 1
            self.arrays = _moved(self.arrays, params, 1 / self.count)

    def chosen(self, params: Any) -> Any:
        return _like(self.arrays, params) if self.count else params

    def get_state(self) -> dict[str, Any]:
        return {"count": self.count}

    def set_state(self, state: dict[str, Any]) -> None:
        self.count = state["count"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeanOfSteps(Keeping):
    r"""The mean of those after the steps $s, s + e, s + 2e, ...$, a soup along one training.

    $$\bar\theta = \frac{1}{n} \sum_{i=0}^{n-1} \theta_{s + i e}$$

    Where training ends before the first of them, the last step is kept.

    Args:
        first: the step $s$, by its number.
        every: $e$.

    Raises:
        UsageError: one of them is below 1.

    Example:
        >>> MeanOfSteps(first=300, every=20)

    Reference: Izmailov et al., Averaging Weights Leads to Wider Optima, arXiv:1803.05407.
    """

    first: Annotated[int, AtLeast(1)]
    every: Annotated[int, AtLeast(1)] = 1

    __post_init__ = check_ranges

    def start(self, params: Any) -> MeanKeeper:
        """The mean of none."""
        return MeanKeeper(self.first, self.every, params)


class DecayingKeeper(Keeper):
    """A mean that forgets, in float32."""

    def __init__(self, decay: float, params: Any):
        self.decay, self.arrays = decay, _moved(_copied(params), params, 0.0)

    def stepped(self, step: int, params: Any) -> None:
        self.arrays = _moved(self.arrays, params, 1 - self.decay)

    def chosen(self, params: Any) -> Any:
        return _like(self.arrays, params)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecayingMean(Keeping):
    r"""The exponential mean of all steps, $\bar\theta \leftarrow d\bar\theta + (1 - d)\theta$.

    It starts at the parameters before the first step.

    Args:
        decay: $d$.

    Raises:
        UsageError: `decay` is not within 0 and 1.

    Example:
        >>> DecayingMean(decay=0.99)

    Reference: Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992.
    """

    decay: Annotated[float, Between(0.0, 1.0)] = 0.999

    __post_init__ = check_ranges

    def start(self, params: Any) -> DecayingKeeper:
        """The parameters before the first step."""
        return DecayingKeeper(self.decay, params)


# The state of a step is donated to the next one: what is kept must be arrays of its own.


@jax.jit
def _copied(params: Any) -> Any:
    return jax.tree.map(jnp.copy, params)


@functools.partial(jax.jit, donate_argnums=0)
def _moved(mean: Any, params: Any, share: float | jax.Array) -> Any:
    def moved(old: jax.Array, new: jax.Array) -> jax.Array:
        old = old.astype(jnp.float32)
        return old + share * (new.astype(jnp.float32) - old)

    return jax.tree.map(moved, mean, params)


@jax.jit
def _like(mean: Any, params: Any) -> Any:
    return jax.tree.map(lambda x, like: x.astype(like.dtype), mean, params)
