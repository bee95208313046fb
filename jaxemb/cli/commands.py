"""What each command of the command line does. JAX is imported by those that need it."""

import argparse
import dataclasses
import json
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from jaxemb.cli import console
from jaxemb.config import UsageError, expression, is_part, limits, outline, paths, slots, snake_case
from jaxemb.config.files import given_path, write_whole, writing_to
from jaxemb.report.text import amount, columns
from jaxemb.study import registry, sweep
from jaxemb.study.verdicts import read_record

if TYPE_CHECKING:
    from jaxemb.study.execution import Named, Options
    from jaxemb.study.recipe import Recipe
    from jaxemb.study.specification import Experiment

# --- what there is


def list_experiments(options: argparse.Namespace) -> int:
    """`jaxemb list`: every experiment, without importing one."""
    found = registry.discover(options.experiments)
    entries = list(found.entries.values())
    if options.json:
        _print_json([_entry(entry) for entry in entries])
    else:
        rows = [(e.name, e.theme, " ".join(map(str, e.papers)) or "-", e.summary) for e in entries]
        _print(columns([("experiment", "theme", "papers", "question"), *rows]))
    _warn(found.problems)
    return 0


def _entry(entry: registry.Entry) -> dict[str, Any]:
    told = {"name": entry.name, "theme": entry.theme, "papers": list(entry.papers)}
    return told | {"summary": entry.summary, "file": str(entry.path)}


def papers(options: argparse.Namespace) -> int:
    """`jaxemb papers`: the papers by number and title, with what was found."""
    from jaxemb.study.papers import COLUMNS, cells, markdown, table

    found = registry.discover(options.experiments)
    rows = table(found.entries.values())
    if options.json:
        _print_json(rows)
    elif options.markdown:
        _print(markdown(rows).rstrip("\n"))
    else:
        _print(columns([COLUMNS, *(tuple(map(_short, cells(row))) for row in rows)]))
    _warn(found.problems)
    return 0


def _short(text: str, letters: int = 60) -> str:
    return text if 0 < len(text) <= letters else text[: letters - 1] + "…" if text else "-"


def parts(options: argparse.Namespace) -> int:
    """`jaxemb parts [SLOT]`: the slots and what fits them, or what each part of one does."""
    from jaxemb.cli.parts import parts_of, ranges_of
    from jaxemb.cli.parts import slots as known_slots

    if options.slot is not None:
        found = parts_of(options.slot)
        if not options.json:
            given = ranges_of(options.slot)
            rows = [(part, given[part], does) for part, does in found.items()]
            _print(columns([("part", "ranges of its fields", "what it does"), *rows]))
            return 0
    else:
        found = {slot: ", ".join(parts) for slot, parts in known_slots().items()}
    if options.json:
        _print_json(found)
    else:
        _print(columns([("slot", "parts"), *found.items()]))
    return 0


# --- one experiment


def show(options: argparse.Namespace) -> int:
    """`jaxemb show NAME`: what would run, and what it takes."""
    overrides = sweep.fixed(options.overrides)
    entry, named = _load(options)
    from jaxemb.study.execution import prepare

    experiment, arms = prepare(named, _options(options, overrides))
    numbers = ", ".join(map(str, entry.papers)) or "none"
    _print(f"{entry.name}    theme {entry.theme}; papers {numbers}; {entry.path}\n\n{entry.doc}\n")
    more = "" if options.fields else "; --fields lists every field"
    _print(f"Base, at scale {options.scale} (a key is any end of a path that no other has{more})")
    rows = _fields(experiment.base) if options.fields else _base(experiment.base)
    _print(_indented(columns(rows)))
    shared = f", each with {' '.join(options.overrides)}" if options.overrides else ""
    _print(f"\nArms{shared}")
    _print(_indented(_arms(arms)))
    for title, lines in _facts(experiment).items():
        _print(f"\n{title}")
        _print(_indented("\n".join(lines) or "none"))
    return 0


def _base(base: "Recipe") -> list[tuple[str, str]]:
    """The parts of a recipe two levels down, each with its fields; weights by their name."""
    from jaxemb.interop import Pretrained

    rows = []
    for path, value in paths(base).items():
        # A stage's parts are worth a line each; a path such as stages.train.loss has three names.
        depth = 3 if path.startswith("stages.") else 2
        if isinstance(value, Pretrained):
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


def _arms(arms: Sequence[tuple[sweep.Arm, "Recipe"]]) -> str:
    from jaxemb.analysis import costs

    rows = [("arm", "parameters", "FLOPs, at most", "overrides")]
    for arm, recipe in arms:
        cost = costs.of_recipe(recipe)
        changes = " ".join(f"{key}={value}" for key, value in arm.described().items())
        numbers = (amount(cost["parameters"]), amount(cost["flops"]))
        rows.append((arm.name, *numbers, changes or "the base as it is"))
    return columns(rows)


