"""What a configuration object is: its fields, their types, its names, and how one is built.

A *part* is a frozen keyword-only dataclass that derives from `Part`, or a Linen module. Its fields
are scalars, None, parts, and tuples of these. A slot is a field annotated with a base class of
parts; the parts that fit it are that base's concrete subclasses.
"""

import dataclasses
import difflib
import functools
import importlib
import re
import types
import typing
from collections.abc import Iterable, Mapping
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
    - `names_weights`: whether it stands for weights that are read, by their name or folder; listings
      then show it in a line of its own, at whatever depth.
    - `first_defaults`: of fields whose default has changed, the default that they had first.
    """

    aliases: ClassVar[tuple[str, ...]] = ()
    unfingerprinted: ClassVar[tuple[str, ...]] = ()
    files: ClassVar[tuple[str, ...]] = ()
    first_defaults: ClassVar[Mapping[str, Any]] = types.MappingProxyType({})
    preferred: ClassVar[tuple[str, ...]] = ()
    names_weights: ClassVar[bool] = False

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

    def small(self) -> "Part":
        """The part at the size of a smoke run: its parts are small; sizes of its own, it caps itself."""
        return smaller(self)


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
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = [f.name for f in dataclasses.fields(cls) if f.init and f.name not in hidden]
    if "part" in fields:
        raise TypeError(
            f"{cls.__qualname__}: no field may be called 'part', JSON keeps the class there."
        )
    return {name: hints[name] for name in fields}


# --- small forms


def small(value: Any) -> Any:
    """The small form of a part, of each part in a tuple, and of anything else the value itself."""
    if isinstance(value, tuple) and any(map(is_part, value)):
        # Parts may have become equal, such as two cuts of one task.
        return tuple(dict.fromkeys(map(small, value)))
    if not is_part(value):
        return value
    return value.small() if isinstance(value, Part) else smaller(value)


def smaller(part: Any, **most: int) -> Any:
    """A part with its parts small, and with no field of `most` above the number given there.

    A base class may name fields that some of its subclasses lack.

    Example:
        >>> from jaxemb.encoders import Transformer
        >>> smaller(Transformer(layers=6, width=384), width=32).layers
        6
    """
    fields = {name: small(getattr(part, name)) for name in slots(type(part))}
    for name, size in most.items():
        if fields.get(name) is not None:
            fields[name] = min(fields[name], size)
    return dataclasses.replace(part, **fields)


# --- names


def snake_case(cls: type) -> str:
    """The name of a part in overrides: `LatentOverTokens` is `latent_over_tokens`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()


def tag(cls: type) -> str:
    """The public path of a class, as JSON stores it: `jaxemb.pooling.Mean`, or `module:Class`."""
    if not cls.__module__.startswith("jaxemb."):
        return f"{cls.__module__}:{cls.__qualname__}"
    package = ".".join(cls.__module__.split(".")[:2])
    if not is_exported(cls):
        raise TypeError(f"{cls.__module__}.{cls.__qualname__} must be exported by {package}.")
    return f"{package}.{cls.__name__}"


def is_exported(cls: type) -> bool:
    """Whether the room of a class exports it."""
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


# --- printing


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
