"""Experiments by name: the `@experiment` decorator, and discovery by path.

Files are read with `ast` to find out what they hold; only the file of an experiment that is asked
for is ever imported.
"""

import ast
import dataclasses
import functools
import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from jaxemb.config import EXPERIMENTS, UsageError, near_miss
from jaxemb.config.files import given_path

VARIABLE = "JAXEMB_EXPERIMENTS"
"""Environment variable with further folders of experiments, separated like those of PATH."""


def experiment(*, papers: tuple[int, ...] = ()) -> Callable[[Callable[[], Any]], Callable]:
    """Register a function that returns an `Experiment`, under the function's name.

    Its arguments are literals, so that `jaxemb list` and `jaxemb papers` can read them without
    importing the file. A file that is run as a script runs its experiment, with the options of
    `jaxemb run`, and does not return.

    Args:
        papers: numbers of the papers that the experiment is about.

    Example:
        >>> @experiment(papers=(101,))
        ... def pooling_and_attention() -> Experiment:
        ...     return Experiment(base=recipes.pair_retriever(), arms=(...))
    """

    def register(function: Callable[[], Any]) -> Callable[[], Any]:
        function.papers = tuple(papers)
        if _is_script(function):
            _run_script(Path(function.__code__.co_filename).resolve(), sys.argv[1:])
        return function

    return register


def _is_script(function: Callable) -> bool:
    """Whether the function's file is what Python was asked to run (not a notebook, not `-i`)."""
    file = getattr(sys.modules["__main__"], "__file__", None)
    return (
        function.__module__ == "__main__"
        and file is not None
        and os.path.realpath(file) == os.path.realpath(function.__code__.co_filename)
    )


def _run_script(path: Path, argv: Sequence[str]) -> None:
    """`jaxemb run` of the one experiment in a file; of several, the first argument names one."""
    names = [entry.name for entry in _read(path, path.parent)]
    if len(names) > 1 and not (argv and argv[0] in names):
        print(f"error: {path.name} has several; name one of: {', '.join(names)}.", file=sys.stderr)
        sys.exit(2)
    name, rest = (argv[0], argv[1:]) if len(names) > 1 else (names[0], argv)
    # The file is loaded again under its own name, so that nothing is defined in `__main__`.
    command = [sys.executable, "-m", "jaxemb", "run", name, "--experiments", str(path), *rest]
    sys.exit(subprocess.run(command).returncode)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """What a file says of an experiment in it, without having been imported."""

    name: str
    path: Path
    theme: str
    papers: tuple[int, ...]
    doc: str

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return self.doc.strip().partition("\n")[0]

    def record_at(self, scale: str) -> Path:
        """Where the results of the experiment at a scale are committed."""
        return self.path.with_name(f"{self.name}{'' if scale == 'small' else f'.{scale}'}.json")

    @property
    def records(self) -> list[Path]:
        """The results that are committed, of the largest scale first."""
        paths = [self.record_at(scale) for scale in ("paper", "medium", "small")]
        return [path for path in paths if path.exists()]

    def load(self) -> Any:
        """The `Experiment` itself; imports its file.

        Raises:
            UsageError: the file cannot be imported, or the experiment not be built.
        """
        build = getattr(load_file(self.path), self.name)
        try:
            found = build()
        except UsageError:
            raise
        except (Exception, SystemExit) as error:
            line = _line_in(self.path.resolve(), error)
            reason = f"{type(error).__name__}: {error}"
            raise UsageError(f"{self.path}{line} cannot be built: {reason}.") from error
        from jaxemb.study.specification import Experiment

        if not isinstance(found, Experiment):
            kind = type(found).__name__
            raise UsageError(f"{self.path}: {self.name}() returns a {kind}, not an Experiment.")
        return found


@dataclasses.dataclass(frozen=True)
class Registry:
    """All experiments that were found, by name, and what could not be read."""

    entries: dict[str, Entry]
    problems: tuple[str, ...] = ()

    def get(self, name: str) -> Entry:
        """The experiment of a name.

        Raises:
            UsageError: there is none; the message gives the nearest names.
        """
        if name in self.entries:
            return self.entries[name]
        near = near_miss(name, self.entries) or f"; there are: {', '.join(self.entries) or 'none'}"
        unread = f" Not read: {' '.join(self.problems)}" if self.problems else ""
        raise UsageError(f"There is no experiment '{name}'{near} (see: jaxemb list).{unread}")


def folders() -> list[Path]:
    """Where experiments are looked for: the project's own, then those of `JAXEMB_EXPERIMENTS`."""
    listed = os.environ.get(VARIABLE, "").split(os.pathsep)
    return [*own_folder(), *(given_path(folder) for folder in listed if folder)]


