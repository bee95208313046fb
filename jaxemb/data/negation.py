"""Sentences said to be false: what a rule makes of them, and triplets with them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxemb.config import fingerprint
from jaxemb.data.base import Source
from jaxemb.data.entailment import PyDocsEntailment
from jaxemb.data.fields import text_field

Record = dict[str, Any]

_AUXILIARY = re.compile(
    r"\b(is|are|was|were|am|can|could|will|would|should|must|may|might|has been|have been)\b", re.I
)
_DENIED = re.compile(r"\b(?:not|no|never|nobody|nothing|none|cannot|without)\b|n't\b", re.I)
_VERB = re.compile(r"^([A-Z][a-z]+)\b")


def negated(sentence: str) -> str | None:
    """The sentence denied by *not*; None where no rule does so, or where it is denied already.

    *Not* goes behind the first auxiliary. A sentence that begins with a verb, as documentation
    does, is denied in front: *Return* becomes *Do not return*, *Returns* becomes *Does not return*.

    Example:
        >>> negated("A man is playing a guitar .")
        'A man is not playing a guitar .'
        >>> negated("Returns the first item.")
        'Does not return the first item.'
        >>> negated("A man and a dog in the snow .") is None
        True
    """
    if _DENIED.search(sentence):
        return None
    auxiliary = _AUXILIARY.search(sentence)
    if auxiliary is not None:
        first = auxiliary.start() + len(auxiliary[0].split()[0])
        return f"{sentence[:first]} not{sentence[first:]}"
    verb = _VERB.match(sentence)
    return None if verb is None else _before(verb[1], sentence[verb.end() :])


def _before(verb: str, rest: str) -> str | None:
    """A verb of documentation denied; None for a word that is not known to be one."""
    low = verb.lower()
    if low in _VERBS:
        return f"Do not {low}{rest}"
    stem = next((stem for stem in (low[:-1], low[:-2]) if stem in _VERBS), None)
    return f"Does not {stem}{rest}" if low.endswith("s") and stem else None


_VERBS = frozenset((
    "add", "apply", "build", "call", "check", "clear", "close", "compute", "construct",
    "convert", "copy", "create", "decode", "delete", "determine", "display", "encode",
    "evaluate", "execute", "find", "format", "generate", "get", "handle", "initialize",
    "insert", "iterate", "load", "make", "map", "open", "parse", "perform", "print", "process",
    "produce", "read", "remove", "replace", "represent", "reset", "return", "run", "save",
    "search", "send", "set", "show", "sort", "split", "start", "stop", "store", "test",
    "transform", "try", "update", "use", "validate", "wait", "wrap", "write", "yield",
))  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DeniedEntailment(Source):
    """A sentence, one that it implies, and the latter denied by rule.

    A record has `anchor`, `entailment`, `negation` (a list of one), `name` and `module`. The inner
    records have `premise`, `hypothesis` and `label`; those of another label than `match`, and those
    whose hypothesis no rule denies, are left out.

    Raises:
        UsageError: a record of the inner source lacks a field.

    Reference: Günther et al., Jina Embeddings, arXiv:2307.11224, section 2.3.

    Example:
        >>> DeniedEntailment(inner=PyDocsEntailment()).match
        'entailment'
    """

    inner: Source = PyDocsEntailment()
    match: str = "entailment"

    def records(self, split: str) -> Sequence[Record]:
        found = []
        for place, record in enumerate(self.inner.records(split)):
            anchor, said, label = (
                text_field(record, name, place) for name in ("premise", "hypothesis", "label")
            )
            denied = negated(said) if label == self.match else None
            if denied is not None:
                found.append(
                    {"anchor": anchor, "entailment": said, "negation": [denied],
                     "name": record.get("name", ""), "module": record.get("module", "")}
                )  # fmt: skip
        return found

    def fingerprint(self) -> str:
        return fingerprint(self, [self.inner.fingerprint()])
