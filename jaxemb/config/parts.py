"""What a configuration object is: its fields, their types, its names, and how one is built.

A *part* is a frozen keyword-only dataclass that derives from `Part`, or a Linen module. Its fields
are scalars, None, parts, and tuples of these. A slot is a field annotated with a base class of
parts; the parts that fit it are that base's concrete subclasses.
"""

import dataclasses
import difflib
import functools
import importlib
import math
import numbers
import re
import sys
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar


class UsageError(ValueError):
    """Bad input from a person, told in one sentence; the command line shows it and exits with 2."""


class Part:
    """Base of every configuration object: a frozen, keyword-only dataclass that holds no arrays.

    What a class may say of its fields:

    - `aliases`: further names of the part in overrides.
    - `preferred`: the fields of which an override key is meant first. `layers` of a recipe is its
      embedder's, whatever its stages hold.
    - `unfingerprinted`: fields that change where or how fast something is computed but not what;
      they are left out of its fingerprint.
    - `files`: fields that hold the path of a file or of a folder. What is there counts in the
      fingerprint, and where it is does not.
    - `first_defaults`: of fields whose default has changed, the default that they had first.
    """

    aliases: ClassVar[tuple[str, ...]] = ()
    unfingerprinted: ClassVar[tuple[str, ...]] = ()
    files: ClassVar[tuple[str, ...]] = ()
    first_defaults: ClassVar[Mapping[str, Any]] = types.MappingProxyType({})
    preferred: ClassVar[tuple[str, ...]] = ()

    def described(self) -> "Part":
        """The part with what it leaves out written out, for overrides to reach; by default itself.

        Weights that are named leave out their network; described, they hold it as parts. A field
        that an override changes is then stated, and the others stay left out; where the
        description is of another class, all of it takes the part's place. Identity (`to_json`,
        `fingerprint`) is of the part as it stands.

        Raises:
            UsageError: what is left out cannot be known; overrides then see the part as it stands.
        """
        return self

    def content(self) -> str:
        """A hash of what the part reads besides its fields; "" where that is nothing.

        By default that of its `files`. A part that finds its files otherwise says here what they
        hold (`jaxemb.config.hash_of`), and names the fields that only say where they are in
        `unfingerprinted`.

        Raises:
            UsageError: a file cannot be read.
        """
        from jaxemb.config.contents import hash_of

        found = {name: getattr(self, name) for name in self.files}
        read = {name: path and hash_of(path) for name, path in found.items()}
        return repr(read) if read else ""


def is_linen(cls: type) -> bool:
    """Whether a class is a Linen module; told by name, so that flax is not imported to ask."""
    return any(
        base.__name__ == "Module" and base.__module__.startswith("flax.linen")
        for base in cls.__mro__
    )


def is_part_class(cls: Any) -> bool:
    """Whether a class is a part or the base of a slot."""
    return isinstance(cls, type) and (issubclass(cls, Part) or is_linen(cls))


def is_part(value: Any) -> bool:
    """Whether a value is a configuration object."""
    return is_part_class(type(value)) and dataclasses.is_dataclass(value)


def described(value: Any) -> Any:
    """A part with what it leaves out written out, where that can be known; else as it stands."""
    try:
        return value.described() if isinstance(value, Part) else value
    except UsageError:
        return value


@functools.cache
def slots(cls: type) -> dict[str, Any]:
    """The fields of a part and their annotations, in declared order."""
    if not dataclasses.is_dataclass(cls):
        return {}
    # Linen adds these two to every module; they say where a module is bound, not what it is.
    hidden = {"parent", "name"} if is_linen(cls) else set()
    hints = typing.get_type_hints(cls)
    fields = [f.name for f in dataclasses.fields(cls) if f.init and f.name not in hidden]
    if "part" in fields:
        raise TypeError(
            f"{cls.__qualname__}: no field may be called 'part', JSON keeps the class there."
        )
    return {name: hints[name] for name in fields}


# --- names


