"""Lists of what there is: `jaxemb list`, `papers` and `parts`."""

import argparse
from typing import Any

from jaxemb.cli.printing import print_json, print_warnings
from jaxemb.report.text import columns
from jaxemb.study import registry


def list_experiments(options: argparse.Namespace) -> int:
    """`jaxemb list`: every experiment, without importing one."""
    found = registry.discover(options.experiments)
    entries = list(found.entries.values())
    if options.json:
        print_json([_entry(entry) for entry in entries])
    else:
        rows = [(e.name, e.theme, " ".join(map(str, e.papers)) or "-", e.summary) for e in entries]
        print(columns([("experiment", "theme", "papers", "question"), *rows]))
    print_warnings(found.problems)
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
        print_json(rows)
    elif options.markdown:
        print(markdown(rows).rstrip("\n"))
    else:
        print(columns([COLUMNS, *(tuple(map(_short, cells(row))) for row in rows)]))
    print_warnings(found.problems)
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
            print(columns([("part", "ranges of its fields", "what it does"), *rows]))
            return 0
    else:
        found = {slot: ", ".join(parts) for slot, parts in known_slots().items()}
    if options.json:
        print_json(found)
    else:
        print(columns([("slot", "parts"), *found.items()]))
    return 0
