"""Where the curves of a run go beside its `metrics.jsonl`: TensorBoard, Weights & Biases."""

import contextlib
import dataclasses
import hashlib
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxemb.config import Part, UsageError

Metrics = Mapping[str, Any]
Report = Callable[[dict], None]


class About(NamedTuple):
    """What a run is: its experiment, scale, arm, seed, and its recipe as JSON."""

    experiment: str
    scale: str
    arm: str
    seed: int
    recipe: dict


class Log:
    """One run's curves; this one keeps none."""

    def step(self, metrics: Metrics) -> None:
        """The metrics of a step, or of an evaluation, with its number as `step`."""

    def finish(self, scores: Mapping[str, float]) -> None:
        """The scores of the finished model."""

    def close(self) -> None:
        """Write what is still held; called where the run failed, too."""


class Logger(Part):
    """Slot: a place for the curves of runs. It changes no number and no fingerprint."""

    def check(self) -> None:
        """Raises UsageError, before anything runs, if its package is not installed."""

    def start(self, folder: Path, about: About) -> Log:
        """The log of one run, whose folder is there; a resumed run starts it again."""
        raise TypeError(f"{type(self).__name__} must define start(folder, about)")


@contextlib.contextmanager
def opened(loggers: Iterable[Logger], folder: Path, about: About) -> Iterator[Log]:
    """The logs of one run as one, closed at the end."""
    with contextlib.ExitStack() as stack:
        logs = []
        for logger in loggers:
            logs.append(logger.start(folder, about))
            stack.callback(logs[-1].close)
        yield _Several(logs)


def both(report: Report, log: Log) -> Report:
    """What tells `report`, and then the log."""

    def told(metrics: dict) -> None:
        report(metrics)
        log.step(metrics)

    return told


class _Several(Log):
    def __init__(self, logs: list[Log]):
        self._logs = logs

    def step(self, metrics: Metrics) -> None:
        for log in self._logs:
            log.step(metrics)

    def finish(self, scores: Mapping[str, float]) -> None:
        for log in self._logs:
            log.finish(scores)


def _package(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UsageError(
            f"This log is written by the package {name}: pip install 'jaxemb[{extra}]'."
        ) from None


# --- TensorBoard


@dataclasses.dataclass(frozen=True, kw_only=True)
class TensorBoard(Logger):
    """Event files in the folder `tensorboard` of each run, which `tensorboard --logdir runs` shows.

    Losses and scores of evaluations are curves over steps; final scores stand at the last step under
    `final/`. A resumed run takes back what it computes again.

    Raises:
        UsageError: the package tensorboardX is absent (`pip install 'jaxemb[tensorboard]'`).

    Example:
        >>> TensorBoard()
    """

    def check(self) -> None:
        """The package is there."""
        _package("tensorboardX", "tensorboard")

    def start(self, folder: Path, about: About) -> "_Events":
        """Event files in `folder/tensorboard`."""
        return _Events(_package("tensorboardX", "tensorboard"), folder / "tensorboard")


class _Events(Log):
    def __init__(self, package: Any, folder: Path):
        self._package, self._folder = package, folder
        self._writer, self._last = None, 0

    def step(self, metrics: Metrics) -> None:
        self._last = int(metrics["step"])
        if self._writer is None:
            self._open(self._last)
        for name, value in metrics.items():
            if name != "step":
                self._writer.add_scalar(name, float(value), self._last)

    def finish(self, scores: Mapping[str, float]) -> None:
        if self._writer is None:  # a run without training, or one that was all but done
            self._open(None)
        for name, value in scores.items():
            self._writer.add_scalar(f"final/{name}", float(value), self._last)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _open(self, first: int | None) -> None:
        self._writer = self._package.SummaryWriter(logdir=str(self._folder), purge_step=first)


# --- Weights & Biases


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightsAndBiases(Logger):
    """A run of Weights & Biases for each seed of each arm, grouped by experiment and arm.

    Its configuration is the recipe, its summary the final scores. Its id is made from the run's
    folder and recipe, so that a resumed run goes on with it. Whether it is sent at once is what that
    library's own variables say, such as `WANDB_MODE=offline`.

    Args:
        project: under which all are listed.

    Raises:
        UsageError: the package wandb is absent (`pip install 'jaxemb[wandb]'`).

    Example:
        >>> WeightsAndBiases(project="read-outs")
    """

    project: str = "jaxemb"

    def check(self) -> None:
        """The package is there."""
        _package("wandb", "wandb")

    def start(self, folder: Path, about: About) -> "_Sent":
        """A run of that library."""
        place = f"{folder.resolve()} {sorted(about.recipe.items(), key=str)}"
        run = _package("wandb", "wandb").init(
            project=self.project,
            group=f"{about.experiment}/{about.scale}/{about.arm}",
            name=f"{about.experiment}/{about.arm}/seed-{about.seed}",
            config={**about._asdict()},
            dir=str(folder),
            id=hashlib.sha256(place.encode()).hexdigest()[:16],
            resume="allow",
        )
        return _Sent(run)


class _Sent(Log):
    def __init__(self, run: Any):
        self._run = run

    def step(self, metrics: Metrics) -> None:
        values = {name: value for name, value in metrics.items() if name != "step"}
        self._run.log(values, step=int(metrics["step"]))

    def finish(self, scores: Mapping[str, float]) -> None:
        self._run.summary.update({f"final/{name}": value for name, value in scores.items()})

    def close(self) -> None:
        self._run.finish()
