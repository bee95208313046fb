"""What fits a field: the parts of a family, types in words, and how a part is built from values."""

import dataclasses
import functools
import importlib
import math
import numbers
import sys
import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any

from jaxemb.config.parts import (
    Part,
    UsageError,
    expression,
    is_exported,
    is_part,
    is_part_class,
    join,
    near_miss,
    slots,
    snake_case,
)
from jaxemb.config.ranges import Range, in_range

# --- families


# Rooms above a room that have parts for its slots.
_FILLED_BY = {
    "data": ("vectors",),
    "training": ("fitting", "adaptation"),
    "model": ("fitting", "adaptation", "interop"),
}


def choices(hint: Any) -> dict[str, type]:
    """The parts that fit a slot, by name: `choices(Pooling)["mean"]` is `Mean`.

    The package of the base class is imported first, so that its whole family is known.
    """
    found: dict[str, type] = {}
    for base in bases(hint):
        if base.__module__.startswith("jaxemb."):
            room = base.__module__.split(".")[1]
            for one in (room, *_FILLED_BY.get(room, ())):
                importlib.import_module(f"jaxemb.{one}")
        for cls in _with_subclasses(base):
            name = snake_case(cls)
            # A file that was loaded anew leaves its old classes behind for a while.
            if _is_concrete(cls) and not (name in found and _is_current(found[name])):
                found[name] = cls
    return dict(sorted(found.items()))


def bases(hint: Any) -> list[type]:
    """The part classes that an annotation names, inside tuples too."""
    found = []
    for member in members(hint):
        if typing.get_origin(member) is tuple:
            found += [base for item in typing.get_args(member) for base in bases(item)]
        elif is_part_class(member):
            found.append(member)
    return found


def members(hint: Any) -> tuple[Any, ...]:
    """The alternatives of an annotation, without ranges: `A | None` is `(A, NoneType)`."""
    return tuple(member for member, _ in ranged(hint))


def ranged(hint: Any, ranges: tuple = ()) -> Iterator[tuple[Any, tuple]]:
    """The alternatives of an annotation, each with what it is annotated with."""
    if typing.get_origin(hint) is Annotated:
        yield from ranged(hint.__origin__, (*ranges, *hint.__metadata__))
    elif typing.get_origin(hint) in (typing.Union, types.UnionType):
        for item in typing.get_args(hint):
            yield from ranged(item, ranges)
    else:
        yield hint, ranges


def _with_subclasses(cls: type) -> Iterator[type]:
    yield cls
    for child in cls.__subclasses__():
        yield from _with_subclasses(child)


def _is_concrete(cls: type) -> bool:
    """Whether a class can be chosen: public, a dataclass of its own, no mere base of others."""
    parents = [base for base in cls.__bases__ if is_part_class(base) and base is not Part]
    is_root = all(base.__module__.startswith("flax.") for base in parents)
    return (
        "__dataclass_fields__" in vars(cls)
        and not cls.__name__.startswith("_")
        and not (is_root and cls.__subclasses__())
        and not any(getattr(getattr(cls, n, None), "__isabstractmethod__", 0) for n in dir(cls))
        and (not cls.__module__.startswith("jaxemb.") or is_exported(cls))
    )


def _is_current(cls: type) -> bool:
    return getattr(sys.modules.get(cls.__module__), cls.__name__, None) is cls


# --- types of fields

_MISFIT = object()


def conform(value: Any, hint: Any, path: str) -> Any:
    """`value` as the annotation `hint` takes it: an int becomes a float where one is asked for.

    Raises:
        UsageError: it has another type, or is out of range; the message names `path`.
    """
    fitted = _fit_any(value, hint)
    if fitted is not _MISFIT:
        return fitted
    known = ", ".join(choices(hint))
    raise UsageError(
        f"{path} takes {kind(hint)}, not {expression(value)}{known and f'; choices: {known}'}."
    )


def fits(value: Any, hint: Any) -> bool:
    """Whether `conform` would take the value."""
    return _fit_any(value, hint) is not _MISFIT


def _fit_any(value: Any, hint: Any) -> Any:
    attempts = ((_fit(value, member), ranges) for member, ranges in ranged(hint))
    fitting = (f for f, ranges in attempts if f is not _MISFIT and in_range(f, ranges))
    return next(fitting, _MISFIT)


def _fit(value: Any, kind: Any) -> Any:
    if kind is Any:
        return value
    if typing.get_origin(kind) is typing.Literal:
        return value if value in typing.get_args(kind) else _MISFIT
    if tuple in (kind, typing.get_origin(kind)):
        return _fit_tuple(value, typing.get_args(kind) or (Any, ...))
    if isinstance(value, bool) and kind is not bool:
        return _MISFIT
    if kind is float:
        real = isinstance(value, numbers.Real) and math.isfinite(value)
        return float(value) if real else _MISFIT
    if kind is int:
        return int(value) if isinstance(value, numbers.Integral) else _MISFIT
    return value if isinstance(value, kind) else _MISFIT


