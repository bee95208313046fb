"""What scores were made with, and the refusal to compare scores that were made differently."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jaxemb.config import UsageError
from jaxemb.study.comparison.scored import ScoredArm

SETTINGS = ("scale", "suite", "metric", "split", "data", "task", "prompt", "max_length", "dtype")
"""Every setting that is checked, in this order."""
ALLOWED = ("scale", "suite", "metric", "task", "prompt", "max_length", "dtype")
"""Settings whose difference may be what a comparison is about. Scores of different texts cannot be
paired, whatever is asked."""
MOST = 6
"""So many names of a list are told."""


def check_alike(arms: Sequence[ScoredArm], allowed: Sequence[str] = ()) -> None:
    """Refuses to compare scores that differ in more than their recipes.

    Pooling, attention, loss or training data are what one compares; a prompt, a length limit or a
    dtype that was forgotten is not.

    Raises:
        UsageError: names the first setting that differs, with both values.
    """
    unknown = [name for name in allowed if name not in ALLOWED]
    if unknown:
        raise UsageError(f"--allow {unknown[0]} is not possible; allowed: {', '.join(ALLOWED)}.")
    first, *others = arms
    for name in SETTINGS:
        for other in others if name not in allowed else ():
            _check(name, first, other)


def _check(name: str, first: ScoredArm, other: ScoredArm) -> None:
    left, right = _values(name, first), _values(name, other)
    # What only one of the two tells cannot be held against the other.
    where = [key for key in left if key in right and left[key] != right[key]]
    if not where:
        return
    key = where[0]
    what = f"{name.replace('_', ' ')}{f' of {key}' if key else ''}"
    hint = f"; --allow {name} compares them all the same" if name in ALLOWED else ""
    raise UsageError(
        f"These scores cannot be compared: the {what} is {_said(left[key])} in {first.path} and "
        f"{_said(right[key])} in {other.path}{hint}."
    )


def _values(name: str, arm: ScoredArm) -> dict[str, Any]:
    """A setting's value, or one for every task or role."""
    described, results = arm.described, arm.results
    match name:
        case "scale":
            return {"": described["scale"]} if "scale" in described else {}
        case "suite":
            return {"": sorted(results)}
        case "metric":
            return {task: sorted(result.metrics) for task, result in results.items()}
        case "split":
            return {n: split for n, task in arm.tasks.items() if (split := _split(task))}
        case "data":
            return {task: result.data for task, result in results.items() if result.data}
        case "task":
            return {n: _own(task) for n, task in arm.tasks.items()}
        case "prompt":
            return _prompts(arm)
        case "max_length":
            return _lengths(arm)
    return {"": sorted(set(_dtypes(arm))) or ["float32"]} if arm.embedder else {}


def _split(task: Mapping[str, Any]) -> str | None:
    return (_innermost(task).get("data") or {}).get("split")


def _own(task: Mapping[str, Any]) -> dict[str, Any]:
    """A task's fields but for its data, which has a fingerprint."""
    inner = {"inner": _own(task["inner"])} if "inner" in task else {}
    return {key: value for key, value in task.items() if key not in ("data", "inner")} | inner


def _innermost(task: Mapping[str, Any]) -> Mapping[str, Any]:
    return _innermost(task["inner"]) if "inner" in task else task


def _prompts(arm: ScoredArm) -> dict[str, str]:
    """The prefix of each role: what the evaluation used, where it tells, else the embedder's."""
    if "settings" in arm.described:
        return {role: used["prompt"] for role, used in arm.described["settings"].items()}
    template = _text(arm).get("template") or {}
    return {role: said for role, said in template.items() if role != "part"}


def _lengths(arm: ScoredArm) -> dict[str, int]:
    if "settings" in arm.described:
        return {role: used["max_tokens"] for role, used in arm.described["settings"].items()}
    documents, queries = (_text(arm).get(name) for name in ("max_tokens", "query_tokens"))
    return {"query": queries or documents, "document": documents} if documents else {}


def _text(arm: ScoredArm) -> Mapping[str, Any]:
    return (arm.embedder or {}).get("text") or {}


def _dtypes(arm: ScoredArm) -> Iterator[str]:
    """Of every part that computes, and of the whole run where that is not the default."""
    runtime = ((arm.described.get("recipe") or {}).get("runtime") or {}).get("dtype", "float32")
    if runtime != "float32":
        yield runtime
    else:
        yield from _found(arm.embedder, "dtype")


def _found(node: Any, key: str) -> Iterator[Any]:
    if isinstance(node, Mapping):
        if isinstance(node.get(key), str):
            yield node[key]
        for value in node.values():
            yield from _found(value, key)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for value in node:
            yield from _found(value, key)


def _said(value: Any) -> str:
    if isinstance(value, list):
        more = f" and {len(value) - MOST} more" if len(value) > MOST else ""
        return ", ".join(map(str, value[:MOST])) + more or "none"
    return json.dumps(value, ensure_ascii=False)