def plan(options: argparse.Namespace) -> int:
    """`jaxemb plan NAME`: parameters, FLOPs and bytes per device, from shapes alone."""
    if options.devices < 1:
        raise UsageError(f"--devices {options.devices} must be at least 1.")
    overrides = sweep.fixed(options.overrides)
    _, named = _load(options)
    from jaxemb.analysis import costs
    from jaxemb.study.execution import prepare
    from jaxemb.study.planning import need

    _, arms = prepare(named, _options(options, overrides))
    rows = []
    for arm, recipe in arms:
        row = {"arm": arm.name, **costs.of_recipe(recipe)}
        for rule in ("replicate", "fsdp"):
            if recipe.embedder is not None:
                needed = need(recipe, options.devices, rule)
                row[rule] = dataclasses.asdict(needed) | {"total": needed.total}
        rows.append(row)
    if options.json:
        _print_json(rows)
    else:
        _print(console.prices(rows, options.devices))
    return 0


# --- running


def run(options: argparse.Namespace) -> int:
    """`jaxemb run NAME`: train and score the arms that have not been, judge, report."""
    overrides = sweep.fixed(options.overrides)
    if options.record and (overrides or options.arms or options.seeds or options.scale == "smoke"):
        raise UsageError(
            "--record keeps the experiment as written: no overrides, no --arms, no --seeds, and "
            "not smoke."
        )
    entry, named = _load(options)
    chosen = _options(options, overrides, _arm_names(options.arms, named.experiment.arms))
    code = _dry(named, chosen) if options.dry_run else _execute(named, chosen)
    if options.record and not options.dry_run:
        _keep_record(entry, chosen)
    return code


def _keep_record(entry: registry.Entry, chosen: "Options") -> None:
    from jaxemb.study.execution import folder_of
    from jaxemb.study.papers import renew_page
    from jaxemb.study.records import commit_record

    path = entry.record_at(chosen.scale)
    commit_record(read_record(folder_of(chosen, entry.name) / "record.json"), path)
    page = renew_page(entry)
    _print(f"record  {path}{f' and {page}' if page else ''}")


def run_sweep(options: argparse.Namespace) -> int:
    """`jaxemb sweep NAME key=a,b`: every combination of the values over the base."""
    if not options.overrides:
        raise UsageError("A sweep needs an axis, before any --arms: jaxemb sweep NAME key=a,b")
    # Before JAX is imported, so that a mistyped axis is told at once.
    for text in options.overrides:
        sweep.split_values(sweep.assignment(text)[1])
    entry, named = _load(options)
    experiment = named.experiment
    arms = sweep.swept(experiment.base, options.overrides)
    if options.slurm is not None:
        return _write_slurm(options, entry, arms)
    if options.arms is None:
        experiment = dataclasses.replace(experiment, arms=arms, claims=())
    else:
        names = _arm_names(options.arms, experiment.arms)
        experiment = experiment.of(names) if names else experiment
        experiment = dataclasses.replace(experiment, arms=sweep.chain(experiment.arms, arms))
    named = dataclasses.replace(named, experiment=experiment)
    chosen = _options(options, ())
    return _dry(named, chosen) if options.dry_run else _execute(named, chosen)


def _dry(named: "Named", chosen: "Options") -> int:
    from jaxemb.study.execution import folder_of, prepare

    experiment, arms = prepare(named, chosen)
    _print(_arms(arms))
    size = console.counted(arms, experiment.seeds)
    _print(f"\n{size}, into {folder_of(chosen, named.name)}; nothing was run.")
    return 0


def _execute(named: "Named", chosen: "Options") -> int:
    """Run, then print the table and write the report; 1 if an arm failed."""
    from jaxemb.study import execution

    with _gentle_end(), console.watch() as emit:
        record = execution.run(named, chosen, emit)
    runs, place = (of(chosen, named.name) for of in (execution.folder_of, execution.results_of))
    _print_table(record)
    _print(f"report  {_write_report(record, runs, place)}")
    failed = record.get("failed") or []
    for failure in failed:
        place = f"{failure['arm']} seed {failure['seed']}"
        print(f"failed  {place}: {failure['error']}", file=sys.stderr)
    return 1 if failed else 0


class _gentle_end:
    """A request to end (`kill`, a batch system's limit) is taken like Ctrl-C.

    That is whatever Ctrl-C means at the time: while a step is under way, to finish and save it.
    """

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGTERM, self._interrupt)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        meant = signal.getsignal(signal.SIGINT)  # ignored in what was started in the background
        (meant if callable(meant) else signal.default_int_handler)(signal.SIGINT, frame)

    def __exit__(self, *exc: object) -> None:
        signal.signal(signal.SIGTERM, self._before)


