"""The papers that the experiments are about, and what was found of each."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jaxemb.config import UsageError
from jaxemb.study import registry
from jaxemb.study.registry import Entry
from jaxemb.study.verdicts import counts, read_record

TITLES = Path(__file__).with_name("papers.tsv")
COLUMNS = ("number", "title", "experiment", "scale", "date", "verdict", "claims")

HEADING = """# Papers

The verdict is that of the experiment's headline, its first claim; the last column counts all of its
claims. Both hold at the scale that is named. `jaxemb run NAME --record` writes this page.

"""


def titles() -> dict[int, str]:
    """Titles of the papers by number."""
    rows = TITLES.read_text(encoding="utf-8").splitlines()[1:]
    return {int(number): title for number, title in (row.split("\t") for row in rows)}


def table(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """A row per paper, `{number, title, experiment, scale, date, verdict, claims}`, with None where
    there is nothing; `claims` counts them by verdict.

    Of several records about a paper, the one with a verdict and at the largest scale is told.
    """
    about: dict[int, list[dict[str, Any]]] = {}
    for entry in entries:
        for number in entry.papers:
            about.setdefault(number, []).extend(_told(entry))
    return [_row(number, title, about.get(number, ())) for number, title in titles().items()]


def _told(entry: Entry) -> list[dict[str, Any]]:
    """What the records of an experiment say, the largest scale first; its name where there is none."""
    found = [{"experiment": entry.name}]
    for path in entry.records:
        try:
            record = read_record(path)
        except UsageError:
            continue
        told = {key: record.get(key) for key in ("scale", "date", "verdict")}
        found.insert(-1, {"experiment": entry.name, **told, "claims": counts(record) or None})
    return found


def _row(number: int, title: str, found: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    row = dict.fromkeys(COLUMNS) | {"number": number, "title": title}
    best = min(found, key=lambda told: (not told.get("verdict"), "date" not in told), default={})
    return row | best


def _counted(rows: Iterable[Mapping[str, Any]]) -> str:
    rows = list(rows)
    recorded = [row for row in rows if row["date"]]
    judged = sum(row["verdict"] in ("supported", "contradicted") for row in recorded)
    return (
        f"Of {len(rows)} papers, {sum(bool(row['experiment']) for row in rows)} have an experiment "
        f"that runs, {len(recorded)} a record, and of {judged} the headline is decided."
    )


def markdown(rows: Iterable[Mapping[str, Any]]) -> str:
    """The table of papers as the documentation shows it."""
    header = "| # | Paper | Experiment | Scale | Date | Verdict | Claims |\n"
    lines = []
    for row in rows:
        told = dict(zip(COLUMNS, (cell.replace("|", "\\|") for cell in cells(row)), strict=True))
        told["experiment"] = f"`{row['experiment']}`" if row["experiment"] else ""
        lines.append(f"| {' | '.join(told.values())} |\n")
    return f"{header}|--:|:--|:--|:--|:--|:--|:--|\n{''.join(lines)}"


def cells(row: Mapping[str, Any]) -> list[str]:
    """A row as text, empty where there is nothing."""
    claims = ", ".join(f"{count} {verdict}" for verdict, count in (row["claims"] or {}).items())
    told = row | {"claims": claims}
    return ["" if told[key] is None else str(told[key]) for key in COLUMNS]


def renew_page(entry: Entry) -> Path | None:
    """Write `docs/papers.md` of the checkout that an experiment is part of; None of any other."""
    for folder in registry.own_folder():
        page = folder.parent / "docs/papers.md"
        if entry.path.is_relative_to(folder) and page.exists():
            rows = table(registry.own())
            page.write_text(f"{HEADING}{_counted(rows)}\n\n{markdown(rows)}", encoding="utf-8")
            return page
    return None
