"""What a process is given to do: one arm of an experiment, or a share of it."""

import dataclasses
import functools
from collections.abc import Callable

from jaxemb.config import from_json
from jaxemb.study.recipe import Recipe, Tuning

Emit = Callable[[dict], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """One arm of an experiment, its seeds, and where its runs go; JSON so that a process can take it.

    With `trial`, a learning rate, the arm is only tried at that rate; see `shares`. Where several
    processes run it together, `checkpoints` is the folder that they share: the first one's `folder`.
    """

    experiment: str
    file: str
    scale: str
    arm: str
    overrides: dict
    recipe: dict
    seeds: tuple[int, ...]
    tuning: dict | None
    folder: str
    again: bool = False
    trial: float | None = None
    logs: tuple[dict, ...] = ()
    checkpoints: str | None = None

    @functools.cached_property
    def declared(self) -> Recipe:
        """The arm's recipe in parts, before a learning rate is picked."""
        return from_json(self.recipe)

    @functools.cached_property
    def trials(self) -> Tuning | None:
        """How a learning rate is picked; None where it is not."""
        return None if self.tuning is None else from_json(self.tuning)


def shares(job: Job) -> list[Job]:
    """The job in parts that processes may share: a trial of each learning rate, then each seed.

    The trials are to be done before the first seed, which picks the best of them.
    """
    rates = () if job.trials is None else job.trials.learning_rates
    trials = [dataclasses.replace(job, trial=rate) for rate in rates]
    return trials + [dataclasses.replace(job, seeds=(seed,)) for seed in job.seeds]
