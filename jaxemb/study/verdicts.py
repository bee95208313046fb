"""The words for what becomes of a claim, and records on disk told in them; imports nothing heavy."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxemb.config import UsageError
from jaxemb.config.files import read_json

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
    record = read_json(path)
    if not isinstance(record, dict):
        raise UsageError(f"{path} holds no record.")
    return _renewed(record) if record.get("format", 1) < FORMAT else record


def _renewed(record: dict[str, Any]) -> dict[str, Any]:
    claims = [claim | {"verdict": _word(claim["verdict"])} for claim in record.get("claims") or ()]
    headline = claims[0]["verdict"] if claims else None
    verdict = headline if record.get("verdict") else None  # a smoke run has none
    return record | {"format": FORMAT, "claims": claims, "verdict": verdict}


def _word(verdict: str) -> str:
    """Formerly "not testable at small", whatever the scale."""
    return NOT_TESTABLE if verdict.startswith(NOT_TESTABLE) else verdict
