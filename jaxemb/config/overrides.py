"""Strict overrides by dotted path, and the difference between two parts.

A value typed by a person is read with `ast` as a Python literal or a part expression such as
`latent_over_tokens(latents=8)`; only subclasses of a slot's declared base are built from it.
"""

import ast
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from jaxemb.config.fields import bases, build, choices, conform, fits, kind, members, no_field
from jaxemb.config.keys import find, item_hint, segments
from jaxemb.config.parts import (
    UsageError,
    described,
    is_part,
    join,
    near_miss,
    slots,
    snake_case,
)


def override(obj: Any, key: str, value: Any) -> Any:
    """A copy of `obj` with another value at `key`, a dotted suffix of a path.

    `value` is an object, or text as typed on the command line. A replaced slot starts from its own
    defaults.

    Example:
        >>> override(recipe, "pooling", "latent_over_tokens(latents=8)")
        >>> override(recipe, "train.loss.temperature", 0.02)

    Raises:
        UsageError: the key or the value is unknown, ambiguous or of the wrong type.
    """
    node = find(obj, key)
    if isinstance(value, str):
        value = parse(value, node.hint, node.path)
    return _replaced(obj, node.steps, conform(value, node.hint, node.path), "")


def override_all(obj: Any, overrides: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> Any:
    """`override` with each of several keys and values, from left to right."""
    for key, value in dict(overrides).items() if isinstance(overrides, Mapping) else overrides:
        obj = override(obj, key, value)
    return obj


def _replaced(obj: Any, steps: tuple[str | int, ...], value: Any, path: str) -> Any:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(obj, tuple):
        return (*obj[:step], _replaced(obj[step], rest, value, join(path, step)), *obj[step + 1 :])
    whole = described(obj)
    # What a part leaves out stays left out, but for the field that is changed.
    kept = obj if type(obj) is type(whole) else whole
    fields = {name: getattr(kept, name) for name in slots(type(kept))}
    fields[step] = _replaced(getattr(whole, step), rest, value, join(path, step))
    return build(type(kept), fields, path)


def parse(text: str, hint: Any, path: str) -> Any:
    """A value typed by a person, read for a field annotated with `hint`.

    Raises:
        UsageError: it is neither a Python literal nor an expression of parts that fit the slot.
    """
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        node = None
    if str in members(hint) and not bases(hint):
        return _parse_text(text, node, hint)
    if node is None:
        raise UsageError(f"{path}={text} is neither a Python literal nor a part expression.")
    value = _value(node, hint, path)
    # A single part stands for a tuple of one where a slot takes several.
    return (value,) if is_part(value) and fits((value,), hint) else value


def _parse_text(text: str, node: ast.expr | None, hint: Any) -> Any:
    """Text needs no quotes; a literal counts where it is quoted or another type is asked for."""
    try:
        literal = ast.literal_eval(node) if node else text
    except ValueError:
        return text
    others = [member for member in members(hint) if member is not str]
    return literal if isinstance(literal, str) or any(fits(literal, m) for m in others) else text


def _value(node: ast.expr, hint: Any, path: str) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return tuple(
                _value(item, item_hint(hint, i), join(path, i)) for i, item in enumerate(items)
            )
        case ast.Name(id=name) if not bases(hint) and str in members(hint):
            return name
        case ast.Name(id=name) if name in _words(hint):
            return name
        case ast.Name(id=name):
            return build(_choose(name, hint, path), {}, path)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            return _call(_choose(name, hint, path), args, keywords, path)
    raise UsageError(
        f"{path}: '{ast.unparse(node)}' is neither a Python literal nor a part expression."
    )


def _words(hint: Any) -> tuple[Any, ...]:
    """What a field takes one of, such as "float32" and "bfloat16"."""
    literals = (member for member in members(hint) if get_origin(member) is Literal)
    return tuple(word for literal in literals for word in get_args(literal))


def _call(cls: type, args: list[ast.expr], keywords: list[ast.keyword], path: str) -> Any:
    positional = [f.name for f in dataclasses.fields(cls) if f.name in slots(cls) and not f.kw_only]
    if len(args) > len(positional) or any(keyword.arg is None for keyword in keywords):
        fields = ", ".join(slots(cls)) or "none"
        raise UsageError(
            f"{path}: name the fields of {snake_case(cls)}, as in a=1; fields: {fields}."
        )
    given = [*zip(positional, args, strict=False), *((k.arg, k.value) for k in keywords)]
    values = {}
    for name, node in given:
        if name not in slots(cls):
            raise UsageError(no_field(cls, path, name))
        if name in values:
            raise UsageError(f"{path}: '{name}' of {snake_case(cls)} is given twice.")
        values[name] = _value(node, slots(cls)[name], join(path, name))
    return build(cls, values, path)


def _choose(name: str, hint: Any, path: str) -> type:
    """The part called `name` among those that fit a slot; case and underscores do not matter."""
    known = choices(hint)
    if not known:
        raise UsageError(f"{path} takes {kind(hint)}, not {name}.")
    by_key = {_key(name): cls for name, cls in known.items()}
    by_key |= {_key(a): c for c in known.values() for a in vars(c).get("aliases", ())}
    if _key(name) not in by_key:
        if {int, float} & set(members(hint)):
            raise UsageError(f"{path} takes {kind(hint)}, not {name}; choices: {', '.join(known)}.")
        family = " or ".join(base.__name__ for base in bases(hint))
        raise UsageError(
            f"{path}={name}: no {family} part is called so{near_miss(name, known)}; "
            f"choices: {', '.join(known)}."
        )
    return by_key[_key(name)]


def _key(name: str) -> str:
    return name.replace("_", "").lower()


# --- differences


def diff(a: Any, b: Any) -> dict[str, tuple[Any, Any]]:
    """Where two parts differ: full path -> (value in `a`, value in `b`).

    A slot that holds parts of different classes is one difference, at the slot.
    """
    return dict(_differences(a, b, ""))


def _differences(a: Any, b: Any, path: str) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if is_part(a) and type(a) is type(b):
        for name in slots(type(a)):
            yield from _differences(*_told(a, b, name), join(path, name))
    elif _alike(a, b):
        for segment, left, right in zip(segments(a), a, b, strict=True):
            yield from _differences(left, right, join(path, segment))
    elif a != b:
        yield path, (a, b)


def _told(a: Any, b: Any, name: str) -> tuple[Any, Any]:
    """A field of two parts of one class; where one of them leaves it out, as both describe it."""
    pair = getattr(a, name), getattr(b, name)
    whole = described(a), described(b)
    if is_part(pair[0]) == is_part(pair[1]) or {type(one) for one in whole} != {type(a)}:
        return pair
    return getattr(whole[0], name), getattr(whole[1], name)


def _alike(a: Any, b: Any) -> bool:
    """Whether two tuples hold the same parts under the same names, so that items pair up."""
    both = isinstance(a, tuple) and isinstance(b, tuple)
    return both and any(map(is_part, a)) and segments(a) == segments(b)
