"""What runs gave: `jaxemb report` and `compare`."""

import argparse
import shutil
import sys
from pathlib import Path

from jaxemb.cli.printing import print_json
from jaxemb.config import UsageError
from jaxemb.config.files import given_path
from jaxemb.study import registry
from jaxemb.study.verdicts import read_record


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
    print_table(record)
    print(f"report  {write_report(record, folder, options.out or folder)}")
    return 0


def write_report(record: dict, runs: Path, out: Path) -> Path:
    """Write the pages of a record into `out`, with the curves of its runs; returns the page's path."""
    from jaxemb.report import report

    return report(record, runs if runs.is_dir() else None, out)


def print_table(record: dict) -> None:
    """The scores and verdicts of a record, as wide as the terminal."""
    from rich.console import Console

    from jaxemb.report import terminal_table

    # Without a terminal, rich assumes 80 columns, and the table would leave metrics out.
    width = None if sys.stdout.isatty() else max(120, shutil.get_terminal_size().columns)
    Console(width=width).print(terminal_table(record))


def compare(options: argparse.Namespace) -> int:
    """`jaxemb compare A B ...`: what differs, and by how much the others score above the first."""
    from jaxemb.report.comparison import described
    from jaxemb.study.comparison import compare_runs

    metrics, allow = (text.split(",") if text else () for text in (options.metrics, options.allow))
    found = compare_runs(options.runs, metrics=metrics, allow=allow)
    if options.json:
        print_json(found)
    else:
        print(described(found))
    return 0
