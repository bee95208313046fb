"""Models merged by their parameters, and where a recipe starts from them."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxemb.config import Between, Part, UsageError
from jaxemb.model import Model, Network, Start


class Merge(Part):
    """Slot: the parameters of several models of one network to one set, `[params, ...] -> params`."""

    def __call__(self, params: list[Any], key: Array) -> Any:
        """A tree of the same arrays; `key` is for merges that draw, or start a model of their own."""
        raise TypeError(f"{type(self).__name__} must define __call__(params, key)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeanWeights(Merge):
    r"""$\theta = \sum_i w_i \theta_i / \sum_i w_i$.

    Args:
        weights: one per model; equal ones by default.

    Example:
        >>> MeanWeights()([{"w": jnp.array(1.0)}, {"w": jnp.array(3.0)}], None)["w"].item()
        2.0

    Reference: Wortsman et al., Model soups, arXiv:2203.05482.
    """

    weights: tuple[float, ...] = ()

    def __call__(self, params: list[Any], key: Array | None) -> Any:
        """The weighted mean of each array."""
        weights = self.weights or (1.0,) * len(params)
        if len(weights) != len(params):
            raise UsageError(f"{len(weights)} weights for {len(params)} models.")
        total = sum(weights)
        return jax.tree.map(
            lambda *x: sum(w / total * a for w, a in zip(weights, x, strict=True)), *params
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spherical(Merge):
    r"""Two models along the great circle between their arrays.

    $$\theta = \frac{\sin((1 - t)\Omega)}{\sin \Omega} \theta_1 + \frac{\sin(t \Omega)}{\sin \Omega}
    \theta_2$$

    with $\Omega$ the angle between the two as vectors, array by array; a straight line where they
    are parallel. More than two are merged one after the other, so that each counts alike.

    Args:
        fraction: $t$ for two models.

    Example:
        >>> two = [{"w": jnp.array([1.0, 0.0])}, {"w": jnp.array([0.0, 1.0])}]
        >>> Spherical()(two, None)["w"].round(4).tolist()
        [0.7071, 0.7071]

    Reference: Shoemake, Animating Rotation with Quaternion Curves, SIGGRAPH 1985.
    """

    fraction: Annotated[float, Between(0, 1)] = 0.5

    def __call__(self, params: list[Any], key: Array | None) -> Any:
        """Array by array."""
        merged = params[0]
        for count, other in enumerate(params[1:], start=2):
            t = self.fraction if len(params) == 2 else 1 / count
            merged = jax.tree.map(lambda a, b, t=t: _between(a, b, t), merged, other)
        return merged


def _between(a: Array, b: Array, t: float) -> Array:
    lengths = jnp.linalg.norm(a) * jnp.linalg.norm(b)
    cosine = jnp.clip(jnp.vdot(a, b) / jnp.where(lengths > 0, lengths, 1.0), -1.0, 1.0)
    angle = jnp.arccos(cosine)
    sine = jnp.sin(angle)
    straight = sine < 1e-6
    safe = jnp.where(straight, 1.0, sine)
    left = jnp.where(straight, 1 - t, jnp.sin((1 - t) * angle) / safe)
    right = jnp.where(straight, t, jnp.sin(t * angle) / safe)
    return left * a + right * b


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskVectors(Merge):
    r"""What each model learned, added to what they started from.

    $$\theta = \theta_0 + \lambda \sum_i (\theta_i - \theta_0)$$

    Args:
        base: where the models came from, $\theta_0$.
        scale: $\lambda$.

    Reference: Ilharco et al., Editing Models with Task Arithmetic, arXiv:2212.04089.
    """

    base: Start
    scale: float = 1.0

    def __call__(self, params: list[Any], key: Array) -> Any:
        """The base's parameters, and the scaled sum of the differences from them."""
        start = self.base.start(key).params
        try:
            return _moved(start, params, self.scale)
        except ValueError as error:
            raise UsageError(f"The base has other parameters than the models: {error}.") from None


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskVectorsFromFirst(Merge):
    r"""What all but the first model learned since they were the first, added to it.

    $$\theta = \theta_1 + \lambda \sum_{i > 1} (\theta_i - \theta_1)$$

    As `TaskVectors`, for a recipe whose own start is the base: `MergeWith(of=(AtStart(), ...))`.

    Args:
        scale: $\lambda$.

    Example:
        >>> three = [{"w": jnp.array(x)} for x in (1.0, 2.0, 5.0)]
        >>> TaskVectorsFromFirst(scale=0.5)(three, None)["w"].item()
        3.5

    Reference: Ilharco et al., Editing Models with Task Arithmetic, arXiv:2212.04089.
    """

    scale: float = 1.0

    def __call__(self, params: list[Any], key: Array | None) -> Any:
        """The first's parameters, and the scaled sum of the others' differences from them."""
        return _moved(params[0], params[1:], self.scale)


def _moved(base: Any, params: list[Any], scale: float) -> Any:
    def moved(start: Array, *each: Array) -> Array:
        return start + scale * sum(one - start for one in each)

    return jax.tree.map(moved, base, *params)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Merged(Start):
    """Starts from several models of one network, merged by their parameters.

    Args:
        of: two models or more, such as `FromRun(...)`.
        how: how they are merged.

    Raises:
        UsageError: they are not of one network, or read texts by different tokenizers.

    Example:
        >>> Merged(of=(FromRun("runs/a"), FromRun("runs/b")), how=MeanWeights())  # doctest: +SKIP
    """

    of: tuple[Start, ...]
    how: Merge = MeanWeights()

    def __post_init__(self) -> None:
        if len(self.of) < 2:
            raise UsageError("Merged takes at least two models.")

    @property
    def network(self) -> Network:
        """The first model's."""
        return self.of[0].network

    def start(self, key: Array) -> Model:
        """The first model with the merged parameters."""
        models = [one.start(key) for one in self.of]
        return dataclasses.replace(models[0], params=merged_params(models, self.how, key))

    def untrained(self, key: Array) -> Model:
        """What the first model says."""
        return self.of[0].untrained(key)

    def fingerprint(self) -> str:
        """Of all the models that are read."""
        base = getattr(self.how, "base", None)
        parts = [one.fingerprint() for one in (*self.of, *([base] if base is not None else []))]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def merged_params(models: Sequence[Model], how: Merge, key: Array) -> Any:
    """The parameters of several models of one network, merged.

    Raises:
        UsageError: they are not of one network, or read texts by different tokenizers.
    """
    first = models[0]
    for number, other in enumerate(models[1:], start=2):
        if jax.tree.map(jnp.shape, other.params) != jax.tree.map(jnp.shape, first.params):
            raise UsageError(f"Model {number} of those to merge has other parameters.")
        if _pieces(other) != _pieces(first):
            raise UsageError(f"Model {number} of those to merge has another tokenizer.")
    return how([model.params for model in models], key)


def _pieces(model: Model) -> str | None:
    return None if model.tokenizer is None else model.tokenizer.to_json()
