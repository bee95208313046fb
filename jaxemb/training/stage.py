"""The stage that trains."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

from jaxemb.config import UsageError, check_whole, expression
from jaxemb.data import Dataset
from jaxemb.losses import Loss, check_columns
from jaxemb.runtime import Runtime
from jaxemb.training.base import Context, Stage
from jaxemb.training.budgets import Budget, Steps
from jaxemb.training.gradients import Full, GradientMethod
from jaxemb.training.keeping import Keeping, LastStep
from jaxemb.training.loop import train
from jaxemb.training.optimizers import Optimizer
from jaxemb.training.trainable import Everything, Trainable


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train(Stage):
    """A stage that minimises a loss over batches.

    Args:
        data: gives batches; its columns must cover the loss's.
        loss: any loss.
        optimizer: turns gradients into updates.
        gradients: how a batch's gradient is made.
        trains: which parameters move.
        budget: how long.
        name: of the stage.
        keeps: which parameters it ends with.

    Example:
        >>> Train(data=Pairs(batch_size=128), loss=InfoNCE(), optimizer=AdamW(), budget=Steps(400))
    """

    is_shared: ClassVar[bool] = False

    data: Dataset
    loss: Loss
    optimizer: Optimizer
    gradients: GradientMethod = Full()
    trains: Trainable = Everything()
    budget: Budget = Steps(100)
    name: str = "train"
    keeps: Keeping = LastStep()

    @property
    def training(self) -> "Train":
        """Itself."""
        return self

    def run(self, model: Any, context: Context) -> Any:
        """The model trained, by `jaxemb.training.train`."""
        return train(
            model,
            self,
            key=context.key,
            seed=context.seed,
            runtime=context.runtime,
            checkpoints=context.checkpoints,
            evaluate=context.evaluate,
            report=context.report,
        )

    def check(self, runtime: Runtime) -> None:
        """Fields are in range, the data has the loss's columns, and a batch divides over devices."""
        check_whole(self)
        check_columns(self.loss, self.data)
        self.check_rows(runtime)

    def check_network(self, network: Any) -> None:
        """The loss fits the width of the network's vectors."""
        self.loss.check_width(network.dim)

    def check_rows(self, runtime: Runtime, rows: int | None = None) -> None:
        """Raises UsageError if a batch does not divide over devices, pieces or chunks.

        Args:
            rows: of a batch; by default the data's `batch_size`, if it has one.
        """
        rows = getattr(self.data, "batch_size", None) if rows is None else rows
        if rows is not None:
            runtime.devices.check_rows(rows)
            self.gradients.check(rows, runtime.devices.count)

    def at_rate(self, rate: float) -> "Train":
        """With the optimizer at another learning rate."""
        optimizer = dataclasses.replace(self.optimizer, learning_rate=rate)
        return dataclasses.replace(self, optimizer=optimizer)

    def shortened(self, fraction: float) -> "Train":
        """With a fraction of the budget."""
        return dataclasses.replace(self, budget=self.budget.scaled(fraction))

    def with_view(self, change: Callable[[Any], Any]) -> "Train":
        """On another view, where the data has one with positives."""
        view = getattr(self.data, "view", None)
        if "positive" not in getattr(view, "columns", ()):
            return self
        return dataclasses.replace(self, data=dataclasses.replace(self.data, view=change(view)))

    def depends(self, runtime: Runtime) -> dict[str, Any]:
        """The dtype."""
        return runtime.changes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shared(Stage):
    """A stage that is done once for all experiments that ask for it, and kept by content.

    A run that finds its result there has no learning curve. It does not go on from checkpoints.

    Example:
        >>> Shared(inner=Train(data=..., loss=..., optimizer=...))
    """

    is_shared: ClassVar[bool] = True

    inner: Stage
    name: str = "shared"

    @property
    def training(self) -> Train | None:
        """The inner stage's."""
        return self.inner.training

    @property
    def dataset(self) -> Dataset | None:
        """The inner stage's."""
        return self.inner.dataset

    @property
    def holds_training(self) -> bool:
        """As the inner stage."""
        return self.inner.holds_training

    @property
    def recalls(self) -> tuple[str, ...]:
        """The inner stage's."""
        return self.inner.recalls

    def run(self, model: Any, context: Context) -> Any:
        """The inner stage, from its first step, unwatched."""
        alone = dataclasses.replace(context, checkpoints=None, evaluate=None)
        return self.inner.run(model, alone)

    def check(self, runtime: Runtime) -> None:
        """As the inner stage, which no evaluation watches."""
        self.inner.check(runtime)
        if self.training is not None and self.training.keeps.is_scored:
            raise UsageError(
                "A shared stage is trained without evaluations, so it cannot keep the step that one "
                f"of them likes best, as {expression(self.training.keeps)} does."
            )

    def check_network(self, network: Any) -> None:
        """As the inner stage."""
        self.inner.check_network(network)

    def at_rate(self, rate: float) -> "Shared":
        """The inner stage at another rate."""
        return dataclasses.replace(self, inner=self.inner.at_rate(rate))

    def shortened(self, fraction: float) -> "Shared":
        """The inner stage, shortened."""
        return dataclasses.replace(self, inner=self.inner.shortened(fraction))

    def with_view(self, change: Callable[[Any], Any]) -> "Shared":
        """The inner stage on another view."""
        return dataclasses.replace(self, inner=self.inner.with_view(change))

    def depends(self, runtime: Runtime) -> dict[str, Any]:
        """As the inner stage."""
        return self.inner.depends(runtime)
