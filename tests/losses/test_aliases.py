"""The names of another library: each builds a loss, and stands in the table of the page."""

from pathlib import Path

import pytest

from jaxemb.config import from_json, parse, to_json
from jaxemb.losses import ALIASES, Loss, check_columns

PAGE = Path(__file__).parents[2] / "docs/losses.md"
NAMES = [(package, name) for package, names in ALIASES.items() for name in names]


def row(package: str, name: str) -> str:
    """A line of the page's table."""
    alias = ALIASES[package][name]
    return f"| `{name}` | `{alias.part}` | {alias.note} |".replace("|  |", "| |")


def test_there_are_as_many_as_in_its_release():
    assert len(NAMES) == 58


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_an_alias_is_a_loss_and_stands_on_the_page(package, name):
    loss = parse(ALIASES[package][name].part, Loss, name)
    assert isinstance(loss, Loss) and from_json(to_json(loss)) == loss
    check_columns(loss, type("Data", (), {"columns": loss.needs}))
    section = PAGE.read_text().partition(f"### {package}\n")[2].partition("\n### ")[0]
    assert row(package, name) in section.splitlines()
