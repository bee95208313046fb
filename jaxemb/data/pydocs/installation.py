"""Which documentation there is to read: packages of the list, their versions, their files."""

import functools
import importlib.util
import os
import platform
import sys
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from jaxemb.config import UsageError

LIBRARY = "python"  # the standard library and the topics of the language reference

# Import names, and the distributions that carry them. Nothing else is ever read, so that the same
# versions give the same records whatever else is installed.
DISTRIBUTIONS = {
    "numpy": "numpy",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "jax": "jax",
    "flax": "flax",
    "optax": "optax",
    "orbax": "orbax-checkpoint",
    "grain": "grain",
    "tensorflow_datasets": "tensorflow-datasets",
}
PACKAGES = (LIBRARY, *DISTRIBUTIONS)

# Tests, vendored documentation tools and demonstrations are not documentation.
_SKIPPED_FOLDERS = {
    "__pycache__", "dist-packages", "ensurepip", "idlelib",
    "lib2to3", "pydoc_data", "site-packages", "test", "testdata", "tests", "turtledemo",
}  # fmt: skip


class Source(NamedTuple):
    """A Python file of a package, and the module it defines."""

    package: str
    module: str
    path: str


def installed(packages: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the packages that this Python installation has, in the order given.

    Raises:
        UsageError: a name is neither in the list nor a module of the standard library.
    """
    for package in packages:
        if package not in PACKAGES and package not in sys.stdlib_module_names:
            raise UsageError(
                f"pydocs cannot read {package!r}: the packages are {', '.join(PACKAGES)}, "
                "or one module of the standard library"
            )
    return tuple(p for p in packages if p == LIBRARY or _locations(p))


_version = functools.cache(metadata.version)


def configuration(packages: tuple[str, ...]) -> str:
    """The packages with their versions, as one name: `python-3.11.7+numpy-2.4.6+...`."""
    python = f"{LIBRARY}-{platform.python_version()}"
    names = [python]
    for package in installed(packages):
        if package in DISTRIBUTIONS:
            names.append(f"{package}-{_version(DISTRIBUTIONS[package])}")
        elif package != LIBRARY:
            names.append(package)
    if len(names) > 1 and LIBRARY not in packages:  # the version alone, not the library's records
        names = [*names[1:], f"on-{python}"]
    return "+".join(names)


def sources(package: str) -> list[Source]:
    """The Python files of a package, sorted by module."""
    if package == LIBRARY:
        files = _walk(Path(sysconfig.get_paths()["stdlib"]), LIBRARY, "")
    else:
        label = package if package in DISTRIBUTIONS else LIBRARY
        files = (s for place in _locations(package) for s in _locate(place, label, package))
    return sorted(files, key=lambda source: source.module)


def _locations(package: str) -> list[Path]:
    """Folders or the one file of a package, found without importing it."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations:
        return [Path(p) for p in spec.submodule_search_locations]
    return [Path(spec.origin)] if spec.origin and spec.origin.endswith(".py") else []


def _locate(place: Path, label: str, module: str) -> Iterator[Source]:
    if place.is_file():
        yield Source(label, module, str(place))
    else:
        yield from _walk(place, label, module)


def _walk(folder: Path, label: str, module: str) -> Iterator[Source]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        stem = entry.name.removesuffix(".py")
        name = f"{module}.{stem}" if module else stem
        if entry.is_dir():
            if entry.name not in _SKIPPED_FOLDERS and entry.name.isidentifier():
                yield from _walk(Path(entry.path), label, name)
        elif entry.name == "__init__.py":
            if module:
                yield Source(label, module, entry.path)
        elif entry.name.endswith(".py") and stem.isidentifier() and not _is_test(stem):
            yield Source(label, name, entry.path)


def _is_test(stem: str) -> bool:
    return stem.startswith(("test_", "_sysconfigdata")) or stem.endswith(("_test", "conftest"))
