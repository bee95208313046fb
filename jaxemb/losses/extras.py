"""Losses over what a network says beside its vectors: routers, and sparse autoencoders."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key, Shaped

from jaxemb.config import AtLeast, UsageError, check_ranges
from jaxemb.losses.base import TINY, Columns, Loss, Term, row_weights
from jaxemb.losses.embedded import embedded
from jaxemb.runtime import mean


class FromExtra(Loss):
    """Base of losses over `extra` of a column's `Embedded`."""

    column: str

    @property
    def needs(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    @property
    def vectors(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def extra(self, columns: Columns, *names: str) -> list[Shaped[Array, "rows ..."]]:
        """What the network says under these names.

        Raises:
            UsageError: it says nothing of the kind.
        """
        found: Mapping[str, Array] = embedded(columns[self.column]).extra
        missing = [name for name in names if name not in found]
        if missing:
            raise UsageError(
                f"{type(self).__name__} reads {missing[0]!r} of what the network says of "
                f"{self.column!r} beside its vectors, and there is {', '.join(found) or 'nothing'}."
            )
        return [found[name].astype(jnp.float32) for name in names]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RouterBalance(FromExtra):
    r"""Experts should be chosen equally often: $E \sum_e f_e P_e$, averaged over layers.

    $P_e$ is the mean probability of the expert $e$ over all tokens of the batch, $f_e$ its share of
    the choices, which has no gradient. It is 1 for equal use and $E$ where one expert takes all.

    Columns: one whose network says `router` in `extra`: `[rows, layers, tokens, experts]` or
    `[rows, tokens, experts]`, probabilities, and zeros at padding.

    Args:
        chosen: how many experts a token has.
        column: which texts.

    Raises:
        UsageError: `chosen` is below 1, or the network has no router.

    Example:
        >>> router = jnp.full((2, 3, 4), 0.25)
        >>> columns = {"query": Embedded(jnp.ones((2, 5)), extra={"router": router})}
        >>> RouterBalance(chosen=4)(columns, key=jax.random.key(0))["balance"].value.tolist()
        [1.0, 1.0]

    Reference: Shazeer et al., Outrageously Large Neural Networks, arXiv:1701.06538; Fedus et al.,
    Switch Transformers, arXiv:2101.03961; Nussbaum and Duderstadt, arXiv:2502.07972.
    """

    chosen: Annotated[int, AtLeast(1)] = 2
    column: str = "query"

    __post_init__ = check_ranges

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `balance`."""
        (router,) = self.extra(columns, "router")
        router = router[:, None] if router.ndim == 3 else router
        experts = router.shape[-1]
        weight = row_weights(columns, len(router))
        tokens = jnp.any(router > 0, axis=-1) * (weight > 0)[:, None, None]
        _, best = jax.lax.top_k(router, min(self.chosen, experts))
        choices = jnp.sum(jax.nn.one_hot(best, experts), axis=-2)
        count = jnp.maximum(mean(jnp.sum(tokens, axis=(0, 2)), axis), TINY)[:, None]
        share, probability = (
            mean(jnp.einsum("rlt,rlte->le", tokens.astype(jnp.float32), x), axis) / count
            for x in (choices / best.shape[-1], router)
        )
        value = experts * jnp.mean(jnp.sum(share * probability, axis=-1))
        return {"balance": Term(jnp.broadcast_to(value, weight.shape), weight)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class SparseReconstruction(FromExtra):
    r"""What a sparse autoencoder gives back should be what went in.

    $$\mathrm{MSE}(x, \hat x_k) + \tfrac{1}{8} \mathrm{MSE}(x, \hat x_{4k}) + \beta \,
    \frac{\mathrm{MSE}(r, \hat r)}{\mathrm{MSE}(r, \bar r)}$$

    $\hat x_k$ is decoded from the $k$ largest features, $\hat x_{4k}$ from four times as many; $\hat r$
    is what dead features make of the residual $r = x - \mathrm{sg}(\hat x_k - b)$, $b$ the decoder's
    bias.

    Columns: one whose network says `input`, `decoded`, `decoded_4k`, `decoded_aux` and
    `decoded_without_bias` in `extra`, each `[rows, dim]`.

    Args:
        beta: $\beta$.
        column: which texts.

    Example:
        >>> SparseReconstruction(beta=0.1)

    Reference: Wen et al., Beyond Matryoshka: Revisiting Sparse Coding for Adaptive Representation,
    arXiv:2503.01776; Gao et al., Scaling and evaluating sparse autoencoders, arXiv:2406.04093.
    """

    beta: Annotated[float, AtLeast(0)] = 1.0
    column: str = "query"

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The terms `k`, `4k` and `aux`."""
        names = ("input", "decoded", "decoded_4k", "decoded_aux", "decoded_without_bias")
        x, decoded, more, residue, plain = self.extra(columns, *names)
        weight = row_weights(columns, len(x))
        left = x - jax.lax.stop_gradient(plain)
        return {
            "k": Term(jnp.mean((x - decoded) ** 2, axis=1), weight),
            "4k": Term(jnp.mean((x - more) ** 2, axis=1) / 8, weight),
            "aux": Term(self.beta * self._aux(residue, left, weight, axis), weight),
        }

    def _aux(self, found: Array, left: Array, weight: Array, axis: str | None) -> Array:
        total = jnp.maximum(mean(jnp.sum(weight), axis), TINY)
        middle = mean(weight @ left, axis) / total
        spread = mean(jnp.sum(weight * jnp.mean((left - middle) ** 2, axis=1)), axis) / total
        # Residuals that are all alike have no spread to be measured by.
        spread = jnp.where(spread > 1e-12, spread, 1.0)
        return jnp.mean((found - left) ** 2, axis=1) / spread
