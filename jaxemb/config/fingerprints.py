"""Fingerprints: hashes of parts that change when what they make would, and only then."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from jaxemb.config.fields import conform, fits
from jaxemb.config.parts import Part, defaults, is_part, join, slots, tag
from jaxemb.config.renamed import RENAMED
from jaxemb.config.serialization import scalar

_CONTENT = "@content"  # no name of a field is spelled so


def fingerprint(obj: Any, *extra: Any) -> str:
    """SHA-256, as hex, of parts, tuples of parts and JSON values.

    It is taken of their JSON, with four differences. A field at its default is left out, at every
    depth, so that a new field with a default changes no fingerprint. Fields that a class lists in
    `unfingerprinted` (a recipe's `runtime`) are left out. Parts and fields stand under the first
    name that `RENAMED` knows of them. A part that reads files adds their content (`files`, or its
    own `content()`) in the place of their paths.

    Where a default changes, its class names the old one in `first_defaults`; then that one goes on
    being left out.

    Raises:
        UsageError: a field holds a value of another type than it declares, or a file is absent.
    """
    names = _first_names()
    entries = [v if isinstance(v, dict | list) else _entry(v, "", names) for v in (obj, *extra)]
    text = json.dumps(entries, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _first_names() -> dict[str, str]:
    """The first name of every part and field that was renamed, by its present one."""
    return {new: old for old, new in reversed(RENAMED.items())}


def _entry(value: Any, path: str, names: Mapping[str, str]) -> Any:
    if isinstance(value, tuple):
        return [_entry(item, join(path, i), names) for i, item in enumerate(value)]
    if not is_part(value):
        return scalar(value, path)
    public = tag(type(value))
    entry = {"part": names.get(public, public)}
    for name, stated in _stated(value, path).items():
        first = names.get(f"{public}.{name}", name).rpartition(".")[2]
        entry[first] = _entry(stated, join(path, name), names)
    content = value.content() if isinstance(value, Part) else ""
    return entry | ({_CONTENT: content} if content else {})


def _stated(part: Any, path: str) -> dict[str, Any]:
    """The fields of a part that are not at their default."""
    hints = slots(type(part))
    usual = defaults(type(part)) | dict(getattr(type(part), "first_defaults", {}))
    usual = {
        name: conform(v, hints[name], join(path, name))
        for name, v in usual.items()
        if name in hints and fits(v, hints[name])
    }
    return {
        name: value
        for name, value in _values(part, path).items()
        if _reads(value) or name not in usual or _told(value) != _told(usual[name])
    }


def _values(part: Any, path: str) -> dict[str, Any]:
    """The fields of a part that are fingerprinted."""
    left_out = {*getattr(type(part), "unfingerprinted", ()), *getattr(type(part), "files", ())}
    return {
        name: conform(getattr(part, name), hint, join(path, name))
        for name, hint in slots(type(part)).items()
        if name not in left_out
    }


def _told(value: Any) -> str:
    """Text that is equal for equal values; unlike `==`, it knows what is left out, and True from 1."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_told, value))})"
    if is_part(value):
        fields = {name: _told(inner) for name, inner in _values(value, "").items()}
        return f"{tag(type(value))}{fields}"
    return repr(value)


def _reads(value: Any) -> bool:
    """Whether a value is or holds a part that reads files: their content is never a default."""
    if isinstance(value, tuple):
        return any(map(_reads, value))
    if not is_part(value):
        return False
    cls = type(value)
    own = isinstance(value, Part) and (cls.files or cls.content is not Part.content)
    return bool(own) or any(_reads(getattr(value, name)) for name in slots(type(value)))