def snake_case(cls: type) -> str:
    """The name of a part in overrides: `LatentOverTokens` is `latent_over_tokens`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()


def tag(cls: type) -> str:
    """The public path of a class, as JSON stores it: `jaxemb.pooling.Mean`, or `module:Class`."""
    if not cls.__module__.startswith("jaxemb."):
        return f"{cls.__module__}:{cls.__qualname__}"
    package = ".".join(cls.__module__.split(".")[:2])
    if not _is_exported(cls):
        raise TypeError(f"{cls.__module__}.{cls.__qualname__} must be exported by {package}.")
    return f"{package}.{cls.__name__}"


def _is_exported(cls: type) -> bool:
    package = importlib.import_module(".".join(cls.__module__.split(".")[:2]))
    return getattr(package, cls.__name__, None) is cls


# What other frameworks call the fields whose names are the same everywhere here.
_SYNONYMS = {
    "batch": "batch_size", "beta1": "b1", "beta2": "b2", "depth": "layers", "dimension": "dim",
    "embedding_dim": "dim", "embedding_size": "width", "epochs": "steps", "hidden_size": "width",
    "lr": "learning_rate", "max_length": "max_tokens", "num_heads": "heads",
    "num_layers": "layers", "tau": "temperature", "vocab_size": "vocabulary",
}  # fmt: skip


def near_miss(name: str, names: Iterable[str], count: int = 3) -> str:
    """`"; nearest: a, b"`, or nothing where no name is close: the middle of a message."""
    meant = {name: name for name in names}
    meant = {other: own for other, own in _SYNONYMS.items() if own in meant} | meant
    near = difflib.get_close_matches(name, meant, count, 0.55)
    return f"; nearest: {', '.join(dict.fromkeys(meant[n] for n in near))}" if near else ""


# --- families


def choices(hint: Any) -> dict[str, type]:
    """The parts that fit a slot, by name: `choices(Pooling)["mean"]` is `Mean`.

    The package of the base class is imported first, so that its whole family is known.
    """
    found: dict[str, type] = {}
    for base in bases(hint):
        if base.__module__.startswith("jaxemb."):
            importlib.import_module(".".join(base.__module__.split(".")[:2]))
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
    """The alternatives of an annotation: `A | None` is `(A, NoneType)`."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(m for item in typing.get_args(hint) for m in members(item))
    return (hint,)


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
        and (not cls.__module__.startswith("jaxemb.") or _is_exported(cls))
    )


def _is_current(cls: type) -> bool:
    return getattr(sys.modules.get(cls.__module__), cls.__name__, None) is cls


# --- types of fields

_MISFIT = object()


def conform(value: Any, hint: Any, path: str) -> Any:
    """`value` as the annotation `hint` takes it: an int becomes a float where one is asked for.

    Raises:
        UsageError: it has another type; the message names `path`.
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
    attempts = (_fit(value, member) for member in members(hint))
    return next((fitted for fitted in attempts if fitted is not _MISFIT), _MISFIT)


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


def kind(hint: Any) -> str:
    """An annotation in words: `a whole number or None`."""
    words = {
        int: "a whole number", float: "a finite number", str: "text", bool: "True or False",
        type(None): "None", Any: "a value", tuple: "a tuple",
    }  # fmt: skip
    items = typing.get_args(hint)
    if len(members(hint)) > 1:
        return " or ".join(dict.fromkeys(kind(member) for member in members(hint)))
    if typing.get_origin(hint) is typing.Literal:
        return f"one of {', '.join(map(repr, items))}"
    if typing.get_origin(hint) is tuple and items[-1] is Ellipsis:
        return f"a tuple, each item {kind(items[0])}"
    if typing.get_origin(hint) is tuple:
        return f"a tuple ({', '.join(map(kind, items))})"
    name = getattr(hint, "__name__", str(hint))
    return words.get(hint) or f"{'an' if name[0] in 'AEIOU' else 'a'} {name} part"


# --- building and printing


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


def join(path: str, name: str | int) -> str:
    """A dotted path with one more segment."""
    return f"{path}.{name}" if path else str(name)


def expression(value: Any, *, nested: bool = False) -> str:
    """A value as one types it in an override, `latent_over_tokens(latents=8)`, without defaults."""
    if isinstance(value, tuple):
        inner = ", ".join(expression(item, nested=True) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if not is_part(value):
        return value if value and isinstance(value, str) and not nested else repr(value)
    usual = defaults(type(value))
    given = {name: getattr(value, name) for name in slots(type(value))}
    changed = [
        f"{name}={expression(v, nested=True)}"
        for name, v in given.items()
        if name not in usual or usual[name] != v
    ]
    return snake_case(type(value)) + (f"({', '.join(changed)})" if changed else "")


def outline(part: Any) -> str:
    """A part with all its fields, and the parts in them by name: for reading, not for overrides."""
    named = {
        name: snake_case(type(value)) if is_part(value) else expression(value)
        for name, value in ((name, getattr(part, name)) for name in slots(type(part)))
        if not (name == "name" and isinstance(value, str))
    }
    fields = ", ".join(f"{name}={value}" for name, value in named.items())
    return f"{snake_case(type(part))}({fields})" if fields else snake_case(type(part))


def defaults(cls: type) -> dict[str, Any]:
    """The defaults of a part's fields, of those that have one."""
    found = {}
    for field in dataclasses.fields(cls):
        if field.default is not dataclasses.MISSING:
            found[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
    return found
