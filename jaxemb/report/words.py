"""How numbers, metrics and override values are spelled for people."""

import ast
import re
from collections.abc import Mapping, Sequence

from jaxemb.report import text

NAMES = {
    "ndcg": "nDCG", "ap": "AP", "map": "MAP", "mrr": "MRR", "sts": "STS", "bm25": "BM25",
    "spearman": "Spearman", "pearson": "Pearson", "f1": "F1",
}  # fmt: skip
TASKS_APART = (
    "Whatever is tested over several tasks takes them as independent of each other. Tasks of a suite "
    "often share texts: then such a p is too low and such an interval too short."
)
"""Stands wherever a p value, an interval or a letter over tasks is shown."""
MARKS = {"supported": "✓", "contradicted": "✗", "undecided": "?"}
TONES = {"supported": "good", "contradicted": "bad", "undecided": "open"}


def mark(verdict: str | None) -> str:
    """A sign for a verdict, so that it is told by more than its colour."""
    return MARKS.get(_first(verdict), "–")


def tone(verdict: str | None) -> str:
    """good, bad, open, or none: what a verdict's colour is chosen by."""
    return TONES.get(_first(verdict), "none")


def score(value: float | int | None, digits: int = 3) -> str:
    """A score, `0.413`; a dash where there is none."""
    return "–" if value is None or value != value else f"{value:.{digits}f}".replace("-", "−")


def signed(value: float | int | None, digits: int = 3) -> str:
    """A difference with its sign, `+0.021`."""
    if value is None or value != value:
        return "–"
    return f"{value:+.{digits}f}".replace("-", "−")


def interval(low: float | int | None, high: float | int | None, *, sign: bool = False) -> str:
    """An interval, `[0.402, 0.431]`; empty where there is none."""
    if low is None or high is None:
        return ""
    spell = signed if sign else score
    return f"[{spell(low)}, {spell(high)}]"


def chance(p: float | int | None) -> str:
    """A p-value to two digits, never as a bare zero."""
    if p is None or p != p:
        return "–"
    return "<0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def compared_with(p: float) -> str:
    """A p-value after its letter: `= 0.02`, or `< 0.001`."""
    return f"< {chance(p)[1:]}" if chance(p)[0] == "<" else f"= {chance(p)}"


def amount(value: float | int | None) -> str:
    """A count to three digits with its magnitude: 1.41 M."""
    return "–" if value is None else text.amount(value, gap=" ")


def places(low: int, high: int) -> str:
    """The ranks that a model may truly have, `2 to 4`."""
    return str(low) if low == high else f"{low} to {high}"


def metric(name: str) -> str:
    """A metric's key for reading: `pair_classification/ap` becomes `pair classification AP`."""
    task, _, measure = name.rpartition("/")
    task, _, settings = task.partition("@")
    said = _spell(f"{task} {measure}".replace("/", " ").replace("v_measure", "V\u2011measure"))
    return f"{said} ({settings.replace(',', ', ')})" if settings else said.strip()


def control(name: str) -> str:
    """A control's name for reading: `random_vectors` becomes `random vectors`."""
    return _spell(name)


def value(given: object) -> str:
    """An override's value as it is typed: a part by its snake_case name, with its fields."""
    if isinstance(given, Mapping) and "part" in given:
        fields = ", ".join(f"{k}={value(v)}" for k, v in given.items() if k != "part")
        name = _snake(str(given["part"]).rpartition(".")[2])
        return f"{name}({fields})" if fields else name
    if isinstance(given, list | tuple):
        return "(" + ", ".join(map(value, given)) + ")"
    if isinstance(given, str):
        return _unquoted(given)
    return str(given)


def overrides(given: Mapping[str, object]) -> str:
    """An arm's overrides on one line, each key by its last segment."""
    return ", ".join(f"{key.rpartition('.')[2]}={value(v)}" for key, v in given.items())


def setting(given: object) -> str:
    """An override's value on an axis; `base` for an arm that does not set it."""
    return "base" if given is None else value(given)


def bare(name: str) -> str:
    """A part's name without its fields."""
    return name.partition("(")[0] or name


def shortened(name: str, letters: int = 34) -> str:
    """A long arm's name cut in its middle, where grid arms differ least."""
    if len(name) <= letters:
        return name
    keep = (letters - 1) // 2
    return f"{name[:keep]}…{name[-keep:]}"


def short(names: Sequence[str]) -> list[str]:
    """Bare names, but for those that more than one of the names share."""
    return [n if len({m for m in names if bare(m) == bare(n)}) > 1 else bare(n) for n in names]


def wrapped(name: str, letters: int, most: int = 4) -> str:
    """A label on up to `most` lines of about `letters`, cut after an underscore or a bracket."""
    lines = [""]
    for piece in re.findall(r"[^_(,]+[_(,]? ?|[_(,]", name):
        if lines[-1] and len(lines[-1]) + len(piece) > letters:
            lines.append("")
        lines[-1] += piece
    if len(lines) > most:
        lines = [*lines[: most - 1], f"…{lines[-1]}"]
    return "\n".join(shortened(line.strip(), max(letters * 3 // 2, 8)) for line in lines)


def last(key: str) -> str:
    """The last segment of a dotted key."""
    return key.rpartition(".")[2]


def compared(record: Mapping) -> str:
    """How many arms and seeds, at which scale."""
    arms = record["arms"]
    seeds = max((len(arm.get("seeds") or ()) for arm in arms.values()), default=0)
    return f"{_many(len(arms), 'arm')} × {_many(seeds, 'seed')}, scale {record.get('scale')}"


def summary(record: Mapping) -> str:
    """One line on what was compared and what came of it."""
    verdict = record.get("verdict")
    return compared(record) + (f"; verdict: {verdict}" if verdict else "")


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _first(verdict: str | None) -> str:
    return (verdict or "").strip().partition(" ")[0].strip(",;:")


def _spell(name: str) -> str:
    words = name.replace("_", " ").split()
    return " ".join(NAMES.get(w.partition("@")[0], w.partition("@")[0]) + _at(w) for w in words)


def _at(word: str) -> str:
    _, at, depth = word.partition("@")
    return at + depth


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])", "_", name).lower()


def _unquoted(typed: str) -> str:
    """Strings may arrive as typed, with their quotes."""
    try:
        found = ast.literal_eval(typed)
    except (SyntaxError, ValueError):
        return typed
    return found if isinstance(found, str) else typed
