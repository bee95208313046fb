"""A run's training curve, and the FLOPs that it tells of."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

from jaxemb.config.files import write_whole
from jaxemb.runtime.running_costs import RunningCosts
from jaxemb.study.jobs import Emit
from jaxemb.study.recipe import Recipe
from jaxemb.study.run_files import read_curve


class Curve:
    """Appends one line per step to `metrics.jsonl`; a resumed run drops the lines it computes again."""

    def __init__(self, path: Path, seed: int, emit: Emit, costs: RunningCosts) -> None:
        self.path, self.seed, self.emit, self.costs = path, seed, emit, costs
        self.started = False

    def __call__(self, metrics: dict) -> None:
        self.costs.step()
        if not self.started:
            self._keep_before(metrics["step"])
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(metrics) + "\n")
        self.emit({"event": "step", "seed": self.seed, **metrics})

    def _keep_before(self, step: int) -> None:
        self.started = True
        kept = [line for line in read_curve(self.path.parent) if line["step"] < step]
        write_whole(self.path, "".join(json.dumps(line) + "\n" for line in kept))


def trained_flops(
    recipe: Recipe, stored: Sequence[int | None], curve: Sequence[dict]
) -> int | None:
    """FLOPs of training, of the shapes that the steps had; None where a step did not count them.

    Args:
        stored: of the stages whose results are kept for all who need them.
        curve: holds the steps of the run's own stage, the last one, after those of a shared one.
    """
    own: list[dict] = []
    if any(stage.learns and not stage.is_shared for stage in recipe.stages[-1:]):
        steps = [line for line in curve if "loss" in line]
        pairs = enumerate(itertools.pairwise(steps), 1)
        begun = [n for n, (before, line) in pairs if line["step"] <= before["step"]]
        own = steps[begun[-1] if begun else 0 :]
    found = [*stored, *(line.get("flops") for line in own)]
    return None if None in found else sum(found)
