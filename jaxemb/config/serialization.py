"""Parts as JSON and back, and their fingerprints. Nothing in a file is run as code."""

import dataclasses
import hashlib
import importlib
import json
import re
from typing import Any

from jaxemb.config.parts import (
    UsageError,
    build,
    conform,
    is_part,
    is_part_class,
    join,
    near_miss,
    slots,
    tag,
)
from jaxemb.config.renamed import GONE, RENAMED, present


def to_json(obj: Any) -> Any:
    """The JSON form of a part, `{"part": "jaxemb.pooling.Mean", "width": 3}`; None stays None.

    Example:
        >>> to_json(Mean())
        {'part': 'jaxemb.pooling.Mean'}

    Raises:
        UsageError: a field holds a value of another type than it declares.
    """
    return _encode(obj, "", whole=True)


def _encode(value: Any, path: str, *, whole: bool) -> Any:
    if is_part(value):
        cls = type(value)
        skipped = () if whole else getattr(cls, "unfingerprinted", ())
        entry = {"part": tag(cls)}
        for name, hint in slots(cls).items():
            if name not in skipped:
                here = join(path, name)
                fitted = conform(getattr(value, name), hint, here)
                entry[name] = _encode(fitted, here, whole=whole)
        return entry
    if isinstance(value, tuple):
        return [_encode(item, join(path, i), whole=whole) for i, item in enumerate(value)]
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
        UsageError: an unknown part or field, a wrong type, or a class that is no part.
    """
    return _decode(data, "")


def _decode(data: Any, path: str) -> Any:
    if isinstance(data, list):
        return tuple(_decode(item, join(path, i)) for i, item in enumerate(data))
    if not isinstance(data, dict):
        return data
    if not isinstance(data.get("part"), str):
        raise UsageError(f"{path or 'The configuration'} names no part: its 'part' is missing.")
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
    ours = re.fullmatch(r"(jaxemb\.[a-z_]+)\.([A-Za-z]\w*)", name)
    theirs = re.fullmatch(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)", name)
    if not (ours or theirs):
        raise UsageError(f"{name!r}{at} is no name of a part, such as 'jaxemb.pooling.Mean'.")
    module, attribute = (ours or theirs).groups()
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        hint = "this jaxemb has no such part" if ours else f"put {module} on PYTHONPATH"
        raise UsageError(f"Part {name!r}{at} cannot be imported ({error}): {hint}.") from error
    cls = getattr(found, attribute, None)
    if is_part_class(cls) and dataclasses.is_dataclass(cls) and tag(cls) == name:
        return cls
    parts = [n for n, c in vars(found).items() if is_part_class(c)]
    raise UsageError(f"{module} has no part {attribute!r}{at}{near_miss(attribute, parts)}.")


def fingerprint(obj: Any, *extra: Any) -> str:
    """SHA-256, as hex, of the canonical JSON of parts, tuples of parts and JSON values.

    Fields that a class lists in `unfingerprinted` (a recipe's `runtime`) are left out.
    """
    entries = [
        v if isinstance(v, dict | list) else _encode(v, "", whole=False) for v in (obj, *extra)
    ]
    text = json.dumps(entries, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
