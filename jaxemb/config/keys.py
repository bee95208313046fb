"""Where things are in a part: dotted paths, and the ends of them that people type."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from jaxemb.config.fields import members, no_field
from jaxemb.config.parts import (
    Part,
    UsageError,
    described,
    expression,
    is_linen,
    is_part,
    join,
    near_miss,
    slots,
)

_MOST_LISTED = 12


class Node(NamedTuple):
    path: str
    steps: tuple[str | int, ...]  # field names and tuple indices
    value: Any
    hint: Any


def nodes_of(value: Any, hint: Any = Any, path: str = "", steps: tuple = ()) -> Iterator[Node]:
    """Every field and every part in a tuple, parents before children."""
    if path:
        yield Node(path, steps, value, hint)
    if is_part(value):
        whole = described(value)
        for name, inner in slots(type(whole)).items():
            yield from nodes_of(getattr(whole, name), inner, join(path, name), (*steps, name))
    elif isinstance(value, tuple) and any(map(is_part, value)):
        for i, (segment, item) in enumerate(zip(segments(value), value, strict=True)):
            yield from nodes_of(item, item_hint(hint, i), join(path, segment), (*steps, i))


def segments(items: tuple) -> list[str]:
    """What items of a tuple are called in a path: by `name` where that is unique, else by index."""
    names = [None if is_linen(type(item)) else getattr(item, "name", None) for item in items]
    return [
        name if isinstance(name, str) and name and names.count(name) == 1 else str(i)
        for i, name in enumerate(names)
    ]


def item_hint(hint: Any, index: int) -> Any:
    for member in members(hint):
        items = getattr(member, "__args__", ())
        if items and getattr(member, "__origin__", None) is tuple:
            return items[0] if items[-1] is Ellipsis else items[min(index, len(items) - 1)]
    return Any


def paths(obj: Any) -> dict[str, Any]:
    """Every full path in a part and the value there, parents before children."""
    return {node.path: node.value for node in nodes_of(obj)}


def resolve(obj: Any, key: str) -> str:
    """The full path that `key`, a dotted suffix of it, names: `mask` is `embedder.encoder.mask`.

    Of several paths that end so, those under the first of the part's `preferred` fields count; of
    these the shortest does, where no other is as short and none lies in another item of a tuple.

    Raises:
        UsageError: no path ends so, or several count; the message lists the nearest, or all.
    """
    return find(obj, key).path


def find(obj: Any, key: str) -> Node:
    nodes = list(nodes_of(obj))
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


def _favoured(obj: Any, found: list[Node]) -> list[Node]:
    """Those under the first of the fields that the part prefers, where there are any."""
    under = (
        [node for node in found if node.steps[0] == field]
        for field in getattr(type(obj), "preferred", ())
    )
    return next(filter(None, under), found)


def _shallowest(found: list[Node]) -> list[Node]:
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


def _unknown(obj: Any, key: str, nodes: list[Node]) -> str:
    head, _, last = key.rpartition(".")
    if head:
        owner = find(obj, head)
        elsewhere = [node.path for node in nodes if node.path.endswith(f".{last}")]
        if not is_part(owner.value):
            return f"'{key}': {owner.path} is {expression(owner.value)}, which has no fields."
        message = no_field(type(described(owner.value)), owner.path, last)
        return message + (f" There is {', '.join(elsewhere)}." if elsewhere else "")
    by_name: dict[str, list[str]] = {}
    for node in nodes:
        by_name.setdefault(node.path.rpartition(".")[2], []).append(node.path)
    return f"There is no field '{key}'{near_miss(key, by_name)}; fields: {', '.join(by_name)}."


def _untold(nodes: list[Node]) -> Iterator[str]:
    """Why parts could not be described: they may hold what was not found."""
    for node in nodes:
        if isinstance(node.value, Part):
            try:
                node.value.described()
            except UsageError as error:
                yield f"{node.path} is not known whole: {error}"
