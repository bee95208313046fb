"""Arms as data: `arm`, `grid`, `zip_` and `chain` make them of names and overrides."""

import hashlib
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxemb.config import UsageError, expression, is_part, to_json

LONGEST_NAME = 80
MOST_ARMS = 10_000

Override = tuple[str, Any]


@dataclass(frozen=True)
class Arm:
    """A named set of overrides of an experiment's base recipe, applied from left to right."""

    name: str
    overrides: tuple[Override, ...] = ()

    def __post_init__(self) -> None:
        if not self.name or path_safe(self.name) != self.name:
            raise UsageError(
                f"{self.name!r} cannot be an arm's name: it names a folder, so letters, digits and "
                f"._=,+- only, and at most {LONGEST_NAME} characters."
            )

    def sets(self, field: str) -> bool:
        """Whether an override is of a field of this name, under whatever path."""
        return any(sets(key, field) for key, _ in self.overrides)

    def described(self) -> dict[str, str | int | float | bool | None]:
        """The overrides for JSON, `{"mask": "causal", "layers": 4}`: parts as they are typed."""
        return {key: _described(value) for key, value in self.overrides}


def sets(key: str, field: str) -> bool:
    """Whether a key is that of a field of this name, under whatever path."""
    return key.rpartition(".")[2] == field


def _described(value: Any) -> str | int | float | bool | None:
    return expression(value) if is_part(value) or isinstance(value, tuple) else value


def arm(name: str, overrides: Mapping[str, Any] | None = None, /, **suffixes: Any) -> Arm:
    """A named arm. Keys are dotted suffixes of recipe paths; those with a dot come in a mapping.

    Example:
        >>> arm("causal-last", mask=Causal(), pooling=LastToken())
        >>> arm("cold", {"train.loss.temperature": 0.5}, pooling=Mean())
    """
    return Arm(name, (*(overrides or {}).items(), *suffixes.items()))


def grid(*factors: Mapping[str, Any] | Iterable[Arm], **axes: Any) -> tuple[Arm, ...]:
    """Arms for every combination of the axes' values, the last axis changing fastest.

    An axis is a key and its values, or a key and a mapping of labels to values; keys with a dot
    come in a mapping. A factor may also be arms already made, as by `zip_`. An arm is called
    `axis=value,...` in declared order.

    Example:
        >>> [a.name for a in grid(mask=(Causal(), Bidirectional()), dim=(32, 64))]
        ['mask=causal,dim=32', 'mask=causal,dim=64', 'mask=bidirectional,dim=32', ...]

    Raises:
        UsageError: they make more than 10,000 arms.
    """
    columns = _columns(factors, axes)
    count = math.prod(map(len, columns))
    if count > MOST_ARMS:
        raise UsageError(
            f"The axes of the grid make {count:,} arms, and an experiment has up to {MOST_ARMS:,}."
        )
    return tuple(_joined(arms) for arms in itertools.product(*columns)) if columns else ()


def zip_(*factors: Mapping[str, Any] | Iterable[Arm], **axes: Any) -> tuple[Arm, ...]:
    """Arms that take the axes' values side by side: the first of each, the second of each, ...

    Example:
        >>> [a.name for a in zip_(layers=(2, 4), width=(128, 64))]
        ['layers=2,width=128', 'layers=4,width=64']

    Raises:
        UsageError: the axes have different numbers of values.
    """
    columns = _columns(factors, axes)
    if len({len(column) for column in columns}) > 1:
        sizes = ", ".join(str(len(column)) for column in columns)
        raise UsageError(f"zip_ pairs values one by one, and its axes have {sizes} of them.")
    return tuple(_joined(arms) for arms in zip(*columns, strict=True))


def chain(*groups: Iterable[Arm] | Arm) -> tuple[Arm, ...]:
    """The arms of several groups, one after the other.

    Raises:
        UsageError: two arms have the same name.
    """
    arms = [a for group in groups for a in ((group,) if isinstance(group, Arm) else group)]
    check_distinct(arms)
    return tuple(arms)


def check_distinct(arms: Iterable[Arm]) -> None:
    seen = set()
    for one in arms:
        if one.name in seen:
            raise UsageError(f"Two arms are named {one.name!r}; every arm needs a name of its own.")
        seen.add(one.name)


def _columns(
    factors: Sequence[Mapping[str, Any] | Iterable[Arm]], axes: Mapping[str, Any]
) -> list[tuple[Arm, ...]]:
    columns = []
    for factor in (*factors, axes):
        if isinstance(factor, Mapping):
            columns += [_axis(key, values) for key, values in factor.items()]
        else:
            columns.append(tuple(factor))
    return columns


def _axis(key: str, values: Any) -> tuple[Arm, ...]:
    if is_part(values) or not isinstance(values, Iterable | Mapping) or isinstance(values, str):
        raise UsageError(f"The axis {key} needs a tuple of values, not {expression(values)}.")
    labelled = values.items() if isinstance(values, Mapping) else ((_label(v), v) for v in values)
    arms = tuple(Arm(path_safe(f"{key}={label}"), ((key, value),)) for label, value in labelled)
    if not arms:
        raise UsageError(f"The axis {key} has no values.")
    return arms if len({a.name for a in arms}) == len(arms) else _told_apart(key, values)


def _told_apart(key: str, values: Iterable[Any]) -> tuple[Arm, ...]:
    """Arms of values that read alike; equal values are a mistake."""
    arms = tuple(Arm(path_safe(f"{key}={_label(v)}-{_mark(v)}"), ((key, v),)) for v in values)
    check_distinct(arms)
    return arms


def _label(value: Any) -> str:
    """A value's name in an arm's: the part's own `label` if it has one, else its expression."""
    label = getattr(value, "label", None) if is_part(value) else None
    return label if isinstance(label, str) else expression(value)


def _mark(value: Any) -> str:
    content = repr(to_json(value)) if is_part(value) else repr(value)
    return hashlib.sha256(content.encode()).hexdigest()[:8]


def _joined(arms: Sequence[Arm]) -> Arm:
    overrides = tuple(pair for one in arms for pair in one.overrides)
    keys = [key for key, _ in overrides]
    for key in keys:
        if keys.count(key) > 1:
            raise UsageError(f"Two axes set {key}.")
    return Arm(path_safe(",".join(one.name for one in arms)), overrides)


def path_safe(name: str) -> str:
    """A name that can be a folder's: other characters than A-Z a-z 0-9 ._=,+- are replaced, and a
    long name is cut and ends in a hash of the whole."""
    safe = re.sub(r"[^A-Za-z0-9._=,+-]+", "-", re.sub(r"[\s'\")\]]", "", name)).lstrip(".-")
    if len(safe) <= LONGEST_NAME:
        return safe
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{safe[: LONGEST_NAME - 9]}-{digest}"
