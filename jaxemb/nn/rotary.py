"""Rotary positions, and what stretches them over longer texts."""

import abc
import dataclasses
import math
from typing import Annotated

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxemb.config import Above, AtLeast, AtMost, Part, UsageError
from jaxemb.nn.positions import PositionEncoding
from jaxemb.runtime.shapes import Length


@dataclasses.dataclass(frozen=True, kw_only=True)
class RotaryScaling(Part, abc.ABC):
    """Slot: the angles by which a pair of features turns from one token to the next."""

    @abc.abstractmethod
    def frequencies(self, base: float, width: int, tokens: Length) -> Float[np.ndarray, " half"]:
        """One angle for each pair of `width` features, in a batch of `tokens` tokens."""

    @property
    def size(self) -> float:
        """What the turned features are multiplied with."""
        return 1.0


def _plain(base: float, width: int) -> Float[np.ndarray, " half"]:
    return base ** (-np.arange(0, width, 2, dtype=np.float64) / width)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoScaling(RotaryScaling):
    """`base^(-2i/k)`: the angles that a model was trained with."""

    def frequencies(self, base: float, width: int, tokens: Length) -> Float[np.ndarray, " half"]:
        return _plain(base, width)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LinearScaling(RotaryScaling):
    """`base^(-2i/k) / factor`: positions interpolated.

    Reference: Chen et al., Extending Context Window via Positional Interpolation, arXiv:2306.15595.
    """

    factor: Annotated[float, Above(0)] = 2.0

    def frequencies(self, base: float, width: int, tokens: Length) -> Float[np.ndarray, " half"]:
        return _plain(base, width) / self.factor


@dataclasses.dataclass(frozen=True, kw_only=True)
class NTKScaling(RotaryScaling):
    """A larger base, `base factor^(k/(k-2))`: the slowest pair is interpolated, the fastest is not.

    Reference: Peng et al., YaRN, arXiv:2309.00071, section 3.1.
    """

    factor: Annotated[float, Above(0)] = 2.0

    def frequencies(self, base: float, width: int, tokens: Length) -> Float[np.ndarray, " half"]:
        return _plain(base * self.factor ** (width / (width - 2)), width)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DynamicNTKScaling(RotaryScaling):
    """`NTKScaling` by as much as a batch is longer than `trained_tokens`; none for shorter ones.

    With `n` tokens the base grows by `(factor n / trained - (factor - 1))^(k/(k-2))`.

    Reference: Peng et al., YaRN, arXiv:2309.00071, section 3.3.
    """

    factor: Annotated[float, Above(0)] = 2.0
    trained_tokens: Annotated[int, AtLeast(1)] = 2048

    def frequencies(self, base: float, width: int, tokens: Length) -> Float[np.ndarray, " half"]:
        longer = max(tokens, self.trained_tokens) / self.trained_tokens
        growth = self.factor * longer - (self.factor - 1)
        return _plain(base * growth ** (width / (width - 2)), width)


@dataclasses.dataclass(frozen=True, kw_only=True)
class YarnScaling(RotaryScaling):
    """Pairs that turn often in the trained length keep their angle, slow ones are interpolated.

    A pair that turns `fast` times or more in `trained_tokens` keeps its angle, one that turns
    `slow` times or less has it divided by `factor`, and in between the two are mixed by a ramp over
    the pairs, whose ends are rounded outwards to whole pairs.

    Attributes:
        size_factor: what the features are multiplied with; None is `0.1 ln(factor) + 1`.

    Reference: Peng et al., YaRN, arXiv:2309.00071.
    """

    factor: Annotated[float, Above(0)] = 4.0
    trained_tokens: Annotated[int, AtLeast(1)] = 2048
    fast: Annotated[float, Above(0)] = 32.0
    slow: Annotated[float, Above(0)] = 1.0
    size_factor: Annotated[float, Above(0)] | None = None

    def frequencies(self, base: float, width: int, tokens: Length) -> Float[np.ndarray, " half"]:
        def pair(turns: float) -> float:
            waves = self.trained_tokens / (turns * 2 * math.pi)
            return width * math.log(waves) / (2 * math.log(base))

        low, high = math.floor(pair(self.fast)), math.ceil(pair(self.slow))
        low, high = max(low, 0), min(high, width - 1)
        high = high + 0.001 if high == low else high
        ramp = np.clip((np.arange(width // 2) - low) / (high - low), 0, 1)
        plain = _plain(base, width)
        return plain / self.factor * ramp + plain * (1 - ramp)

    @property
    def size(self) -> float:
        if self.size_factor is not None:
            return self.size_factor
        return 0.1 * math.log(self.factor) + 1.0 if self.factor > 1 else 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class BandScaling(RotaryScaling):
    """Long waves are interpolated, short ones kept, and those in between mixed by their length.

    A pair whose wave is longer than `trained_tokens / slow` has its angle divided by `factor`; one
    whose wave is shorter than `trained_tokens / fast` keeps it.

    Reference: Grattafiori et al., The Llama 3 Herd of Models, arXiv:2407.21783 (the form is that of
    the released code).
    """

    factor: Annotated[float, Above(0)] = 8.0
    trained_tokens: Annotated[int, AtLeast(1)] = 8192
    slow: Annotated[float, Above(0)] = 1.0
    fast: Annotated[float, Above(0)] = 4.0

    def frequencies(self, base: float, width: int, tokens: Length) -> Float[np.ndarray, " half"]:
        plain = _plain(base, width)
        turns = self.trained_tokens * plain / (2 * math.pi)
        kept = np.clip((turns - self.slow) / (self.fast - self.slow), 0, 1)
        return (1 - kept) * plain / self.factor + kept * plain


class Rotary(PositionEncoding, kw_only=True):
    """Turns pairs `(x[i], x[i + k/2])` of a head's `k` features by `t / base^(2i/k)`.

    The product of a query at `t` and a key at `s` then depends on `t - s` alone, so it does not
    matter where in the batch a text begins.

    Attributes:
        base: the longest wavelength over 2π.
        share: of a head's features that are turned, the first ones.
        scaling: other angles, for longer texts than a model was trained with.

    Raises:
        UsageError: if the features to be turned are odd in number.

    Reference: Su et al., RoFormer, arXiv:2104.09864.
    """

    base: Annotated[float, Above(0)] = 10000.0
    share: Annotated[float, Above(0), AtMost(1)] = 1.0
    scaling: RotaryScaling = NoScaling()

    def rotate(
        self, x: Float[Array, "batch heads tokens head_width"]
    ) -> Float[Array, "batch heads tokens head_width"]:
        tokens, width = x.shape[-2:]
        turned = int(width * self.share)
        if turned % 2:
            raise UsageError(f"Rotary needs an even width per head, not {turned}.")
        sine, cosine = self._waves(tokens, turned, x.dtype)
        first, second, rest = jnp.split(x, [turned // 2, turned], axis=-1)
        parts = [first * cosine - second * sine, second * cosine + first * sine]
        return jnp.concatenate([*parts, rest] if turned < width else parts, axis=-1)

    def _waves(self, tokens: Length, width: int, dtype) -> tuple[Array, Array]:
        frequency = self.scaling.frequencies(self.base, width, tokens)
        angle = jnp.arange(tokens, dtype=jnp.float32)[:, None] * frequency.astype(np.float32)
        sine, cosine = jnp.sin(angle), jnp.cos(angle)
        if self.scaling.size != 1:
            sine, cosine = self.scaling.size * sine, self.scaling.size * cosine
        return sine.astype(dtype), cosine.astype(dtype)
