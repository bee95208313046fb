"""Stages of a recipe, and the one that trains."""

import dataclasses

from jaxemb.config import Part, UsageError
from jaxemb.data import Dataset
from jaxemb.losses import Loss
from jaxemb.runtime import Runtime
from jaxemb.training.gradients import Full, GradientMethod
from jaxemb.training.optimizers import Optimizer


class Stage(Part):
    """Slot: `Model -> Model`. Its `name` is how overrides and folders speak of it."""

    name: str


class Budget(Part):
    """Slot: how long a stage trains."""

    def count(self, data: Dataset) -> int:
        """Steps."""
        raise TypeError(f"{type(self).__name__} must define count(data)")

    def scaled(self, fraction: float) -> "Budget":
        """This budget times `fraction`, at least one step."""
        raise TypeError(f"{type(self).__name__} must define scaled(fraction)")


@dataclasses.dataclass(frozen=True)
class Steps(Budget):
    """So many steps.

    Example:
        >>> Steps(400).scaled(0.25)
        Steps(steps=100)
    """

    steps: int

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise UsageError(f"steps={self.steps} must not be negative.")

    def count(self, data: Dataset) -> int:
        """The number itself."""
        return self.steps

    def scaled(self, fraction: float) -> "Steps":
        """Rounded, at least 1."""
        return Steps(max(round(self.steps * fraction), 1))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train(Stage):
    """A stage that minimises a loss over batches.

    Args:
        data: gives batches; its columns must cover the loss's.
        loss: any loss.
        optimizer: turns gradients into updates.
        gradients: how a batch's gradient is made.
        budget: how long.
        name: of the stage.

    Example:
        >>> Train(data=Pairs(batch_size=128), loss=InfoNCE(), optimizer=AdamW(), budget=Steps(400))
    """

    data: Dataset
    loss: Loss
    optimizer: Optimizer
    gradients: GradientMethod = Full()
    budget: Budget = Steps(100)
    name: str = "train"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SharedTrain(Train):
    """Training that is done once for all experiments that ask for it.

    Its result is kept by content, as that of a closed-form stage is, even where it is the last
    stage; a run that finds it there has no learning curve. It does not go on from checkpoints.
    """


def check_rows(stage: Train, runtime: Runtime, rows: int | None = None) -> None:
    """Raises UsageError if a batch does not divide over devices, pieces or chunks.

    Args:
        rows: of a batch; by default the data's `batch_size`, if it has one.
    """
    rows = getattr(stage.data, "batch_size", None) if rows is None else rows
    if rows is not None:
        runtime.devices.check_rows(rows)
        stage.gradients.check(rows, runtime.devices.count)
