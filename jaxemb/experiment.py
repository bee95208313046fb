"""The nouns of a study: stages, Recipe, Experiment; what is compared, on what, and what is claimed."""

import dataclasses
from collections.abc import Mapping
from dataclasses import field
from typing import Any

import jax

from jaxemb.claims import Claim
from jaxemb.config import Part, UsageError, from_json, to_json
from jaxemb.controls import BM25, Control, RandomVectors, StaticBag, Untrained
from jaxemb.data import Dataset
from jaxemb.evaluation import Task
from jaxemb.interop import Pretrained
from jaxemb.model import Embedder, Model, Transform
from jaxemb.parallel import Runtime
from jaxemb.sweep import Arm
from jaxemb.tokens import Estimator
from jaxemb.training import Stage, Train

__all__ = ["Apply", "Experiment", "Fit", "Recipe", "Train", "Tuning"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fit(Stage):
    """A stage that fits part of the model in closed form: a vocabulary, a token table.

    Example:
        >>> Fit(estimator=PPMISVD(), data=Texts(source=PyDocs()))
    """

    estimator: Estimator
    data: Dataset
    name: str = "fit"

    def run(self, model: Model, key: jax.Array) -> Model:
        """`Model -> Model`; the texts are those of the training split."""
        return self.estimator.fit(model, self.data.texts(), key)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Apply(Stage):
    """A stage that adds a transform of the finished vectors.

    Example:
        >>> Apply(transform=Slice(dim=64))
    """

    transform: Transform
    name: str = "apply"

    def run(self, model: Model, key: jax.Array) -> Model:
        """`Model -> Model`; nothing is fitted."""
        return dataclasses.replace(model, transforms=(*model.transforms, self.transform))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe(Part):
    """Everything that makes one model and its scores; its JSON rebuilds it.

    `runtime` says where it is computed, which changes no number beyond rounding, so it is no part
    of the fingerprint; a run's own also tells of the dtype it was trained in. `embedder` is a
    network to train, or weights that somebody else trained; None is for evaluations that need no
    model.
    """

    unfingerprinted = ("runtime",)

    embedder: Embedder | Pretrained | None = None
    stages: tuple[Stage, ...] = ()
    evaluation: tuple[Task, ...] = ()
    seed: int = 0
    runtime: Runtime = field(default_factory=Runtime)

    @property
    def network(self) -> Embedder | None:
        """The embedder in our own parts; read from the settings of weights that are named."""
        return None if self.embedder is None else self.embedder.network

    @property
    def trains(self) -> bool:
        """Whether a stage takes gradient steps."""
        return any(isinstance(stage, Train) for stage in self.stages)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuning(Part):
    """How each arm picks its learning rate: on dev, at a fraction of the budget, with another seed.

    The rate with the best mean of `metrics` on the development split wins; no tuning seed is ever
    among the seeds that are judged.
    """

    learning_rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2)
    fraction: float = 0.25
    seeds: tuple[int, ...] = (1000,)
    metrics: tuple[str, ...] = ("retrieval/ndcg@10", "sts/spearman")


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


def rebuilt(recipe: Recipe) -> Recipe:
    """The recipe read back from its own JSON, so that no two slots share one module object."""
    return from_json(to_json(recipe))