def _fit_tuple(value: Any, items: tuple[Any, ...]) -> Any:
    if not isinstance(value, tuple | list):
        return _MISFIT
    if items[-1] is Ellipsis:
        items = items[:1] * len(value)
    if len(items) != len(value):
        return _MISFIT
    fitted = tuple(_fit_any(v, item) for v, item in zip(value, items, strict=True))
    return _MISFIT if any(v is _MISFIT for v in fitted) else fitted


_WORDS = {
    int: "a whole number", float: "a finite number", str: "text", bool: "True or False",
    type(None): "None", Any: "a value", tuple: "a tuple",
}  # fmt: skip


def kind(hint: Any) -> str:
    """An annotation in words: `a whole number of at least 1 or None`."""
    told = (_kind(member, ranges) for member, ranges in ranged(hint))
    return " or ".join(dict.fromkeys(told))


def _kind(member: Any, ranges: tuple) -> str:
    items, origin = typing.get_args(member), typing.get_origin(member)
    if origin is typing.Literal:
        return f"one of {', '.join(map(repr, items))}"
    limits = " and ".join(one.words for one in ranges if isinstance(one, Range))
    if origin is tuple and items[-1] is Ellipsis:
        return " ".join(filter(None, (f"a tuple, each item {kind(items[0])}", limits)))
    if origin is tuple:
        return " ".join(filter(None, (f"a tuple ({', '.join(map(kind, items))})", limits)))
    if member in (int, float):
        return " ".join(filter(None, (_WORDS[member], limits)))
    name = getattr(member, "__name__", str(member))
    return _WORDS.get(member) or f"{'an' if name[0] in 'AEIOU' else 'a'} {name} part"


def allowed(hint: Any) -> str:
    """What a field takes, for people to read: its kind, and the parts that fit it by name.

    Example:
        >>> from jaxemb.config import AtLeast, Below
        >>> allowed(Annotated[float, AtLeast(0), Below(1)] | None)
        'a finite number of at least 0 and below 1 or None'
    """
    return "; choices: ".join(filter(None, (kind(hint), ", ".join(choices(hint)))))


def limits(hint: Any) -> str:
    """The ranges that a field declares, in words; none is "".

    Example:
        >>> from jaxemb.config import AtLeast, Below
        >>> limits(Annotated[float, AtLeast(0), Below(1)] | None), limits(float)
        ('of at least 0 and below 1', '')
    """
    told = []
    for member, ranges in ranged(hint):
        own = " and ".join(one.words for one in ranges if isinstance(one, Range))
        told.append(own or next(filter(None, map(limits, typing.get_args(member))), ""))
    return " or ".join(dict.fromkeys(filter(None, told)))


def check_ranges(part: Any) -> None:
    """Check those fields of a part that declare a range, for its `__post_init__`.

    Example:
        >>> from jaxemb.config import AtLeast
        >>> @dataclasses.dataclass(frozen=True, kw_only=True)
        ... class Stack(Part):
        ...     layers: Annotated[int, AtLeast(1)] = 4
        ...     __post_init__ = check_ranges
        >>> Stack(layers=0)
        Traceback (most recent call last):
        jaxemb.config.parts.UsageError: layers takes a whole number of at least 1, not 0.

    Raises:
        UsageError: a value is out of range, or of another type.
    """
    _check_ranges(part, "")


def _check_ranges(part: Any, path: str) -> None:
    for name, hint in _limited(type(part)).items():
        conform(getattr(part, name), hint, join(path, name))


@functools.cache
def _limited(cls: type) -> dict[str, Any]:
    """The fields that declare a range."""
    return {name: hint for name, hint in slots(cls).items() if limits(hint)}


def check_whole(part: Any, path: str = "") -> None:
    """Check the ranges of a part and of all parts in it, as where it is built from JSON.

    For what is about to be run: a module of Linen, or a part that was written in Python, need not
    have checked itself.

    Raises:
        UsageError: a value is out of range, or of another type; the message names its path.
    """
    if isinstance(part, tuple):
        for place, item in enumerate(part):
            check_whole(item, f"{path}[{place}]")
    elif is_part(part):
        _check_ranges(part, path)
        for name in slots(type(part)):
            check_whole(getattr(part, name), join(path, name))


# --- building


def build(cls: type, values: dict[str, Any], path: str = "") -> Any:
    """A part from the values of its fields, each checked against its annotation.

    Raises:
        UsageError: a field is unknown, missing or of the wrong type, or the part refuses it.
    """
    for name in values:
        if name not in slots(cls):
            raise UsageError(no_field(cls, path, name))
    for field in dataclasses.fields(cls):
        needed = field.default is field.default_factory is dataclasses.MISSING
        if needed and field.name in slots(cls) and field.name not in values:
            raise UsageError(f"{path or cls.__name__}: {snake_case(cls)} needs '{field.name}'.")
    checked = {name: conform(v, slots(cls)[name], join(path, name)) for name, v in values.items()}
    try:
        return cls(**checked)
    except ValueError as error:
        raise UsageError(f"{path or cls.__name__}: {error}") from error


def no_field(cls: type, path: str, name: str) -> str:
    """The message for a field that a part does not have: the nearest ones, and all of them."""
    known = slots(cls)
    at = f" (at {path})" if path else ""
    return (
        f"{cls.__name__}{at} has no field '{name}'{near_miss(name, known)}; "
        f"fields: {', '.join(known) or 'none'}."
    )
