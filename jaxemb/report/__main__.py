"""`python -m jaxemb.report RECORD.json [--runs FOLDER] [--out FOLDER] [--png FILE]`."""

import argparse
import json
import sys
from pathlib import Path

from jaxemb.config import UsageError
from jaxemb.report import picture, report


def main(arguments: list[str] | None = None) -> int:
    """Draws a report, or one picture of it, from a record's file."""
    parser = argparse.ArgumentParser(prog="python -m jaxemb.report", description=main.__doc__)
    parser.add_argument("record", type=Path, help="a record's JSON file")
    parser.add_argument("--runs", type=Path, help="the folder of arm folders")
    parser.add_argument("--out", type=Path, help="the folder for report.html and report.md")
    parser.add_argument("--png", type=Path, help="one picture of the report")
    chosen = parser.parse_args(arguments)
    try:
        record = _read(chosen.record)
        if chosen.png:
            print(picture(record, chosen.runs, chosen.png))
        if chosen.out or not chosen.png:
            print(report(record, chosen.runs, chosen.out or chosen.record.parent))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a record: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
