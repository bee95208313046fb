"""Everything that makes one model and its scores, and how its learning rate is picked."""

import dataclasses
from dataclasses import field
from typing import Annotated

from jaxemb.config import Above, AtLeast, AtMost, Part, UsageError, check_ranges, from_json, to_json
from jaxemb.evaluation import Task
from jaxemb.model import Network, NoModel, Start
from jaxemb.runtime import Runtime
from jaxemb.training import START, Stage


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe(Part):
    """Everything that makes one model and its scores; its JSON rebuilds it.

    `runtime` says where it is computed, which changes no number beyond rounding, so it is no part
    of the fingerprint; a run's own also tells of the dtype it was trained in. `embedder` is a
    network to train, towers, or weights that somebody else trained; None is for evaluations that
    need no model.
    """

    unfingerprinted = ("runtime",)
    preferred = ("embedder", "stages", "evaluation")

    embedder: Start | None = None
    stages: tuple[Stage, ...] = ()
    evaluation: tuple[Task, ...] = ()
    seed: Annotated[int, AtLeast(0)] = 0
    runtime: Runtime = field(default_factory=Runtime)

    @property
    def start(self) -> Start:
        """Where the model comes from; `NoModel` where there is none."""
        return NoModel() if self.embedder is None else self.embedder

    @property
    def network(self) -> Network | None:
        """The network in our own parts; read from the settings of weights that are named."""
        return self.start.network

    @property
    def trains(self) -> bool:
        """Whether a stage takes gradient steps."""
        return any(stage.learns for stage in self.stages)

    def check_recalled(self) -> None:
        """Raises UsageError if a stage reads the model of one that does not stand before it."""
        before = [START]
        for stage in self.stages:
            missing = [name for name in stage.recalls if name not in before]
            if missing:
                known = ", ".join(repr(name) for name in before[1:]) or "none"
                raise UsageError(
                    f"The stage {stage.name!r} reads the model of the stage {missing[0]!r}, which is "
                    f"not before it; those before it: {known}."
                )
            before.append(stage.name)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuning(Part):
    """How each arm picks its learning rate: on dev, at a fraction of the budget, with another seed.

    The rate with the best mean of `metrics` on the development split wins; no tuning seed is ever
    among the seeds that are judged.
    """

    learning_rates: Annotated[tuple[float, ...], Above(0)] = (1e-3, 3e-3, 1e-2)
    fraction: Annotated[float, Above(0), AtMost(1)] = 0.25
    seeds: Annotated[tuple[int, ...], AtLeast(0)] = (1000,)
    metrics: tuple[str, ...] = ("retrieval/ndcg@10", "sts/spearman")

    def __post_init__(self) -> None:
        check_ranges(self)
        for name in ("learning_rates", "seeds", "metrics"):
            if not getattr(self, name):
                raise UsageError(f"{name}=() of Tuning: give one or more.")


def rebuilt(recipe: Recipe) -> Recipe:
    """The recipe read back from its own JSON, so that no two slots share one module object."""
    return from_json(to_json(recipe))
