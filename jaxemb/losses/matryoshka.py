"""Wrappers that train prefixes of a vector, so that it can be cut after training."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.config import UsageError
from jaxemb.losses.base import Columns, Loss, Term, scaled


class Wrapper(Loss):
    """Base of losses around a loss: the slot is `inner`, whose columns it reads."""

    inner: Loss

    @property
    def needs(self) -> tuple[str, ...]:
        """The inner loss's."""
        return self.inner.needs

    @property
    def vectors(self) -> tuple[str, ...]:
        """The inner loss's."""
        return self.inner.vectors

    @property
    def reads_depths(self) -> bool:
        """Whether a layer-wise wrapper lies inside."""
        return self.inner.reads_depths

    def changed(self, columns: Columns, change) -> dict[str, Array]:
        """The columns with `change` applied to each column of vectors."""
        return {name: change(x) if name in self.vectors else x for name, x in columns.items()}

    def width(self, columns: Columns) -> int:
        """How many numbers a vector has."""
        return next(columns[name] for name in self.vectors if name in columns).shape[-1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Matryoshka(Wrapper):
    r"""The inner loss at every length of prefix in `dims`, each step.

    $$L = \sum_d w_d \, L_{\mathrm{inner}}(x_{:d})$$

    The full width is trained only if it is among `dims`.

    Args:
        inner: any loss over vectors.
        dims: lengths of prefix.
        weights: one a length; ones by default.

    Raises:
        UsageError: no `dims`, another number of weights, or a length above the vectors' width.

    Example:
        >>> Matryoshka(inner=InfoNCE(), dims=(16, 32, 64, 128))

    Reference: Kusupati et al., Matryoshka Representation Learning, arXiv:2205.13147.
    """

    inner: Loss
    dims: tuple[int, ...]
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _check_dims(self.dims)
        if self.weights and len(self.weights) != len(self.dims):
            raise UsageError(f"{len(self.weights)} weights for {len(self.dims)} dims.")

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The inner loss's terms, named `dim<d>/<term>`."""
        _check_width(self.dims, self.width(columns))
        terms = {}
        for dim, weight in zip(self.dims, self.weights or (1.0,) * len(self.dims), strict=True):
            prefixes = self.changed(columns, lambda x, dim=dim: x[..., :dim])
            terms |= scaled(self.inner(prefixes, key=key, axis=axis), weight, f"dim{dim}")
        return terms


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampledDimension(Wrapper):
    r"""The inner loss at full width and at one length of prefix drawn a step.

    $$L = L_{\mathrm{inner}}(x) + L_{\mathrm{inner}}(x \odot \mathbb{1}[i < d]), \quad
    d \sim U(\mathrm{dims})$$

    The prefix is cut by a mask, so every length is one program; a dot product or cosine of masked
    vectors equals that of cut ones.

    Raises:
        UsageError: no `dims`, or a length above the vectors' width.

    Example:
        >>> SampledDimension(inner=InfoNCE(), dims=(8, 16, 32, 64))

    Reference: Li et al., 2D Matryoshka Sentence Embeddings, arXiv:2402.14776.
    """

    inner: Loss
    dims: tuple[int, ...]

    def __post_init__(self) -> None:
        _check_dims(self.dims)

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The inner loss's terms, named `full/<term>` and `sampled/<term>`."""
        width = self.width(columns)
        _check_width(self.dims, width)
        draw, inner_key = jax.random.split(key)
        dim = jax.random.choice(draw, jnp.array(self.dims))
        mask = jnp.arange(width) < dim
        cut = self.changed(columns, lambda x: jnp.where(mask, x, 0))
        full = scaled(self.inner(columns, key=inner_key, axis=axis), 1.0, "full")
        return full | scaled(self.inner(cut, key=inner_key, axis=axis), 1.0, "sampled")


def _check_dims(dims: tuple[int, ...]) -> None:
    if not dims or min(dims) < 1:
        raise UsageError(f"dims={dims}: give at least one positive length.")


def _check_width(dims: tuple[int, ...], width: int) -> None:
    if max(dims) > width:
        raise UsageError(f"dims={dims}: the vectors have only {width} numbers.")
