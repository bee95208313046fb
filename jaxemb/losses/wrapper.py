"""The base of losses around a loss: which variants of the columns the inner loss is applied to."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
from jaxtyping import Array, Float32, Key

from jaxemb.losses.base import Columns, Loss, LossState, Term, scaled, vectors
from jaxemb.losses.embedded import Embedded, Reading, embedded


class Wrapper(Loss):
    """Base of losses around a loss in the slot `inner`, whose columns it reads.

    A subclass defines `variants`. The inner loss is applied to each of them, with parameters and
    memory of its own, and its terms are named `<variant>/<term>`.
    """

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
    def reads(self) -> Mapping[str, Reading]:
        """The inner loss's."""
        return self.inner.reads

    def check_width(self, width: int) -> None:
        """As the inner loss."""
        self.inner.check_width(width)

    def negatives_per_row(self, columns: Columns) -> Float32[Array, ""] | None:
        """The inner loss's, for the first variant."""
        first = next(iter(self.variants(columns, jax.random.key(0)).values()))
        return self.inner.negatives_per_row(first)

    def variants(self, columns: Columns, key: Key[Array, ""]) -> dict[str, Columns]:
        """The columns as the inner loss sees them, by the name of the variant; one, as they are."""
        return {"": columns}

    def factor(self, variant: str) -> float:
        """What a variant's terms are multiplied by; 1 by default."""
        return 1.0

    def extra_terms(self, variants: Mapping[str, Columns]) -> dict[str, Term]:
        """Terms beside those of the inner loss; none by default."""
        return {}

    def init(self, key: Key[Array, ""], columns: Columns) -> LossState:
        """The inner loss's state for each variant."""
        variants = jax.eval_shape(lambda c: self.variants(c, key), dict(columns))
        states = {name: self.inner.init(key, shapes) for name, shapes in variants.items()}
        return LossState(
            {name: state.params for name, state in states.items()},
            {name: state.memory for name, state in states.items()},
        )

    def apply(
        self, state: LossState, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> tuple[dict[str, Term], Any]:
        """The inner loss's terms for every variant, and `extra_terms`."""
        draw, inner_key = jax.random.split(key)
        terms: dict[str, Term] = {}
        memory = {}
        variants = self.variants(columns, draw)
        for name, seen in variants.items():
            own = LossState(state.params.get(name, {}), state.memory.get(name, {}))
            found, memory[name] = self.inner.apply(own, seen, key=inner_key, axis=axis)
            terms |= scaled(found, self.factor(name), name)
        return terms | self.extra_terms(variants), memory

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The terms, for an inner loss without parameters and memory."""
        return self.apply(LossState({}, {}), columns, key=key, axis=axis)[0]

    def changed(self, columns: Columns, change: Callable[[Array], Array]) -> dict[str, Any]:
        """The columns with `change` applied to each column's vectors."""
        return {
            name: _changed(value, change) if name in self.reads else value
            for name, value in columns.items()
        }

    def width(self, columns: Columns) -> int:
        """How many numbers a vector has."""
        return next(vectors(columns[name]) for name in self.reads if name in columns).shape[-1]


def _changed(value: Any, change: Callable[[Array], Array]) -> Embedded:
    value = embedded(value)
    return value._replace(vectors=change(value.vectors))
