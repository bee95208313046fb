"""The papers that the experiments are about, and what was found of each."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jaxemb.study.registry import Entry

TITLES = Path(__file__).with_name("papers.tsv")


def titles() -> dict[int, str]:
    """Titles of the papers by number."""
    rows = TITLES.read_text(encoding="utf-8").splitlines()[1:]
    return {int(number): title for number, title in (row.split("\t") for row in rows)}


def read_record(entry: Entry) -> dict[str, Any]:
    """The committed record of an experiment, or an empty one."""
    try:
        record = json.loads(entry.record.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}
    return record if isinstance(record, dict) else {}


def table(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """A row a paper: `{number, title, experiment, scale, date, verdict}`, None where there is none.

    Where several experiments are about a paper, the row is of one with a verdict, if there is one.
    """
    about: dict[int, list[tuple[Entry, dict]]] = {}
    for entry in entries:
        record = read_record(entry)
        for number in entry.papers:
            about.setdefault(number, []).append((entry, record))
    return [_row(number, title, about.get(number, [])) for number, title in titles().items()]


def _row(number: int, title: str, found: list[tuple[Entry, dict]]) -> dict[str, Any]:
    row = dict.fromkeys(("number", "title", "experiment", "scale", "date", "verdict"))
    row |= {"number": number, "title": title}
    if found:
        entry, record = min(found, key=lambda pair: (not pair[1].get("verdict"), not pair[1]))
        row |= {key: record.get(key) for key in ("scale", "date", "verdict")}
        row["experiment"] = entry.name
    return row


def markdown(rows: Iterable[dict[str, Any]]) -> str:
    """The table of papers as the documentation shows it."""
    header = "| # | Paper | Experiment | Scale | Date | Verdict |\n|--:|:--|:--|:--|:--|:--|\n"
    lines = [
        f"| {row['number']} | {_cell(row['title'])} | {_code(row['experiment'])} "
        f"| {_cell(row['scale'])} | {_cell(row['date'])} | {_cell(row['verdict'])} |\n"
        for row in rows
    ]
    return header + "".join(lines)


def _cell(value: str | None) -> str:
    return (value or "").replace("|", "\\|")


def _code(name: str | None) -> str:
    return f"`{name}`" if name else ""
