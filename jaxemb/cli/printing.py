"""What commands print in the same way."""

import json
import sys
from collections.abc import Sequence
from typing import Any


def print_json(value: Any) -> None:
    """A value as JSON; what JSON does not know, such as a numpy number, as a float."""
    print(json.dumps(value, indent=1, default=float, ensure_ascii=False))


def indented(text: str) -> str:
    """Every line two blanks to the right."""
    return "\n".join(f"  {line}" for line in text.splitlines())


def print_warnings(problems: Sequence[str]) -> None:
    """One line per problem, on standard error."""
    for problem in problems:
        print(f"warning: {problem}", file=sys.stderr)
