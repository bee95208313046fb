"""Where the noise of a mean over tasks comes from, and what it takes to see a difference."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from jaxemb.config import UsageError
from jaxemb.statistics.comparison import Comparison, detectable_difference

Cells = Float[np.ndarray, "seeds _"]
"""Clusters differ from task to task in their number."""


@dataclass(frozen=True, kw_only=True)
class Components:
    """Variances of one seed, one task and one cluster of examples around an effect.

        x_stc = effect + seed_s + task_t + example_tc + seed_task_st + residual_stc

    Seeds are crossed with tasks and with examples, and every task has examples of its own. The
    effect is the mean over seeds of the mean over tasks, so its variance is

        seed / S + task / N + example / (N C) + seed_task / (S N) + residual / (S N C)

    for S seeds, N tasks and C clusters a task (the harmonic mean where tasks differ).

    Example:
        >>> found = Components(effect=0.02, seed=1e-4, task=4e-4, example=1e-2, seed_task=0.0,
        ...                    residual=1e-2, seeds=5, tasks=8, clusters=100)
        >>> round(found.detectable(), 4), round(found.detectable(tasks=32), 4)
        (0.0343, 0.0224)
        >>> found.tasks_needed(0.03), found.seeds_needed(0.01), found.clusters_needed(0.01)
        (12, None, None)
    """

    effect: float
    seed: float
    task: float
    example: float
    seed_task: float
    residual: float
    seeds: int
    tasks: int
    clusters: float | int
    confidence: float = 0.95

    def shares(self) -> dict[str, float]:
        """Variance of the effect by where it comes from, as measured."""
        return self._parts(self.seeds, self.tasks, self.clusters)

    def over_tasks(self) -> Comparison:
        """The effect, for a claim about tasks like these: other tasks might have been chosen."""
        return self._comparison(with_tasks=True)

    def over_examples(self) -> Comparison:
        """The effect, for a claim about these very tasks, on other examples and seeds."""
        return self._comparison(with_tasks=False)

    def detectable(
        self,
        *,
        seeds: int | None = None,
        tasks: int | None = None,
        clusters: float | int | None = None,
        power: float = 0.8,
    ) -> float:
        """The smallest true effect over tasks like these that such a study finds so often.

        Args:
            seeds, tasks, clusters: of the study; by default those that were measured.
        """
        seeds, tasks = seeds or self.seeds, tasks or self.tasks
        parts = self._parts(seeds, tasks, clusters or self.clusters)
        degrees = _degrees(seeds, tasks)
        error = math.sqrt(sum(parts.values()))
        return detectable_difference(error, degrees, confidence=self.confidence, power=power)

    def seeds_needed(self, difference: float, most: int = 1000) -> int | None:
        """Seeds that make the difference detectable, on these tasks; None if `most` are too few."""
        return _fewest(lambda n: self.detectable(seeds=n) <= abs(difference), 2, most)

    def tasks_needed(self, difference: float, most: int = 1000) -> int | None:
        """Tasks of this size that make the difference detectable, with these seeds."""
        return _fewest(lambda n: self.detectable(tasks=n) <= abs(difference), 2, most)

    def clusters_needed(self, difference: float, most: int = 100_000) -> int | None:
        """Clusters of examples per task that make the difference detectable."""
        return _fewest(lambda n: self.detectable(clusters=n) <= abs(difference), 2, most)

    def _parts(self, seeds: int, tasks: int, clusters: float | int) -> dict[str, float]:
        return {
            "seed": self.seed / seeds,
            "task": self.task / tasks,
            "example": self.example / (tasks * clusters),
            "seed_task": self.seed_task / (seeds * tasks),
            "residual": self.residual / (seeds * tasks * clusters),
        }

    def _comparison(self, with_tasks: bool) -> Comparison:
        parts = self.shares()
        clusters = round(self.tasks * self.clusters)
        return Comparison(
            effect=self.effect,
            seed_variance=parts["seed"] + parts["seed_task"] + parts["residual"],
            example_variance=parts["example"],
            task_variance=parts["task"] if with_tasks else 0.0,
            degrees=_degrees(self.seeds, self.tasks if with_tasks else clusters),
            seeds=self.seeds,
            clusters=clusters,
            tasks=self.tasks,
            confidence=self.confidence,
        )


def variance_components(
    tasks: Sequence[Cells], *, clusters: Sequence[int] = (), confidence: float = 0.95
) -> Components:
    """Splits the variance of scores over seeds, tasks and clusters of examples.

    Mean squares are set equal to their expectations, and a part that would be negative is 0. With
    one seed, what is left over counts as the examples'.

    Args:
        tasks: a task each, `[seeds, clusters]`: the score of every cluster of examples, or
            `pseudo_values` of a score that is no mean over examples.
        clusters: how many there are in every task, where a column stands for several of them.

    Raises:
        UsageError: there are fewer than two tasks, or clusters of a task.

    Reference: Searle, Casella and McCulloch, Variance Components (1992), chapter 4.
    """
    if len(tasks) < 2:
        raise UsageError(f"Variance over tasks needs at least two of them, not {len(tasks)}.")
    if min(cells.shape[1] for cells in tasks) < 2:
        raise UsageError(
            "A task has fewer than two clusters of examples: their variance is unknown."
        )
    seeds, inside = len(tasks[0]), [_inside(np.asarray(cells, np.float64)) for cells in tasks]
    example, residual = np.mean(inside, axis=0)
    counts = clusters or [cells.shape[1] for cells in tasks]
    mean_count = len(tasks) / sum(1 / count for count in counts)
    table = np.stack([cells.mean(axis=1) for cells in tasks], axis=1)
    rows, columns, rest = _mean_squares(table)
    return Components(
        effect=float(table.mean()),
        seed=max(0.0, (rows - rest) / len(tasks)),
        task=max(0.0, (columns - rest) / seeds - float(example)),
        example=float(example) * mean_count,
        seed_task=max(0.0, rest - float(residual)),
        residual=float(residual) * mean_count,
        seeds=seeds,
        tasks=len(tasks),
        clusters=mean_count,
        confidence=confidence,
    )


def pseudo_values(
    scores: Float64[np.ndarray, " seeds"], influence: Float64[np.ndarray, "seeds clusters"]
) -> Float64[np.ndarray, "seeds clusters"]:
    """What each cluster of examples contributes to a score: T + (C - 1) u_c, which average to T.

    For a mean over clusters of one size these are the clusters' means.
    """
    return scores[:, None] + (influence.shape[1] - 1) * influence


def _inside(cells: Float64[np.ndarray, "seeds clusters"]) -> tuple[float, float]:
    """Variances of one task's mean that its examples, and the rest, are good for."""
    seeds, clusters = cells.shape
    _, columns, rest = _mean_squares(cells)
    return max(0.0, (columns - rest) / seeds) / clusters, rest / clusters


def _mean_squares(table: Float64[np.ndarray, "rows columns"]) -> tuple[float, float, float]:
    """Mean squares of rows, of columns, and of what neither explains; 0 where there is one row."""
    rows, columns = table.shape
    by_row, by_column = table.mean(axis=1), table.mean(axis=0)
    rest = table - by_row[:, None] - by_column + table.mean()
    across = rows * float(by_column.var(ddof=1))
    if rows == 1:
        return 0.0, across, 0.0
    squares = float(np.sum(rest**2)) / ((rows - 1) * (columns - 1))
    return columns * float(by_row.var(ddof=1)), across, squares


def _degrees(*counts: int) -> int:
    """Those of the fewest units that can vary."""
    return min([count - 1 for count in counts if count > 1], default=1)


def _fewest(enough: Callable[[int], bool], least: int, most: int) -> int | None:
    """The smallest number that is enough, where more is never less; by halving."""
    if not enough(most):
        return None
    low, high = least - 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