def _write_slurm(options: argparse.Namespace, entry: registry.Entry, arms: Sequence) -> int:
    if options.arms is not None:
        raise UsageError("--slurm writes the arms of the sweep alone; leave out --arms.")
    common = ["--scale", options.scale, "--runs", str(options.runs.resolve()), "--jobs", "1"]
    common += ["--seeds", str(options.seeds)] if options.seeds is not None else []
    common += ["--experiments", str(entry.path)] if options.experiments else []
    python = [sys.executable, "-m", "jaxemb", "sweep", entry.name]
    commands = [
        [*python, *(f"{key}={_typed(value)}" for key, value in arm.overrides), *common]
        for arm in arms
    ]
    with writing_to(options.slurm):
        write_whole(options.slurm, sweep.slurm_script(commands, name=entry.name))
    _print(f"{options.slurm}: {len(arms)} tasks. Start: mkdir -p logs && sbatch {options.slurm}")
    _print("When they are done, the same sweep without --slurm collects them into one report.")
    return 0


def _typed(value: Any) -> str:
    """A value as `sweep` reads it back; text with a comma needs quotes there."""
    text = expression(value)
    return repr(text) if isinstance(value, str) and "," in text else text


# --- results


def report(options: argparse.Namespace) -> int:
    """`jaxemb report NAME`: a table here, and Markdown and HTML beside the record."""
    given = given_path(options.name)
    folder = options.runs / options.name / options.scale
    if given.suffix == ".json":
        path, folder = given, given.parent
    elif (folder / "record.json").exists():
        path = folder / "record.json"
    else:
        entry = registry.discover(options.experiments).get(options.name)
        path = entry.record_at(options.scale)
        if not path.exists():
            raise UsageError(
                f"{options.name} has not been run at scale {options.scale} (there is no "
                f"{folder / 'record.json'}): jaxemb run {options.name}"
            )
    record = read_record(path)
    _print_table(record)
    _print(f"report  {_write_report(record, folder, options.out or folder)}")
    return 0


def _write_report(record: dict, runs: Path, out: Path) -> Path:
    from jaxemb.report import report

    return report(record, runs if runs.is_dir() else None, out)


def _print_table(record: dict) -> None:
    from rich.console import Console

    from jaxemb.report import terminal_table

    # Without a terminal, rich assumes 80 columns, and the table would leave metrics out.
    width = None if sys.stdout.isatty() else max(120, shutil.get_terminal_size().columns)
    Console(width=width).print(terminal_table(record))


def evaluate(options: argparse.Namespace) -> int:
    """`jaxemb eval MODEL`: scores of a model; 1 if a task could not be scored."""
    from jaxemb.study.scoring import Choice, score

    choice = Choice(
        suite=options.suite,
        data=options.data,
        names=_listed(options.tasks),
        families=_listed(options.families),
        max_tokens=options.max_tokens,
        store=not options.no_store,
        out=options.out,
        trained_on=options.contamination,
    )
    with console.watch() as emit:
        found = score(options.model, choice, emit)
    if options.json:
        _print_json(found)
    else:
        _print(console.suite_table(found))
    for name, error in found["failed"].items():
        print(f"failed  {name}: {error}", file=sys.stderr)
    return 1 if found["failed"] else 0


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def cache(options: argparse.Namespace) -> int:
    """`jaxemb cache`: the vectors that are kept, by model; `--clear` removes them."""
    from jaxemb.vectors import clear_store, store_folder, store_limit, stored_files
    from jaxemb.vectors.store import GIGABYTE, age

    if options.clear is not None:
        files, size = clear_store(model=options.clear)
        _print(f"removed {files} files, {amount(size)}B")
        return 0
    rows = [("model", "weights", "role", "tokens", "layers", "vectors", "bytes", "used")]
    total = 0
    for file in sorted(stored_files(), key=lambda file: -file.used):
        about, total = file.about, total + file.bytes
        fields = (str(about.get(key, "?")) for key in ("role", "max_tokens", "layers"))
        sizes = (f"{file.vectors:,}", f"{amount(file.bytes)}B", age(file))
        rows.append((about.get("name", "?"), file.path.parent.name, *fields, *sizes))
    _print(columns(rows) if len(rows) > 1 else "no vectors are kept")
    _print(f"\n{amount(total)}B of {store_limit() / GIGABYTE:g} GB in {store_folder()}")
    return 0


def compare(options: argparse.Namespace) -> int:
    """`jaxemb compare A B ...`: what differs, and by how much the others score above the first."""
    from jaxemb.report.comparison import described
    from jaxemb.study.comparison import compare_runs

    metrics, allow = (text.split(",") if text else () for text in (options.metrics, options.allow))
    found = compare_runs(options.runs, metrics=metrics, allow=allow)
    if options.json:
        _print_json(found)
    else:
        _print(described(found))
    return 0


