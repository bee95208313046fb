"""Claims about all tasks of a table together."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from jaxemb.config import UsageError
from jaxemb.statistics import (
    Comparison,
    Tested,
    agreement,
    correlation_difference,
    main_metrics,
    task_scores,
)
from jaxemb.study.claims.base import EVERY_TASK, Claim, Table


@dataclasses.dataclass(frozen=True)
class TasksAgree(Claim):
    """Tasks rank the arms alike, so that an order of them means something beyond one task.

    The effect is the mean Spearman correlation between two tasks, and p that of Friedman's test; see
    `statistics.agreement`.

    Example:
        >>> TasksAgree().text
        'tasks rank the arms alike (Friedman)'
    """

    metric: str = EVERY_TASK

    says: ClassVar[str] = "tasks rank the arms alike (Friedman)"

    def estimate(self, table: Table) -> Tested:
        return agreement(_by_task(table))


@dataclasses.dataclass(frozen=True)
class FlagTells(Claim):
    """Being among `flagged` goes better with an arm's mean score than one of its numbers does.

    The effect is the difference of two Spearman correlations across arms, judged over the arms: the
    flag with the mean over tasks, less the property with it. `than` is a key that arms set, or
    `parameters`.

    Example:
        >>> FlagTells(flag="tuned for similarity", flagged=("pydocs-trained",)).text
        'tuned for similarity goes better with the mean over tasks than parameters'
    """

    metric: str = EVERY_TASK
    flag: str = "flagged"
    flagged: tuple[str, ...] = ()
    than: str = "parameters"

    says: ClassVar[str] = "{self.flag} goes better with the mean over tasks than {self.than}"

    @property
    def arms(self) -> tuple[str, ...]:
        return self.flagged

    def within(self, arms: Sequence[str]) -> bool:
        return False  # it speaks of all arms, flagged or not

    def estimate(self, table: Table) -> Comparison:
        known = table.settings.get(self.than, {})
        lacking = [arm for arm in table.arms if arm not in known]
        if lacking:
            raise UsageError(f"The arm {lacking[0]} has no {self.than!r} to correlate with.")
        flags = [float(arm in self.flagged) for arm in table.arms]
        sizes = [known[arm] for arm in table.arms]
        return correlation_difference(flags, sizes, _by_task(table).mean(axis=0))


def _by_task(table: Table) -> np.ndarray:
    """`[tasks, arms]`, means over seeds of every task's main metric."""
    arms = list(table.arms.values())
    return task_scores(arms, main_metrics(arms))
