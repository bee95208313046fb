"""Parts as JSON and back. Nothing in a file is run as code.

A file may name parts of jaxemb, of modules that have been imported, of packages that declare them
(entry point group `jaxemb.parts`) and of experiments that a person has named. No other module is
ever imported because a file says so.
"""

import contextlib
import dataclasses
import importlib
import re
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from types import ModuleType
from typing import Any

from jaxemb.config.fields import build, conform
from jaxemb.config.parts import (
    UsageError,
    is_part,
    is_part_class,
    join,
    near_miss,
    slots,
    tag,
)
from jaxemb.config.renamed import GONE, RENAMED, present, rewritten


def to_json(obj: Any) -> Any:
    """The JSON form of a part, `{"part": "jaxemb.pooling.Mean", "width": 3}`; None stays None.

    Example:
        >>> to_json(Mean())
        {'part': 'jaxemb.pooling.Mean'}

    Raises:
        UsageError: a field holds a value of another type than it declares.
    """
    return _encode(obj, "")


def _encode(value: Any, path: str) -> Any:
    if is_part(value):
        entry = {"part": tag(type(value))}
        for name, hint in slots(type(value)).items():
            here = join(path, name)
            entry[name] = _encode(conform(getattr(value, name), hint, here), here)
        return entry
    if isinstance(value, tuple):
        return [_encode(item, join(path, i)) for i, item in enumerate(value)]
    return scalar(value, path)


def scalar(value: Any, path: str) -> Any:
    """A value that is neither a part nor a tuple, as JSON has it: itself.

    Raises:
        UsageError: no field may hold it.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise UsageError(
        f"{path or 'A configuration'} holds a {type(value).__name__}; a field holds numbers, text, "
        "None, parts, or tuples of these."
    )


def from_json(data: Any) -> Any:
    """The part that `to_json` wrote. Fields that are absent take their defaults.

    Example:
        >>> from_json({"part": "jaxemb.pooling.Mean"})
        Mean()

    Raises:
        UsageError: an unknown part or field, a wrong type, a class that is no part, or a part of a
            module that nobody has imported or named.
    """
    try:
        return _decode(data, "")
    except RecursionError:
        raise UsageError("The configuration holds parts within parts beyond all depth.") from None


def _decode(data: Any, path: str) -> Any:
    if isinstance(data, list):
        return tuple(_decode(item, join(path, i)) for i, item in enumerate(data))
    if not isinstance(data, dict):
        return data
    if not isinstance(data.get("part"), str):
        raise UsageError(f"{path or 'The configuration'} names no part: its 'part' is missing.")
    data = rewritten(data)
    cls = _class_of(data["part"], path)
    values = {}
    for name, value in data.items():
        if name != "part" and not _is_gone(cls, name, value, path):
            renamed = RENAMED.get(f"{tag(cls)}.{name}", name).rpartition(".")[2]
            values[renamed] = _decode(value, join(path, renamed))
    return build(cls, values, path)


def _is_gone(cls: type, name: str, value: Any, path: str) -> bool:
    """Whether an old file holds a field that is no more, with the value that changes nothing."""
    gone = f"{tag(cls)}.{name}"
    if gone in GONE and value != GONE[gone]:
        raise UsageError(f"{join(path, name)}={value!r} is no longer possible in {tag(cls)}.")
    return gone in GONE


def _class_of(name: str, path: str) -> type:
    """The class behind a tag. Only part classes are ever returned."""
    name = present(name)
    at = f" (at {path})" if path else ""
    ours = re.fullmatch(r"(jaxemb\.[a-z][a-z_]*)\.([A-Za-z]\w*)", name)
    theirs = re.fullmatch(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)", name)
    if not (ours or theirs):
        raise UsageError(f"{name!r}{at} is no name of a part, such as 'jaxemb.pooling.Mean'.")
    module, attribute = (ours or theirs).groups()
    try:
        found = importlib.import_module(module) if ours else _known(module)
    except ImportError as error:
        hint = "this jaxemb has no such part" if ours else f"put {module} on PYTHONPATH"
        raise UsageError(f"Part {name!r}{at} cannot be imported ({error}): {hint}.") from error
    if found is None and module.startswith(f"{EXPERIMENTS}_"):
        file = f"{module.split('_', 3)[-1]}.py"
        raise UsageError(
            f"The part {attribute}{at} is defined in an experiment's file, {file}: name that file, "
            "where it stood when the run was made (--experiments FILE; in Python, call "
            "jaxemb.study.load_file(FILE) first)."
        )
    if found is None:
        raise UsageError(
            f"Part {name!r}{at} is of a module that has not been imported, and no file may have it "
            f"imported: import {module} first, name the experiments that use it (--experiments), or "
            f"declare it in its package, under the entry point group {GROUP!r}."
        )
    # Our rooms may load a name when it is asked for; asking a module of others runs none of its code.
    cls = getattr(found, attribute, None) if ours else vars(found).get(attribute)
    if is_part_class(cls) and dataclasses.is_dataclass(cls) and tag(cls) == name:
        return cls
    parts = [n for n, c in vars(found).items() if is_part_class(c)]
    raise UsageError(f"{module} has no part {attribute!r}{at}{near_miss(attribute, parts)}.")


# --- modules that a file may name

EXPERIMENTS = "jaxemb_experiments"
"""How the names of the modules begin that experiments' files are imported as."""

GROUP = "jaxemb.parts"
"""Entry points by which installed packages declare modules with parts."""


def _known(module: str) -> ModuleType | None:
    """A module that has been imported, or that one of the finders imports."""
    for find in _finders:
        if module in sys.modules:
            break
        find(module)
    return sys.modules.get(module)


def _import_declared(module: str) -> None:
    for declared in metadata.entry_points(group=GROUP):
        if f"{module}.".startswith(f"{declared.module}."):
            importlib.import_module(module)


_finders: list[Callable[[str], None]] = [_import_declared]


@contextlib.contextmanager
def find_parts_by(finder: Callable[[str], None]) -> Iterator[None]:
    """Meanwhile, `finder` is asked with a module's name before a file's part of it is refused.

    It imports the module where a person has named it, and otherwise does nothing.
    """
    _finders.append(finder)
    try:
        yield
    finally:
        _finders.remove(finder)
