"""Which source files something depends on: its module's and all that this imports, read by `ast`.

`from jaxemb.losses import InfoNCE` depends on the module that defines the name, and not on the rest
of its room: a package's `__init__` is only asked where the name comes from. Imports inside
functions count; those under `if TYPE_CHECKING` do not.
"""

import ast
import functools
import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

# What parts are declared with, and the names that the front page passes on: they compute nothing.
_APART = ("jaxemb.config", "jaxemb")


class _Import(NamedTuple):
    module: str
    name: str | None  # None is the module as a whole


class _Source(NamedTuple):
    code: str  # a hash, to which comments and docstrings do not matter
    imports: tuple[_Import, ...]
    bound: dict[str, _Import]  # names that stand for imported ones
    is_package: bool


def code_of(modules: Iterable[str]) -> str:
    """Hex of a hash of the code that modules depend on, without comments and docstrings."""
    sources = sorted((name, _source(name).code) for name in closure(modules))
    return hashlib.sha256(repr(sources).encode()).hexdigest()


def closure(modules: Iterable[str]) -> set[str]:
    """The modules, and all that they import from jaxemb and from their own packages."""
    modules = list(modules)
    roots = {"jaxemb", *(module.partition(".")[0] for module in modules)}
    found, waiting = set(), [name for name in modules if _source(name)]
    while waiting:
        module = waiting.pop()
        if module in found or _is_apart(module):
            continue
        found.add(module)
        imported = (_defining(one) for one in _source(module).imports)
        waiting += [name for name in imported if name and name.partition(".")[0] in roots]
    return found


def _is_apart(module: str) -> bool:
    return module in _APART or module.startswith(f"{_APART[0]}.")


def _defining(wanted: _Import) -> str | None:
    """The module that an import is from, through the packages that pass the name on."""
    source = _source(wanted.module)
    if source is None or wanted.name is None or not source.is_package:
        return wanted.module if source else None
    # A package that imports its own module, as jax does `from jax import export`, binds it to itself.
    if source.bound.get(wanted.name, wanted) != wanted:
        return _defining(source.bound[wanted.name])
    below = f"{wanted.module}.{wanted.name}"
    return below if _source(below) else wanted.module


def _source(module: str) -> _Source | None:
    """A module's source; None for one that has none, such as a library's or a folder's."""
    return _first_read(module) if f"{module}.".startswith("jaxemb.") else _read(module)


@functools.cache
def _first_read(module: str) -> _Source | None:
    """jaxemb is taken as it was first read: what runs is not what its files become meanwhile."""
    return _read(module)


def _read(module: str) -> _Source | None:
    file = _file(module)
    return _parsed(module, file.read_bytes(), file.name == "__init__.py") if file else None


@functools.lru_cache(maxsize=4096)
def _parsed(module: str, text: bytes, is_package: bool) -> _Source:
    tree = _stripped(ast.parse(text))
    package = module if is_package else module.rpartition(".")[0]
    bound, imports = {}, []
    for node in ast.walk(tree):
        for name, one in _imported(node, package):
            imports.append(one)
            if node in tree.body:
                bound[name] = one
    code = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    return _Source(code, tuple(dict.fromkeys(imports)), bound, is_package)


def _file(module: str) -> Path | None:
    root, *rest = module.split(".")
    files = [Path(getattr(sys.modules.get(module), "__file__", None) or "")]
    for folder in getattr(sys.modules.get(root), "__path__", ()):
        place = Path(folder).joinpath(*rest)
        files += [place / "__init__.py", place.with_suffix(".py")]
    return next((file for file in files if file.suffix == ".py" and file.is_file()), None)


def _imported(node: ast.AST, package: str) -> Iterator[tuple[str, _Import]]:
    """What a statement imports, by the name that it then has."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.asname or alias.name, _Import(alias.name, None)
    elif isinstance(node, ast.ImportFrom):
        above = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1])
        module = ".".join(filter(None, (above, node.module))) if node.level else node.module
        for alias in node.names:
            name = None if alias.name == "*" else alias.name
            yield alias.asname or alias.name, _Import(module, name)


def _stripped(tree: ast.Module) -> ast.Module:
    """The tree without docstrings, and without what only type checkers read."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [kept for one in body for kept in _kept(one)]
    return tree


def _kept(node: ast.stmt) -> list[ast.stmt]:
    if _is_for_types(node):
        return node.orelse
    return [] if _is_text(node) else [node]


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_for_types(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )
