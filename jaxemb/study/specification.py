"""An experiment: what is compared, on what, and what is claimed of it."""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from jaxemb.config import UsageError, near_miss
from jaxemb.study.arms import MOST_ARMS, Arm, chain
from jaxemb.study.claims import Claim
from jaxemb.study.controls import BM25, Control, RandomVectors, StaticBag, Untrained
from jaxemb.study.recipe import Recipe, Tuning

_MOST = MOST_ARMS + 1  # of arms, or of seeds: one more tells that there are too many


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """A base recipe, the arms that differ from it, and what is claimed of them.

    Args:
        base: the recipe that every arm starts from.
        arms: named sets of overrides of `base`.
        claims: what is judged, over `seeds` and examples together. The first one is the headline:
            its verdict is the experiment's.
        controls: rows that stand in every table and could embarrass the method.
        seeds: one run per arm and seed; seeds are paired across arms.
        scales: overrides of the base by scale's name: `{"medium": {"encoder.layers": 6}}` for one
            GPU, `"paper"` for the paper's own model and sizes. `small` is the base as written.
        tuning: how an arm picks its learning rate; None leaves the recipe's, and so does a base that
            trains nothing.
        margin: the smallest difference that matters, declared before anything is run.
    """

    base: Recipe
    arms: tuple[Arm, ...]
    claims: tuple[Claim, ...] = ()
    controls: tuple[Control, ...] = (BM25(), RandomVectors(), Untrained(), StaticBag())
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    scales: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tuning: Tuning | None = field(default_factory=Tuning)
    margin: float = 0.01

    def __post_init__(self) -> None:
        object.__setattr__(self, "seeds", tuple(itertools.islice(self.seeds, _MOST)))
        object.__setattr__(self, "arms", chain(itertools.islice(self.arms, _MOST)))
        if not self.arms:
            raise UsageError(
                "arms=() of an experiment: there is nothing to compare; give one or more."
            )
        for name in ("seeds", "arms"):
            if len(getattr(self, name)) == _MOST:
                raise UsageError(f"An experiment has fewer than {_MOST} {name}.")
        for scale in {"smoke", "small"} & self.scales.keys():
            raise UsageError(f"The scale {scale!r} is defined for every experiment; name another.")
        self._check_numbers()
        names = [arm.name for arm in self.arms]
        for claim in self.claims:
            for name in claim.arms:
                if name not in names:
                    raise UsageError(
                        f"The claim {claim.text!r} names the arm {name!r}, and there is none; "
                        f"arms: {', '.join(names)}."
                    )

    def _check_numbers(self) -> None:
        if not self.seeds or any(type(seed) is not int or seed < 0 for seed in self.seeds):
            raise UsageError(
                f"seeds={self.seeds} of an experiment are whole numbers of at least 0, one or more."
            )
        if type(self.margin) not in (int, float) or not 0 <= self.margin < float("inf"):
            raise UsageError(f"margin={self.margin!r} of an experiment is a number of at least 0.")
        judged = self.seeds if self.tuning is None else set(self.seeds) & set(self.tuning.seeds)
        if self.tuning is not None and judged:
            raise UsageError(
                f"Tuning(seeds=...) has the seed {min(judged)}, which is judged as well; a learning "
                "rate is picked with another seed."
            )

    def of(self, names: Iterable[str]) -> "Experiment":
        """Some of the arms, with the claims that can be judged over them.

        Raises:
            UsageError: there is no such arm; the message gives the nearest names.
        """
        known = {arm.name: arm for arm in self.arms}
        chosen = list(dict.fromkeys(names))
        for name in chosen:
            if name not in known:
                near = near_miss(name, known)
                raise UsageError(f"There is no arm '{name}'{near}; arms: {', '.join(known)}.")
        arms = tuple(arm for arm in self.arms if arm.name in chosen)
        claims = tuple(claim for claim in self.claims if claim.within(chosen))
        return dataclasses.replace(self, arms=arms, claims=claims)
