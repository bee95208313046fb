"""Overrides as they are typed: `key=value` of a run, `key=a,b` of a sweep."""

import re
from collections.abc import Iterable
from typing import Any

from jaxemb.config import UsageError, override, paths, resolve
from jaxemb.study.arms import Arm, grid

_SETTING = r"[^.,=()@]+=[^.,=()@]+"  # `dim=16` in the name of a task
_SEGMENT = rf"[^.=@]+(?:@(?:{_SETTING}(?:,{_SETTING})*|[^.,=()@]+))?"
_ASSIGNMENT = re.compile(rf"({_SEGMENT}(?:\.{_SEGMENT})*)=(.+)", re.DOTALL)


def assignment(text: str) -> tuple[str, str]:
    """`("pooling", "mean")` of `pooling=mean`.

    A key may name a task that is called by its settings, as in `retrieval@layers=1,dim=16.layers=2`.

    Raises:
        UsageError: there is no `=`, or nothing on one side of it.
    """
    found = _ASSIGNMENT.fullmatch(text)
    key, value = (part.strip() for part in found.groups()) if found else ("", "")
    if not (key and value):
        raise UsageError(f"{text!r} is no override; write key=value.")
    return key, value


def split_values(text: str) -> list[str]:
    """The values of `a,b(c=1,d=2),(3,4)`: cut at commas outside brackets and quotes.

    Raises:
        UsageError: a bracket or a quote is not closed, or a value is empty.
    """
    values, depth, quote, start = [], 0, "", 0
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "," and depth == 0:
            values.append(text[start:position])
            start = position + 1
        depth += 0 if quote else (character in "([{") - (character in ")]}")
        if depth < 0:
            break
    values = [value.strip() for value in (*values, text[start:])]
    if quote or depth:
        raise UsageError(f"{text!r}: a bracket or a quote is not closed.")
    if not all(values):
        raise UsageError(f"{text!r}: there is an empty value between commas.")
    return values


def fixed(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The overrides of `run`: one value per key.

    Raises:
        UsageError: a value is a list; the message suggests `sweep`.
    """
    pairs = []
    for key, value in map(assignment, texts):
        if len(split_values(value)) > 1:
            raise UsageError(
                f"{key}={value} lists several values; to run each of them, use: "
                f"jaxemb sweep NAME {key}={value} (for one tuple, put it in parentheses)"
            )
        pairs.append((key, value))
    return tuple(pairs)


def swept(base: Any, texts: Iterable[str]) -> tuple[Arm, ...]:
    """The arms of `sweep`: every combination of the values typed for each key.

    Values are read against `base` first, so that an arm is named the same however it was typed. Keys
    with one value are set in every arm and stand in no arm's name, where other keys have several.
    """
    axes: dict[str, tuple[Any, ...]] = {}
    taken: set[str] = set()
    for key, text in map(assignment, texts):
        path = resolve(base, key)
        if path in taken:
            raise UsageError(f"{key} is given twice; write {key}=a,b.")
        taken.add(path)
        axes[key] = tuple(_at(base, path, override(base, path, v)) for v in split_values(text))
    several = {key: values for key, values in axes.items() if len(values) > 1}
    named = zip(grid(several or axes), grid(axes), strict=True)
    return tuple(Arm(called.name, whole.overrides) for called, whole in named)


def _at(base: Any, path: str, changed: Any) -> Any:
    """What stands at a path of `base` in `changed`, where it may be called otherwise: the name of a
    task such as `retrieval@dim=16` is made of its fields."""
    return list(paths(changed).values())[list(paths(base)).index(path)]
