"""The words for what becomes of a claim, and records on disk told in them; imports nothing heavy."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from jaxemb.config.reading import check_format, read_json

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
NOT_TESTABLE = "not testable"
VERDICTS = (SUPPORTED, CONTRADICTED, UNDECIDED, NOT_TESTABLE)

FORMAT = 2
"""Of records. Until 1, a record's verdict was the least favourable of its claims'."""


def counts(record: Mapping[str, Any]) -> dict[str, int]:
    """How many of a record's claims came out in which way, `{"supported": 3, "undecided": 1}`."""
    found = Counter(claim["verdict"] for claim in record.get("claims") or ())
    return {verdict: found[verdict] for verdict in VERDICTS if found[verdict]}


def read_record(path: Path) -> dict[str, Any]:
    """A record's file, of whatever format, in the words of today's.

    Raises:
        UsageError: it cannot be read.
    """
    record = read_json(path, _Record)
    written = check_format(path, record.get("format", 1), FORMAT)
    return _renewed(record) if written < FORMAT else record


class _Claim(TypedDict):
    verdict: str


class _Seed(TypedDict):
    seed: int
    metrics: dict[str, float | None]


class _Arm(TypedDict, total=False):
    overrides: dict[str, Any]
    fingerprint: str
    parameters: float | None
    flops: float | None
    flops_spent: float | None
    learning_rate: float | None
    seeds: list[_Seed]
    summary: dict[str, dict[str, float | None]]


class _Failure(TypedDict):
    arm: str
    seed: int
    error: str


class _Record(TypedDict, total=False):
    format: int
    experiment: str
    title: str
    command: str | None
    papers: list[int]
    scale: str
    date: str
    commit: str | None
    versions: dict[str, str]
    data: dict[str, str]
    arms: dict[str, _Arm]
    controls: dict[str, dict[str, dict[str, float | None]]]
    ranking: dict[str, Any] | None
    margin: float
    claims: list[_Claim] | None
    verdict: str | None
    failed: list[_Failure] | None


def _renewed(record: dict[str, Any]) -> dict[str, Any]:
    claims = [claim | {"verdict": _word(claim["verdict"])} for claim in record.get("claims") or ()]
    headline = claims[0]["verdict"] if claims else None
    verdict = headline if record.get("verdict") else None  # a smoke run has none
    return record | {"format": FORMAT, "claims": claims, "verdict": verdict}


def _word(verdict: str) -> str:
    """Formerly "not testable at small", whatever the scale."""
    return NOT_TESTABLE if verdict.startswith(NOT_TESTABLE) else verdict
