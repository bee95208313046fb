"""Files that somebody else may have touched: JSON of an expected shape, arrays, paths that they name.

Whatever is wrong with a file, its reader raises `UsageError` with the file and the field.
"""

import contextlib
import functools
import json
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxemb.config.fields import ranged
from jaxemb.config.parts import UsageError
from jaxemb.config.ranges import Range, in_range

if TYPE_CHECKING:
    import numpy as np


def read_json(path: Path, shape: Any = Any, default: Any = None) -> Any:
    """The content of a JSON file; `default`, where it is given, stands for a file that is not there.

    Args:
        shape: what the file has to hold, as an annotation: `dict[str, float]`, a `TypedDict`.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "scores.json"
        >>> written = place.write_text('{"sts/spearman": "high"}')
        >>> try:
        ...     read_json(place, dict[str, float])
        ... except UsageError as error:
        ...     print(str(error).replace(str(place), "scores.json"))
        scores.json: sts/spearman is "high", not a number.

    Raises:
        UsageError: it cannot be read or has another shape, or there is none and no default.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if default is not None:
            return default
        raise UsageError(f"{path} cannot be read: there is no such file.") from None
    except RecursionError:
        raise UsageError(f"{path} cannot be read: it is nested too deeply.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:  # no JSON, or no UTF-8
        raise UsageError(f"{path} cannot be read: {error}.") from error
    return shaped(found, shape, path)


def read_json_lines(path: Path) -> list[Any]:
    """An object for each line of a file that grows while a process runs; none without the file.

    A kill may cut the last line short: such a line is left out, and so is one that was damaged.
    """
    found = []
    with contextlib.suppress(OSError), path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            with contextlib.suppress(ValueError, RecursionError):
                found.append(json.loads(line))
    return [one for one in found if isinstance(one, dict)]


def read_text(path: Path) -> str:
    """A file of UTF-8.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise UsageError(f"{path} cannot be read: {error}.") from error


def read_arrays(path: Path, names: Sequence[str] | None = None) -> dict[str, "np.ndarray"]:
    """The arrays of an `.npz` file by name, or those that are named; never anything pickled.

    Raises:
        UsageError: the file cannot be read, or lacks one of them.
    """
    import numpy as np

    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in (stored.files if names is None else names)}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # of zip, of zlib, of numpy: many kinds for one broken file
        reason = str(error).strip("'\"").splitlines()[:1] or [type(error).__name__]
        raise UsageError(f"{path} is damaged: {reason[0]}.") from error


def check_format(path: Path, found: Any, newest: int) -> int:
    """The number of a file's format.

    Raises:
        UsageError: it is none, or one that is yet to come.
    """
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise UsageError(f"{path}: format is {_shown(found)}, not a whole number from 0.")
    if found > newest:
        raise UsageError(
            f"{path} was written in format {found}, and this jaxemb reads up to {newest}: "
            "install a newer jaxemb."
        )
    return found


def inside(folder: Path, name: Any, where: Path | None = None) -> Path:
    """The path that a file names within its folder.

    Args:
        where: the file that names it, for the message.

    Raises:
        UsageError: it is no text, or leads out of the folder, by `..`, as an absolute path, or by a
            link. (A cache of Hugging Face is all links: what lies in the same cache is inside.)
    """
    told = where or folder
    if not isinstance(name, str) or "\0" in name:
        raise UsageError(f"{told} names the path {_shown(name)}, which is no path.")
    path = folder / name
    if path.is_absolute() != folder.is_absolute() or ".." in Path(name).parts:
        raise UsageError(f"{told} names {_shown(name)}, which is outside of {folder}.")
    try:
        real, roots = path.resolve(), [root.resolve() for root in _roots(folder)]
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"{told} names {_shown(name)}, which is no path: {error}.") from None
    if not any(real.is_relative_to(root) for root in roots):
        raise UsageError(f"{told} names {_shown(name)}, which is outside of {folder}.")
    return path


def _roots(folder: Path) -> Iterator[Path]:
    """The folder, and of a snapshot in Hugging Face's cache the blobs that it links to."""
    yield folder
    for parent in folder.absolute().parents:
        if parent.name == "snapshots" and parent.parent.name.startswith("models--"):
            yield parent.parent / "blobs"


# --- shapes


def shaped(value: Any, hint: Any, path: Path, at: str = "") -> Any:
    """The value, which has the shape of an annotation.

    Raises:
        UsageError: it has not; the message names the file and the field.
    """
    told = _misfit(value, hint, at)
    if told is not None:
        field, found, wanted = told
        raise UsageError(f"{path}{f': {field}' if field else ''} {found}{wanted}.")
    return value


def _misfit(value: Any, hint: Any, at: str) -> tuple[str, str, str] | None:
    """Where and how a value does not fit; None where it does."""
    told = []
    for member, ranges in _members(hint):
        # Numbers, texts and null are most of a file.
        if member is type(value) and not ranges:
            return None
        told.append(_misfit_of(value, member, ranges, at))
        if told[-1] is None:
            return None
    if len(told) == 1 or told[0][0] != at:
        return told[0]
    return at, f"is {_shown(value)}, not ", " or ".join(dict.fromkeys(one[2] for one in told))


@functools.lru_cache(maxsize=1024)
def _members(hint: Any) -> tuple[tuple[Any, tuple], ...]:
    return tuple(ranged(hint))


@functools.lru_cache(maxsize=256)
def _fields(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _misfit_of(value: Any, kind: Any, ranges: tuple, at: str) -> tuple[str, str, str] | None:
    origin, inner = typing.get_origin(kind) or kind, typing.get_args(kind)
    if typing.is_typeddict(kind):
        return _misfit_of_fields(value, kind, at)
    if origin is typing.Literal:
        fits = any(value == one and type(value) is type(one) for one in inner)
        words = f"one of {', '.join(map(_shown, inner))}"
    elif origin is Any:
        return None
    else:
        fits = _is(value, origin) and in_range(value, ranges)
        limits = [one.words for one in ranges if isinstance(one, Range)]
        words = " ".join((_WORDS.get(origin, origin.__name__), " and ".join(limits))).strip()
    if not fits:
        return at, f"is {_shown(value)}, not ", words
    if origin in (dict, list) and inner:
        items = value.items() if origin is dict else enumerate(value)
        told = (_misfit(item, inner[-1], _join(at, str(key))) for key, item in items)
        return next((one for one in told if one is not None), None)
    return None


def _misfit_of_fields(value: Any, kind: Any, at: str) -> tuple[str, str, str] | None:
    if not isinstance(value, dict):
        return at, f"is {_shown(value)}, not ", "an object"
    for name in kind.__required_keys__:
        if name not in value:
            return at, "lacks ", name
    for name, hint in _fields(kind).items():
        if name in value:
            told = _misfit(value[name], hint, _join(at, name))
            if told is not None:
                return told
    return None


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


_WORDS = {
    int: "a whole number", float: "a number", str: "text", bool: "true or false",
    dict: "an object", list: "a list", type(None): "null",
}  # fmt: skip


def _is(value: Any, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _shown(value: Any) -> str:
    """A value as JSON, cut short."""
    if isinstance(value, Mapping | list) and value:
        return "an object" if isinstance(value, Mapping) else "a list"
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 60 else f"{text[:57]}..."
