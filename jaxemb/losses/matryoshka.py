"""Wrappers that train prefixes of a vector, so that it can be cut after training."""

import dataclasses
from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.config import AtLeast, UsageError
from jaxemb.losses.base import Columns, Loss
from jaxemb.losses.wrapper import Wrapper


@dataclasses.dataclass(frozen=True, kw_only=True)
class Matryoshka(Wrapper):
    r"""The inner loss at every length of prefix in `dims`, each step.

    $$L = \sum_d w_d \, L_{\mathrm{inner}}(x_{:d})$$

    The full width is trained only if it is among `dims`.

    Args:
        inner: any loss over vectors.
        dims: lengths of prefix.
        weights: one per length; ones by default.

    Raises:
        UsageError: no `dims`, another number of weights, or a length above the vectors' width.

    Example:
        >>> Matryoshka(inner=InfoNCE(), dims=(16, 32, 64, 128))

    Reference: Kusupati et al., Matryoshka Representation Learning, arXiv:2205.13147.
    """

    inner: Loss
    dims: Annotated[tuple[int, ...], AtLeast(1)]
    weights: Annotated[tuple[float, ...], AtLeast(0)] = ()

    def __post_init__(self) -> None:
        _check_dims(self.dims)
        if self.weights and len(self.weights) != len(self.dims):
            raise UsageError(f"{len(self.weights)} weights for {len(self.dims)} dims.")

    def check_width(self, width: int) -> None:
        """Every length must be there, and the inner loss must fit each."""
        _check_width(self.dims, width)
        for dim in self.dims:
            self.inner.check_width(dim)

    def variants(self, columns: Columns, key: Key[Array, ""]) -> dict[str, Columns]:
        """The first `d` numbers of every vector, under `dim<d>`."""
        _check_width(self.dims, self.width(columns))
        return {
            f"dim{dim}": self.changed(columns, lambda x, dim=dim: x[..., :dim]) for dim in self.dims
        }

    def factor(self, variant: str) -> float:
        """The length's weight."""
        names = [f"dim{dim}" for dim in self.dims]
        return dict(zip(names, self.weights, strict=True))[variant] if self.weights else 1.0

    def small(self) -> "Matryoshka":
        inner, dims = self.inner.small(), (8, 16)[-len(self.dims) :]
        return dataclasses.replace(self, inner=inner, dims=dims, weights=self.weights[: len(dims)])


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampledDimension(Wrapper):
    r"""The inner loss at full width and at one length of prefix, drawn anew at each step.

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
    dims: Annotated[tuple[int, ...], AtLeast(1)]

    def __post_init__(self) -> None:
        _check_dims(self.dims)

    def check_width(self, width: int) -> None:
        """Every length must be there."""
        _check_width(self.dims, width)
        self.inner.check_width(width)

    def variants(self, columns: Columns, key: Key[Array, ""]) -> dict[str, Columns]:
        """The whole vectors under `full`, those with a mask under `sampled`."""
        width = self.width(columns)
        _check_width(self.dims, width)
        mask = jnp.arange(width) < jax.random.choice(key, jnp.array(self.dims))
        return {
            "full": columns,
            "sampled": self.changed(columns, lambda x: jnp.where(mask, x, 0)),
        }

    def small(self) -> "SampledDimension":
        return dataclasses.replace(self, inner=self.inner.small(), dims=(8, 16))


def _check_dims(dims: tuple[int, ...]) -> None:
    if not dims or min(dims) < 1:
        raise UsageError(f"dims={dims}: give at least one positive length.")
    if len(set(dims)) < len(dims):
        raise UsageError(f"dims={dims}: a length stands there twice.")


def _check_width(dims: tuple[int, ...], width: int) -> None:
    if max(dims) > width:
        raise UsageError(f"dims={dims}: the vectors have only {width} numbers.")
