"""Several losses as one."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
from jaxtyping import Array, Float32, Key

from jaxemb.config import UsageError, snake_case
from jaxemb.losses.base import Columns, Loss, LossState, Term, scaled
from jaxemb.losses.embedded import Reading


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sum(Loss):
    r"""$L = \sum_k w_k L_k$, with every term of every loss under the loss's name.

    A loss that stands there twice is numbered: `info_nce`, `info_nce_2`. Each has parameters and
    memory of its own.

    Args:
        losses: any losses.
        weights: one for each; ones by default.

    Raises:
        UsageError: no loss, another number of weights, or two losses that read one column in two
            ways, such as its vector and its logits.

    Example:
        >>> total = Sum(losses=(InfoNCE(), SpreadOut()), weights=(1.0, 0.1))
        >>> total.names
        ('info_nce', 'spread_out')
    """

    losses: tuple[Loss, ...]
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.losses:
            raise UsageError("Sum needs at least one loss.")
        if self.weights and len(self.weights) != len(self.losses):
            raise UsageError(f"{len(self.weights)} weights for {len(self.losses)} losses.")
        _ = self.reads

    def check_width(self, width: int) -> None:
        """As each of them."""
        for loss in self.losses:
            loss.check_width(width)

    def negatives_per_row(self, columns: Columns) -> Float32[Array, ""] | None:
        """The first loss's that has any."""
        each = (loss.negatives_per_row(columns) for loss in self.losses)
        return next((count for count in each if count is not None), None)

    @property
    def names(self) -> tuple[str, ...]:
        """What the losses are called in the names of terms."""
        names: list[str] = []
        for loss in self.losses:
            name = snake_case(type(loss))
            same = sum(other == name or other.startswith(f"{name}_") for other in names)
            names.append(name if name not in names else f"{name}_{same + 1}")
        return tuple(names)

    @property
    def needs(self) -> tuple[str, ...]:
        """What any of them needs."""
        return tuple(dict.fromkeys(name for loss in self.losses for name in loss.needs))

    @property
    def vectors(self) -> tuple[str, ...]:
        """What any of them reads."""
        return tuple(self.reads)

    @property
    def reads(self) -> Mapping[str, Reading]:
        """What any of them asks of each column."""
        found: dict[str, Reading] = {}
        for loss in self.losses:
            for name, reading in loss.reads.items():
                if found.setdefault(name, reading) != reading:
                    raise UsageError(
                        f"Two losses read the column {name!r} in two ways, as "
                        f"{type(found[name]).__name__} and {type(reading).__name__}; "
                        "give one of them another column with the same texts."
                    )
        return found

    def init(self, key: Key[Array, ""], columns: Columns) -> LossState:
        """Each loss's own, by name."""
        keys = jax.random.split(key, len(self.losses))
        states = {
            name: loss.init(k, columns)
            for name, loss, k in zip(self.names, self.losses, keys, strict=True)
        }
        return LossState(
            {name: state.params for name, state in states.items()},
            {name: state.memory for name, state in states.items()},
        )

    def apply(
        self, state: LossState, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> tuple[dict[str, Term], Any]:
        """All terms, as `<loss>/<term>`."""
        terms: dict[str, Term] = {}
        memory = {}
        factors = self.weights or (1.0,) * len(self.losses)
        keys = jax.random.split(key, len(self.losses))
        for name, loss, factor, own in zip(self.names, self.losses, factors, keys, strict=True):
            before = LossState(state.params[name], state.memory[name])
            found, memory[name] = loss.apply(before, columns, key=own, axis=axis)
            terms |= scaled(found, factor, name)
        return terms, memory

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The terms, with the parameters that they start at."""
        return self.apply(self.init(key, columns), columns, key=key, axis=axis)[0]
