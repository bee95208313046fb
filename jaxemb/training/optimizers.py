"""Optimizers: optax transformations whose masks are patterns over parameter paths."""

import dataclasses
import difflib
import fnmatch
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float32

from jaxemb.config import Above, AtLeast, Below, Part, UsageError
from jaxemb.training.schedules import Constant, Schedule, WarmupCosine


def paths(params: Any) -> list[str]:
    """The path of every array, such as `encoder/block_0/attention/query/kernel`."""
    return [_path(keys) for keys, _ in jax.tree.leaves_with_path(params)]


def matches(pattern: str, path: str) -> bool:
    """Whether the pattern's segments (shell-style) match some run of the path's segments.

    Example:
        >>> matches("block_*/attention", "encoder/block_0/attention/query/kernel")
        True
    """
    wanted, segments = pattern.split("/"), path.split("/")
    runs = (segments[i : i + len(wanted)] for i in range(len(segments) - len(wanted) + 1))
    return any(all(map(fnmatch.fnmatchcase, run, wanted)) for run in runs)


def mask(params: Any, patterns: tuple[str, ...]) -> Any:
    """A tree of booleans: True where any pattern matches the array's path."""
    return jax.tree.map_with_path(
        lambda keys, _: any(matches(pattern, _path(keys)) for pattern in patterns), params
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optimizer(Part):
    """Slot: how gradients become updates. A subclass gives `direction`.

    The gradient is clipped, turned into a direction, scaled by `learning_rates` where a pattern
    matches (factors multiply) and by the schedule. Frozen parameters have no optimizer state and
    do not count in the gradient's norm.

    Args:
        learning_rate: the peak.
        schedule: how it moves over the budget.
        clip: largest norm of the whole gradient; None leaves it.
        freezes: patterns of paths that do not change.
        learning_rates: `(pattern, factor)` pairs.

    Raises:
        UsageError: a pattern matches no parameter (found in `transform`), or a negative rate.
    """

    learning_rate: Annotated[float, AtLeast(0)] = 1e-3
    schedule: Schedule = WarmupCosine()
    clip: Annotated[float, Above(0)] | None = 1.0
    freezes: tuple[str, ...] = ()
    learning_rates: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if self.learning_rate < 0:
            raise UsageError(f"learning_rate={self.learning_rate} must not be negative.")
        if self.clip is not None and self.clip <= 0:
            raise UsageError(f"clip={self.clip} must be positive, or None.")

    @property
    def patterns(self) -> tuple[str, ...]:
        """Every pattern that must match something."""
        return self.freezes + tuple(pattern for pattern, _ in self.learning_rates)

    def direction(self, params: Any) -> optax.GradientTransformation:
        """Gradients to the direction of descent, before the learning rate."""
        raise TypeError(f"{type(self).__name__} must define direction(params)")

    def rates(self, steps: int) -> Float32[np.ndarray, " steps"]:
        """The learning rate at each step of a budget."""
        if steps == 0:
            return np.zeros(0, np.float32)
        share = self.schedule(jnp.arange(steps, dtype=jnp.int32), steps)
        return np.asarray(self.learning_rate * share, np.float32)

    @property
    def direction_alone(self) -> "Optimizer":
        """The same optimizer without what is an input of a step: its learning rate and schedule."""
        return dataclasses.replace(self, learning_rate=1.0, schedule=Constant())

    def transform(self, params: Any) -> optax.GradientTransformation:
        """Gradients to a direction, for these parameters (arrays or shapes).

        The step multiplies it by the learning rate and subtracts it.
        """
        for pattern in self.patterns:
            check_pattern(pattern, params)
        moved = optax.chain(
            optax.identity() if self.clip is None else optax.clip_by_global_norm(self.clip),
            self.direction(params),
            _scaled(params, self.learning_rates),
        )
        if not self.freezes:
            return moved
        labels = jax.tree.map(lambda x: "frozen" if x else "moved", mask(params, self.freezes))
        return optax.partition({"moved": moved, "frozen": optax.set_to_zero()}, labels)

    def norm(self, gradients: Any) -> Float32[Array, ""]:
        """Length of the whole gradient, frozen parameters left out."""
        frozen = jax.tree.leaves(mask(gradients, self.freezes))
        leaves = zip(jax.tree.leaves(gradients), frozen, strict=True)
        return jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf, still in leaves if not still))


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdamW(Optimizer):
    r"""Adam with decoupled weight decay: $\Delta = -\eta\,(\hat m / (\sqrt{\hat v} + \epsilon) +
    \lambda \theta)$.

    Args:
        weight_decay: $\lambda$.
        decays: patterns of paths that decay; the default is every `kernel`, if there is any.
        b1: decay of $m$.
        b2: decay of $v$.
        epsilon: $\epsilon$.

    Example:
        >>> AdamW(learning_rate=3e-4, freezes=("tokens",), learning_rates=(("pooling", 10.0),))

    Reference: Loshchilov and Hutter, Decoupled Weight Decay Regularization, arXiv:1711.05101.
    """

    weight_decay: Annotated[float, AtLeast(0)] = 0.01
    decays: tuple[str, ...] = ("kernel",)
    b1: Annotated[float, AtLeast(0), Below(1)] = 0.9
    b2: Annotated[float, AtLeast(0), Below(1)] = 0.999
    epsilon: Annotated[float, Above(0)] = 1e-8

    @property
    def patterns(self) -> tuple[str, ...]:
        """The default of `decays` may match nothing: a bag of words has no kernel."""
        return super().patterns + (() if self.decays == AdamW.decays else self.decays)

    def direction(self, params: Any) -> optax.GradientTransformation:
        """Adam's, plus the decay of the matching parameters."""
        return optax.chain(
            optax.scale_by_adam(self.b1, self.b2, self.epsilon),
            optax.add_decayed_weights(self.weight_decay, mask(params, self.decays)),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    r"""Gradient descent: $\Delta = -\eta\, m$, $m \leftarrow \mu m + g$.

    Example:
        >>> SGD(learning_rate=0.1, momentum=0.9)
    """

    momentum: Annotated[float, AtLeast(0), Below(1)] = 0.0

    def direction(self, params: Any) -> optax.GradientTransformation:
        """The gradient, or its running sum."""
        return optax.trace(self.momentum) if self.momentum else optax.identity()


def check_pattern(pattern: str, params: Any) -> None:
    """Raises UsageError, naming the nearest paths, if a pattern matches no parameter."""
    known = paths(params)
    if any(matches(pattern, path) for path in known):
        return
    parts = {run for path in known for run in _runs(path)}
    near = difflib.get_close_matches(pattern, sorted(parts), n=3, cutoff=0.5) or known[:3]
    raise UsageError(f"The pattern {pattern!r} matches no parameter; nearest: {', '.join(near)}.")


def _runs(path: str) -> list[str]:
    segments = path.split("/")
    ends = range(1, len(segments) + 1)
    return ["/".join(segments[i:j]) for j in ends for i in range(j)]


def _scaled(params: Any, factors: tuple[tuple[str, float], ...]) -> optax.GradientTransformation:
    def factor(keys: Any, _: Any) -> float:
        value = 1.0
        for pattern, times in factors:
            value *= times if matches(pattern, _path(keys)) else 1.0
        return value

    if not factors:
        return optax.identity()

    def scale(updates: Any, _: Any) -> Any:
        # Computed from the updates themselves: frozen parameters are cut out of them.
        return jax.tree.map_with_path(lambda keys, u: u * factor(keys, u), updates)

    return optax.stateless(scale)


def _path(keys: Any) -> str:
    return "/".join(str(getattr(key, "key", getattr(key, "idx", key))) for key in keys)
