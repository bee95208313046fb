"""`jaxemb run` and `sweep`: arms are trained, scored, judged and reported."""

import argparse
import contextlib
import dataclasses
import signal
import sys
from contextlib import AbstractContextManager
from types import FrameType
from typing import TYPE_CHECKING

from jaxemb.cli import console
from jaxemb.cli.batches import submit_jobs, write_slurm
from jaxemb.cli.experiment import arm_names, load, run_options
from jaxemb.cli.results import print_table, write_report
from jaxemb.cli.showing import arms_table
from jaxemb.config import UsageError
from jaxemb.study import registry, sweep
from jaxemb.study.arms import chain
from jaxemb.study.verdicts import read_record

if TYPE_CHECKING:
    from jaxemb.study.execution import Named, Options


def run(options: argparse.Namespace) -> int:
    """`jaxemb run NAME`: train and score the arms that have not been, judge, report."""
    overrides = sweep.fixed(options.overrides)
    if options.record and (overrides or options.arms or options.seeds or options.scale == "smoke"):
        raise UsageError(
            "--record keeps the experiment as written: no overrides, no --arms, no --seeds, and "
            "not smoke."
        )
    with _several(options):
        entry, named = load(options)
        chosen = run_options(options, overrides, arm_names(options.arms, named.experiment.arms))
        code = show_arms(named, chosen) if options.dry_run else execute(named, chosen)
        if options.record and not options.dry_run and _is_first():
            _keep_record(entry, chosen)
    return code


def _several(options: argparse.Namespace) -> AbstractContextManager:
    """The processes that were started to make this run together; mostly one by itself.

    Raises:
        UsageError: there is no such experiment, which is told before JAX is imported; what
            `processes.asked` and `joined` raise.
    """
    registry.discover(options.experiments).get(options.name)
    from jaxemb.runtime import processes

    place = processes.asked(
        cluster=options.cluster,
        coordinator=options.coordinator,
        processes=options.processes,
        process_id=options.process_id,
    )
    return processes.joined(None if options.dry_run else place)


def _is_first() -> bool:
    from jaxemb.runtime import processes

    return processes.is_first()


def _keep_record(entry: registry.Entry, chosen: "Options") -> None:
    from jaxemb.study.execution import folder_of
    from jaxemb.study.papers import renew_page
    from jaxemb.study.records import commit_record

    path = entry.record_at(chosen.scale)
    commit_record(read_record(folder_of(chosen, entry.name) / "record.json"), path)
    page = renew_page(entry)
    print(f"record  {path}{f' and {page}' if page else ''}")


def run_sweep(options: argparse.Namespace) -> int:
    """`jaxemb sweep NAME key=a,b`: every combination of the values over the base."""
    if not options.overrides:
        raise UsageError("A sweep needs an axis, before any --arms: jaxemb sweep NAME key=a,b")
    # Before JAX is imported, so that a mistyped axis is told at once.
    for text in options.overrides:
        sweep.split_values(sweep.assignment(text)[1])
    with _several(options):
        return _sweep(options)


def _sweep(options: argparse.Namespace) -> int:
    entry, named = load(options)
    experiment = named.experiment
    arms = sweep.swept(experiment.base, options.overrides)
    if options.slurm is not None:
        return write_slurm(options, entry, arms)
    if options.submit is not None:
        return submit_jobs(options, entry, arms)
    if options.arms is None:
        experiment = dataclasses.replace(experiment, arms=arms, claims=())
    else:
        names = arm_names(options.arms, experiment.arms)
        experiment = experiment.of(names) if names else experiment
        experiment = dataclasses.replace(experiment, arms=chain(experiment.arms, arms))
    named = dataclasses.replace(named, experiment=experiment)
    chosen = run_options(options, ())
    return show_arms(named, chosen) if options.dry_run else execute(named, chosen)


def show_arms(named: "Named", chosen: "Options") -> int:
    """Tell what would run, and run nothing."""
    from jaxemb.study.execution import folder_of, prepare

    experiment, arms = prepare(named, chosen)
    print(arms_table(arms))
    size = console.counted(arms, experiment.seeds)
    print(f"\n{size}, into {folder_of(chosen, named.name)}; nothing was run.")
    return 0


def execute(named: "Named", chosen: "Options") -> int:
    """Run, then print the table and write the report; 1 if an arm failed."""
    from jaxemb.runtime import processes
    from jaxemb.study import execution

    silent = contextlib.nullcontext(lambda event: None)
    with EndsLikeInterrupt(), console.watch() if processes.is_first() else silent as emit:
        record = execution.run(named, chosen, emit)
    failed = processes.agree(record.get("failed") or [])
    if not processes.is_first():
        return 1 if failed else 0
    runs, place = (of(chosen, named.name) for of in (execution.folder_of, execution.results_of))
    print_table(record)
    print(f"report  {write_report(record, runs, place)}")
    for failure in failed:
        place = f"{failure['arm']} seed {failure['seed']}"
        print(f"failed  {place}: {failure['error']}", file=sys.stderr)
    return 1 if failed else 0


class EndsLikeInterrupt:
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
