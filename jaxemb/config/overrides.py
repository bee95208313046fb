"""Strict overrides by dotted path, and the difference between two parts.

A value typed by a person is read with `ast` as a Python literal or a part expression such as
`latent_over_tokens(latents=8)`; only subclasses of a slot's declared base are built from it.
"""

import ast
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, get_args, get_origin

from jaxemb.config.parts import (
    Part,
    UsageError,
    bases,
    build,
    choices,
    conform,
    described,
    expression,
    fits,
    is_linen,
    is_part,
    join,
    kind,
    members,
    near_miss,
    no_field,
    slots,
    snake_case,
)

# --- paths


_MOST_LISTED = 12


class _Node(NamedTuple):
    path: str
    steps: tuple[str | int, ...]  # field names and tuple indices
    value: Any
    hint: Any


def _nodes(value: Any, hint: Any = Any, path: str = "", steps: tuple = ()) -> Iterator[_Node]:
    """Every field and every part in a tuple, parents before children."""
    if path:
        yield _Node(path, steps, value, hint)
    if is_part(value):
        whole = described(value)
        for name, inner in slots(type(whole)).items():
            yield from _nodes(getattr(whole, name), inner, join(path, name), (*steps, name))
    elif isinstance(value, tuple) and any(map(is_part, value)):
        for i, (segment, item) in enumerate(zip(_segments(value), value, strict=True)):
            yield from _nodes(item, _item_hint(hint, i), join(path, segment), (*steps, i))


def _segments(items: tuple) -> list[str]:
    """What items of a tuple are called in a path: by `name` where that is unique, else by index."""
    names = [None if is_linen(type(item)) else getattr(item, "name", None) for item in items]
    return [
        name if isinstance(name, str) and name and names.count(name) == 1 else str(i)
        for i, name in enumerate(names)
    ]


def _item_hint(hint: Any, index: int) -> Any:
    for member in members(hint):
        items = getattr(member, "__args__", ())
        if items and getattr(member, "__origin__", None) is tuple:
            return items[0] if items[-1] is Ellipsis else items[min(index, len(items) - 1)]
    return Any


def paths(obj: Any) -> dict[str, Any]:
    """Every full path in a part and the value there, parents before children."""
    return {node.path: node.value for node in _nodes(obj)}


def resolve(obj: Any, key: str) -> str:
    """The full path that `key`, a dotted suffix of it, names: `mask` is `embedder.encoder.mask`.

    Of several paths that end so, those under the first of the part's `preferred` fields count; of
    these the shortest does, where no other is as short and none lies in another item of a tuple.

    Raises:
        UsageError: no path ends so, or several count; the message lists the nearest, or all.
    """
    return _find(obj, key).path


def _find(obj: Any, key: str) -> _Node:
    nodes = list(_nodes(obj))
    exact = [node for node in nodes if node.path == key]
    ends = [node for node in nodes if node.path.endswith(f".{key}")]
    found = exact or _shallowest(_favoured(obj, ends))
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(node.path for node in found[:_MOST_LISTED])
        more = len(found) - _MOST_LISTED
        rest = f", and {more} more" if more > 0 else ""
        raise UsageError(f"'{key}' is ambiguous; write one of: {listed}{rest}.")
    raise UsageError(" ".join([_unknown(obj, key, nodes), *_untold(nodes)]))


def _favoured(obj: Any, found: list[_Node]) -> list[_Node]:
    """Those under the first of the fields that the part prefers, where there are any."""
    under = (
        [node for node in found if node.steps[0] == field]
        for field in getattr(type(obj), "preferred", ())
    )
    return next(filter(None, under), found)


def _shallowest(found: list[_Node]) -> list[_Node]:
    """The one nearest to the root; all where others are as near, or in other items of a tuple.

    So `layers` is the encoder's and not its blocks', but no stage's field is meant before another's.
    """
    if not found:
        return found
    top = min(found, key=lambda node: len(node.steps))
    item = _item_of(top.steps)
    others = [node for node in found if node is not top]
    below = all(len(n.steps) > len(top.steps) and n.steps[: len(item)] == item for n in others)
    return [top] if below else found


def _item_of(steps: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The steps to the innermost item of a tuple that a path goes through."""
    last = max((i for i, step in enumerate(steps) if isinstance(step, int)), default=-1)
    return steps[: last + 1]


def _unknown(obj: Any, key: str, nodes: list[_Node]) -> str:
    head, _, last = key.rpartition(".")
    if head:
        owner = _find(obj, head)
        elsewhere = [node.path for node in nodes if node.path.endswith(f".{last}")]
        if not is_part(owner.value):
            return f"'{key}': {owner.path} is {expression(owner.value)}, which has no fields."
        message = no_field(type(described(owner.value)), owner.path, last)
        return message + (f" There is {', '.join(elsewhere)}." if elsewhere else "")
    by_name: dict[str, list[str]] = {}
    for node in nodes:
        by_name.setdefault(node.path.rpartition(".")[2], []).append(node.path)
    return f"There is no field '{key}'{near_miss(key, by_name)}; fields: {', '.join(by_name)}."


def _untold(nodes: list[_Node]) -> Iterator[str]:
    """Why parts could not be described: they may hold what was not found."""
    for node in nodes:
        if isinstance(node.value, Part):
            try:
                node.value.described()
            except UsageError as error:
                yield f"{node.path} is not known whole: {error}"


# --- overrides


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
    node = _find(obj, key)
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
                _value(item, _item_hint(hint, i), join(path, i)) for i, item in enumerate(items)
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
        for segment, left, right in zip(_segments(a), a, b, strict=True):
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
    return both and any(map(is_part, a)) and _segments(a) == _segments(b)