def own_folder() -> list[Path]:
    """`experiments/` of the checkout, or as a wheel carries it."""
    package = Path(__file__).resolve().parents[1]
    shipped, checkout = package / "_experiments", package.parent / "experiments"
    if shipped.is_dir():
        return [shipped]
    # Beside an installed package, a folder of this name would be somebody else's.
    is_checkout = (package.parent / "pyproject.toml").exists() and checkout.is_dir()
    return [checkout] if is_checkout else []


def discover(extra: Iterable[str | os.PathLike] = ()) -> Registry:
    """Every experiment in the known folders and in `extra` folders or files. Imports none of them.

    Raises:
        UsageError: a folder is missing, or two files define the same name.
    """
    return _discovered([*folders(), *map(given_path, extra)])


def own() -> list[Entry]:
    """The project's own experiments, whatever `JAXEMB_EXPERIMENTS` holds."""
    return list(_discovered(own_folder()).entries.values())


def _discovered(places: Iterable[Path]) -> Registry:
    entries: dict[str, Entry] = {}
    problems = []
    for path, root in _files(places):
        try:
            found = _read(path, root)
        except UsageError as error:
            problems.append(str(error))
            continue
        for entry in found:
            if entry.name in entries:
                first = entries[entry.name].path
                raise UsageError(f"The experiment '{entry.name}' is both in {first} and in {path}.")
            entries[entry.name] = entry
    return Registry(dict(sorted(entries.items())), tuple(problems))


def _files(places: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Each Python file once, with the folder it was found from."""
    found: dict[Path, Path] = {}
    for place in places:
        if not place.exists():
            raise UsageError(f"There is no folder of experiments at {place}.")
        inside = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        for path in inside:
            found.setdefault(path.resolve(), place.resolve() if place.is_dir() else place.parent)
    return list(found.items())


def _read(path: Path, root: Path) -> list[Entry]:
    """The experiments in a file, by its syntax alone."""
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text) if "experiment" in text else ast.Module([], [])
    except (OSError, UnicodeDecodeError, SyntaxError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as Python: {error}.") from error
    theme = path.parent.relative_to(root).as_posix() if path.is_relative_to(root) else "."
    theme = theme if theme != "." else path.parent.name
    doc = ast.get_docstring(tree) or ""
    return [
        Entry(
            name=node.name,
            path=path,
            theme=theme,
            papers=_papers(call, path),
            doc=ast.get_docstring(node) or doc,
        )
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and (call := _decoration(node))
    ]


def _decoration(function: ast.FunctionDef) -> ast.Call | None:
    for decorator in function.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else None
        name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", None)
        if name == "experiment":
            return decorator
    return None


def _papers(call: ast.Call, path: Path) -> tuple[int, ...]:
    for keyword in call.keywords:
        if keyword.arg == "papers":
            try:
                numbers = tuple(ast.literal_eval(keyword.value))
            except (ValueError, TypeError):
                numbers = (None,)
            if all(type(number) is int for number in numbers):
                return numbers
            raise UsageError(f"{path}:{call.lineno}: papers must be whole numbers, written out.")
    return ()


def load_file(path: str | os.PathLike) -> ModuleType:
    """Import a file of experiments, once, under a name of its own.

    Raises:
        UsageError: it is missing, or importing it fails.
    """
    return _loaded(Path(path).resolve())


def _module_name(path: Path) -> str:
    # Two folders may hold files of one name: the place is part of the module's.
    mark = hashlib.sha256(str(path).encode()).hexdigest()[:6]
    return f"{EXPERIMENTS}_{mark}_{path.stem}"


class PartsOfExperiments:
    """Lets JSON name parts of the experiments in the known folders and in `extra` ones.

    A file of experiments is imported when JSON names a part that it defines, or one of a module
    that it imports. To be given to `jaxemb.config.find_parts_by`.

    Example:
        >>> with find_parts_by(PartsOfExperiments(["my_experiments"])):  # doctest: +SKIP
        ...     model = jaxemb.load("runs/mine/model")
    """

    def __init__(self, extra: Iterable[str | os.PathLike] = ()) -> None:
        self._extra = [given_path(place) for place in extra]

    def __call__(self, module: str) -> None:
        for path, _ in _files([*folders(), *self._extra]):
            if module == _module_name(path) or module in _imported(path):
                load_file(path)


def _imported(path: Path) -> set[str]:
    """The modules that a file says it imports; none where it is no Python."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    plain = (node.names for node in ast.walk(tree) if isinstance(node, ast.Import))
    return found | {alias.name for names in plain for alias in names}


@functools.cache
def _loaded(path: Path) -> ModuleType:
    name = _module_name(path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or not path.exists():
        raise UsageError(f"There is no Python file {path}.")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        if isinstance(error, UsageError):
            raise
        line = _line_in(path, error)
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"{path}{line} cannot be imported: {reason}.") from error
    return module


def _line_in(path: Path, error: BaseException) -> str:
    """`:12`, the deepest line of the file itself that an error passed through."""
    line, trace = "", error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = f":{trace.tb_lineno}"
        trace = trace.tb_next
    return line
