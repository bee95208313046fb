"""`python -m jaxemb.report RECORD.json [--runs FOLDER] [--out FOLDER] [--png FILE]`."""

import argparse
import sys

from jaxemb.config import UsageError
from jaxemb.config.files import given_path
from jaxemb.config.reading import read_json
from jaxemb.report import picture, report


def main(arguments: list[str] | None = None) -> int:
    """Draws a report, or one picture of it, from a record's file."""
    parser = argparse.ArgumentParser(prog="python -m jaxemb.report", description=main.__doc__)
    parser.add_argument("record", type=given_path, help="a record's JSON file")
    parser.add_argument("--runs", type=given_path, help="the folder of arm folders")
    parser.add_argument("--out", type=given_path, help="the folder for report.html and report.md")
    parser.add_argument("--png", type=given_path, help="one picture of the report")
    chosen = parser.parse_args(arguments)
    try:
        record = read_json(chosen.record)
        if chosen.png:
            print(picture(record, chosen.runs, chosen.png))
        if chosen.out or not chosen.png:
            print(report(record, chosen.runs, chosen.out or chosen.record.parent))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
