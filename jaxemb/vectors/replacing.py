"""Hard negatives that stay until the model finds them easy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxemb.config import Above, AtLeast
from jaxemb.vectors.looks import Look
from jaxemb.vectors.mining import MinedBatches, Mining


@dataclass(frozen=True, kw_only=True)
class MinedWhereEasy(Mining):
    r"""The inner pairs with `count` negatives each, of which those that became easy are replaced.

    A negative keeps the score $s_0$ that it had when it was taken. Every `every` steps all are
    scored anew, and one is replaced where

    $$f s_t < s_0 \quad \text{and} \quad |s_t| < c$$

    by the hardest eligible one, at that time, that the example does not have. The others keep
    their $s_0$. Batches are in the inner data's order.

    Args:
        inner: pairs of `query` and `positive` with their ids.
        count: negatives for each pair.
        judge: the model that ranks and scores.
        eligible: which of the ranked may be negatives.
        take: which of these are taken first.
        depth: how many are ranked.
        excluded: which texts are never negatives.
        candidates: which texts may be, beside the positives.
        every: steps between looks.
        factor: $f$.
        ceiling: $c$.

    Raises:
        UsageError: the inner data has no ids of texts, or a number is out of range.

    Example:
        >>> MinedWhereEasy(count=4, every=100, eligible=BelowPositive())

    Reference: Li et al., Conan-embedding, arXiv:2408.15710 (the second condition is unconfirmed).
    """

    every: Annotated[int, AtLeast(1)] = 100
    factor: Annotated[float, Above(0)] = 1.15
    ceiling: Annotated[float, Above(0)] = 0.8

    def batches(self, model: Any, *, seed: int) -> "ReplacingBatches":
        return ReplacingBatches(self, self.inner.examples_for(model), model, seed)

    def easy(
        self, first: Float[np.ndarray, "examples count"], now: Float[np.ndarray, "examples count"]
    ) -> Bool[np.ndarray, "examples count"]:
        """Which negatives are replaced, from their scores when they were taken and now."""
        return (self.factor * now < first) & (np.abs(now) < self.ceiling)


class ReplacingBatches(MinedBatches):
    """The negatives of each example and their first scores are in the state."""

    data: MinedWhereEasy

    def __init__(
        self, data: MinedWhereEasy, examples: Sequence[dict[str, Any]], model: Any, seed: int
    ):
        super().__init__(data, examples, model, seed)
        self.first: Float[np.ndarray, "examples count"] | None = None

    def renew(self, step: int, model: Callable[[], Any]) -> None:
        """Take negatives at first, and replace those that became easy where it is due."""
        if self.mined is not None and (step == 0 or step % self.data.every):
            return
        look = self.data.judge.look(model).kept()
        if self.mined is None or self.first is None:
            self.mined = self._mine(look, self.data.count, step)
            self.first = look.scores_of(self.examples, self.mined, self.candidates)
            return
        now = look.scores_of(self.examples, self.mined, self.candidates)
        easy = self.data.easy(self.first, now)
        rows = np.flatnonzero(easy.any(axis=1))
        offered = self._mine(look, 2 * self.data.count, step)
        for row in rows.tolist():
            fresh = [n for n in offered[row].tolist() if n not in self.mined[row]]
            places = np.flatnonzero(easy[row])[: len(fresh)]
            self.mined[row, places] = fresh[: len(places)]
        changed = look.scores_of(self.examples, self.mined, self.candidates)
        self.first = np.where(easy, changed, self.first)

    def _mine(self, look: Look, count: int, step: int) -> Int[np.ndarray, "examples count"]:
        return self.data.searched(self.examples, self.candidates, look, count, step).numbers

    def get_state(self) -> dict[str, Any]:
        first = None if self.first is None else self.first.tolist()
        return {**super().get_state(), "first": first}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self.first = None if state["first"] is None else np.array(state["first"], np.float32)