def encode(options: argparse.Namespace) -> int:
    """`jaxemb encode MODEL FILE`: one vector per line."""
    from jaxemb.cli.encoding import encode_lines

    encode_lines(
        options.model,
        options.texts,
        options.out,
        dim=options.dim,
        layers=options.layers,
        batch_size=options.batch_size,
        prompt=options.prompt,
        role=options.role,
        show_progress=sys.stderr.isatty(),
    )
    return 0


def export(options: argparse.Namespace) -> int:
    """`jaxemb export MODEL FOLDER`: the model in a form that others read."""
    if options.to != "stablehlo" and (options.shapes or options.platforms):
        raise UsageError("--shapes and --platforms are for --to stablehlo.")
    shapes = [_shape(text) for text in options.shapes.split(",")] if options.shapes else []
    platforms = options.platforms.split(",") if options.platforms else []
    from jaxemb.interop import export, export_program, load

    model = load(options.model)
    if options.to == "stablehlo":
        place = export_program(model, options.folder, shapes=shapes, platforms=platforms)
    else:
        place = export(model, options.folder)
    _print(f"written {place}")
    return 0


def _shape(text: str) -> tuple[int, int]:
    """Texts and tokens, of `16x128`."""
    found = re.fullmatch(r"(\d{1,9})x(\d{1,9})", text.strip())
    if found is None:
        raise UsageError(f"--shapes {text!r} must be texts x tokens, such as 16x128.")
    return int(found[1]), int(found[2])


# --- shared


def _load(options: argparse.Namespace) -> tuple[registry.Entry, "Named"]:
    entry = registry.discover(options.experiments).get(options.name)
    from jaxemb.study.execution import Named

    experiment = entry.load()
    return entry, Named(
        name=entry.name,
        file=str(entry.path),
        papers=entry.papers,
        experiment=experiment,
        title=entry.summary,
    )


def _arm_names(typed: str | None, arms: Sequence[sweep.Arm]) -> tuple[str, ...]:
    """The arms of `--arms a,b`. An arm's own name may hold commas: the longest name that fits counts.

    Raises:
        UsageError: a word is no arm's name.
    """
    words, known, found = (typed or "").split(","), {arm.name for arm in arms}, []
    while typed and words:
        ends = (n for n in range(len(words), 0, -1) if ",".join(words[:n]) in known)
        end = next(ends, 1)  # `Experiment.of` tells that there is no such arm
        found.append(",".join(words[:end]))
        words = words[end:]
    return tuple(found)


def _options(
    options: argparse.Namespace,
    overrides: tuple[tuple[str, str], ...],
    arms: tuple[str, ...] = (),
) -> "Options":
    from jaxemb.config.overrides import parse
    from jaxemb.study.execution import Options
    from jaxemb.study.loggers import Logger

    if getattr(options, "jobs", None) is not None and options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs} must be at least 1.")
    given = {
        key: getattr(options, key) for key in ("seeds", "runs", "jobs", "again") if key in options
    }
    named = getattr(options, "arms", None)
    beyond = [*options.overrides, *([f"arms={named}"] if named else [])]
    return Options(
        scale=options.scale,
        arms=arms,
        overrides=overrides,
        variant=",".join(beyond),
        command=_typed_again(options),
        logs=tuple(parse(text, Logger, "--log") for text in getattr(options, "log", [])),
        **given,
    )


def _typed_again(options: argparse.Namespace) -> str:
    """The command that gives the same numbers, without what only says where and how fast."""
    words = ["jaxemb", options.command, options.name, *options.overrides]
    for place in options.experiments:
        words += ["--experiments", place]
    words += ["--scale", options.scale] if options.scale != "small" else []
    words += ["--seeds", str(options.seeds)] if getattr(options, "seeds", None) else []
    arms = getattr(options, "arms", None)
    words += [] if arms is None else ["--arms", arms] if arms else ["--arms"]
    return shlex.join(words)


def how_to_go_on(options: argparse.Namespace) -> str:
    """What to do after Ctrl-C."""
    if options.command in ("run", "sweep"):
        return "finished seeds are kept, and the same command goes on where this one stopped."
    return "nothing was lost, and the same command starts again."


def _print(text: str) -> None:
    print(text)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=1, default=float, ensure_ascii=False))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _warn(problems: Sequence[str]) -> None:
    for problem in problems:
        print(f"warning: {problem}", file=sys.stderr)


COMMANDS = {
    "list": list_experiments, "parts": parts, "show": show, "run": run, "sweep": run_sweep,
    "eval": evaluate, "compare": compare, "report": report, "encode": encode, "export": export,
    "plan": plan, "papers": papers, "cache": cache,
}  # fmt: skip
