"""What every experiment resolves to, written out: a change of it is a decision, not an accident.

After such a decision: JAXEMB_UPDATE_GOLDEN=1 python -m pytest tests/test_golden.py
"""

import os
from pathlib import Path

import pytest

from jaxemb.config import (
    UsageError,
    diff,
    expression,
    fingerprint,
    from_json,
    is_part,
    paths,
    snake_case,
    to_json,
)
from jaxemb.interop import pretrained
from jaxemb.study import registry
from jaxemb.study.expansion import expand

GOLDEN = Path(__file__).with_name("golden")
NAMES = sorted(registry.discover().entries)


@pytest.fixture(autouse=True)
def no_optional_weights(monkeypatch):
    """As on a machine without the packages of weights that experiments use where they are at hand."""

    def refuse(place):
        raise UsageError(f"{place} is not at hand.")

    monkeypatch.setattr(pretrained, "readable", refuse)


def resolved(name: str) -> str:
    """The base field by field, and each arm with its fingerprint and what it changes."""
    experiment = registry.discover().get(name).load()
    lines = ["base", *_fields(experiment.base)]
    for arm, recipe in expand(experiment.base, experiment.arms):
        lines.append(f"arm {arm.name} {fingerprint(recipe)[:8]}")
        for path, (_, value) in diff(experiment.base, recipe).items():
            lines.append(f"  {path} = {expression(value)}")
    lines += ["claims", *(f"  {claim.text}" for claim in experiment.claims)]
    lines.append(f"seeds {', '.join(map(str, experiment.seeds))}")
    return "\n".join(lines) + "\n"


def _fields(base) -> list[str]:
    return [
        f"  {path} = {snake_case(type(value)) if is_part(value) else expression(value)}"
        for path, value in paths(base).items()
        if not (isinstance(value, tuple) and any(map(is_part, value)))
    ]


@pytest.mark.parametrize("name", NAMES)
def test_resolved_arms_are_the_golden_ones(name):
    path, text = GOLDEN / f"{name}.txt", resolved(name)
    if os.environ.get("JAXEMB_UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text)
    assert path.exists(), "a new experiment: write its golden file as the top of this file says"
    assert text == path.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_every_arm_survives_the_round_trip(name):
    experiment = registry.discover().get(name).load()
    for _, recipe in expand(experiment.base, experiment.arms):
        assert from_json(to_json(recipe)) == recipe


def test_no_golden_file_is_left_over():
    assert sorted(path.stem for path in GOLDEN.glob("*.txt")) == NAMES
