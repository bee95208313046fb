"""What can be chosen: every slot, and the parts that fit it, found by what the rooms export."""

import importlib
import inspect
import pkgutil

import jaxemb
from jaxemb.config import (
    Part,
    UsageError,
    choices,
    is_part_class,
    limits,
    near_miss,
    snake_case,
)
from jaxemb.config import slots as fields_of

NO_PARTS = {"cli", "_experiments"}
"""Of the package's folders: those that export nothing to choose."""


def slots() -> dict[str, dict[str, type]]:
    """The parts that fit each slot, by name: `slots()["pooling"]["mean"]` is `Mean`.

    A slot is called as its base class is; a family of one part is none.
    """
    rooms = [room.name for room in pkgutil.iter_modules(jaxemb.__path__) if room.ispkg]
    exported = [cls for room in rooms if room not in NO_PARTS for cls in _exported(room)]
    bases = [cls for cls in exported if not any(_extends(cls, other) for other in exported)]
    found = {snake_case(base): choices(base) for base in dict.fromkeys(bases)}
    return {name: parts for name, parts in sorted(found.items()) if len(parts) > 1}


def _exported(room: str) -> list[type]:
    package = importlib.import_module(f"jaxemb.{room}")
    names = getattr(package, "__all__", vars(package))
    values = [getattr(package, name) for name in list(names) if not name.startswith("_")]
    return [value for value in values if is_part_class(value) and value is not Part]


def _extends(cls: type, other: type) -> bool:
    return issubclass(cls, other) and cls is not other


def parts_of(slot: str) -> dict[str, str]:
    """What each part of a slot does, by its name.

    Raises:
        UsageError: there is no such slot.
    """
    return {part: _summary(cls) for part, cls in _found(slot).items()}


def _found(slot: str) -> dict[str, type]:
    known = slots()
    name = slot if slot in known else slot.lower().replace("-", "_")
    if name not in known:
        raise UsageError(f"There is no slot '{slot}'{near_miss(slot, known)} (see: jaxemb parts).")
    return known[name]


def ranges_of(slot: str) -> dict[str, str]:
    """The ranges that each part of a slot declares for its fields; "-" where it declares none.

    Example:
        >>> ranges_of("schedule")["constant"]
        'warmup of at least 0 and below 1'
    """
    found = _found(slot)
    return {part: _ranges(cls) for part, cls in found.items()}


def _ranges(cls: type) -> str:
    told = {name: limits(hint) for name, hint in fields_of(cls).items()}
    return "; ".join(f"{name} {words}" for name, words in told.items() if words) or "-"


def _summary(cls: type) -> str:
    """The first sentence of the docstring, on one line."""
    doc = inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[0]
    return " ".join(doc.split())
