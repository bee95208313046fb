"""An experiment: what is compared, on what, and what is claimed of it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from jaxemb.config import UsageError
from jaxemb.study.claims import Claim
from jaxemb.study.controls import BM25, Control, RandomVectors, StaticBag, Untrained
from jaxemb.study.recipe import Recipe, Tuning
from jaxemb.study.sweep import Arm


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """A base recipe, the arms that differ from it, and what is claimed of them.

    Args:
        base: the recipe that every arm starts from.
        arms: named sets of overrides of `base`.
        claims: what is judged, over `seeds` and examples together.
        controls: rows that stand in every table and could embarrass the method.
        seeds: a run an arm and seed; seeds are paired across arms.
        scales: overrides by scale's name, such as `{"paper": {"encoder.layers": 12}}`.
        unit: what the claims are judged over where the base trains nothing. Arms that bring
            stages of their own to such a base are models that stand beside others, not draws.
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
    unit: str = "example"
    tuning: Tuning | None = field(default_factory=Tuning)
    margin: float = 0.01

    def __post_init__(self) -> None:
        object.__setattr__(self, "seeds", tuple(self.seeds))
        object.__setattr__(self, "arms", tuple(self.arms))
        names = [arm.name for arm in self.arms]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UsageError(f"Two arms are named {twice[0]!r}; every arm needs a name of its own.")
        for claim in self.claims:
            for name in claim.arms:
                if name not in names:
                    raise UsageError(
                        f"The claim {claim.text!r} names the arm {name!r}, and there is none; "
                        f"arms: {', '.join(names)}."
                    )
