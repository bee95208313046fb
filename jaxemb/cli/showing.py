"""An experiment before it is run: `jaxemb show` and `plan`."""

import argparse
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jaxemb.cli import console
from jaxemb.cli.experiment import load, run_options
from jaxemb.cli.printing import indented, print_json
from jaxemb.config import UsageError, expression, is_part, limits, outline, paths, slots, snake_case
from jaxemb.report.text import amount, columns
from jaxemb.study import sweep
from jaxemb.study.arms import Arm

if TYPE_CHECKING:
    from jaxemb.study.recipe import Recipe
    from jaxemb.study.specification import Experiment


def show(options: argparse.Namespace) -> int:
    """`jaxemb show NAME`: what would run, and what it takes."""
    overrides = sweep.fixed(options.overrides)
    entry, named = load(options)
    from jaxemb.study.execution import prepare

    experiment, arms = prepare(named, run_options(options, overrides))
    numbers = ", ".join(map(str, entry.papers)) or "none"
    print(f"{entry.name}    theme {entry.theme}; papers {numbers}; {entry.path}\n\n{entry.doc}\n")
    more = "" if options.fields else "; --fields lists every field"
    print(f"Base, at scale {options.scale} (a key is any end of a path that no other has{more})")
    rows = _fields(experiment.base) if options.fields else _parts(experiment.base)
    print(indented(columns(rows)))
    shared = f", each with {' '.join(options.overrides)}" if options.overrides else ""
    print(f"\nArms{shared}")
    print(indented(arms_table(arms)))
    for title, lines in _facts(experiment).items():
        print(f"\n{title}")
        print(indented("\n".join(lines) or "none"))
    return 0


def _parts(base: "Recipe") -> list[tuple[str, str]]:
    """The parts of a recipe two levels down, each with its fields; weights by their name."""
    rows = []
    for path, value in paths(base).items():
        # A stage's parts are worth a line each; a path such as stages.train.loss has three names.
        depth = 3 if path.startswith("stages.") else 2
        if getattr(value, "names_weights", False):
            rows.append((path, expression(value)))
        elif path.count(".") == depth - 1 and is_part(value):
            rows.append((path, outline(value)))
    return rows


def _fields(base: "Recipe") -> list[tuple[str, str]]:
    """Every path, its value and its range; a part by its name alone, since its fields follow."""
    known = paths(base)
    return [
        (
            path,
            f"{snake_case(type(value)) if is_part(value) else expression(value)}"
            f"    {_range_at(known, path)}".rstrip(),
        )
        for path, value in known.items()
        if not (isinstance(value, tuple) and any(map(is_part, value)))
    ]


def _range_at(known: dict[str, object], path: str) -> str:
    """The range of a field as it is declared, in words; "" where there is none."""
    parent, _, name = path.rpartition(".")
    hints = slots(type(known[parent])) if parent in known else {}
    return limits(hints[name]) if name in hints else ""


def _facts(experiment: "Experiment") -> dict[str, list[str]]:
    return {
        "Claims": [claim.text for claim in experiment.claims],
        "Controls": [control.name for control in experiment.controls],
        "Seeds": [", ".join(map(str, experiment.seeds))],
        "Scales": [", ".join(["smoke", "small", *experiment.scales])],
    }


def plan(options: argparse.Namespace) -> int:
    """`jaxemb plan NAME`: parameters, FLOPs and bytes per device, from shapes alone."""
    if options.devices < 1:
        raise UsageError(f"--devices {options.devices} must be at least 1.")
    overrides = sweep.fixed(options.overrides)
    _, named = load(options)
    from jaxemb.analysis import costs
    from jaxemb.study.execution import prepare
    from jaxemb.study.planning import need

    _, arms = prepare(named, run_options(options, overrides))
    rows = []
    for arm, recipe in arms:
        row = {"arm": arm.name, **costs.of_recipe(recipe)}
        for rule in ("replicate", "fsdp"):
            if recipe.embedder is not None:
                needed = need(recipe, options.devices, rule)
                row[rule] = dataclasses.asdict(needed) | {"total": needed.total}
        if options.compile:
            from jaxemb.study.compiling import compiled_bytes

            row["compiled"] = compiled_bytes(recipe)
        rows.append(row)
    if options.json:
        print_json(rows)
    else:
        print(console.prices(rows, options.devices))
    return 0


def arms_table(arms: Sequence[tuple[Arm, "Recipe"]]) -> str:
    """One line per arm: its size, its cost and what it changes."""
    from jaxemb.analysis import costs

    rows = [("arm", "parameters", "FLOPs, at most", "overrides")]
    for arm, recipe in arms:
        cost = costs.of_recipe(recipe)
        changes = " ".join(f"{key}={value}" for key, value in arm.described().items())
        numbers = (amount(cost["parameters"]), amount(cost["flops"]))
        rows.append((arm.name, *numbers, changes or "the base as it is"))
    return columns(rows)
