"""Experiment files as modules: imported when one of their experiments or parts is asked for."""

import functools
import hashlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

from jaxemb.config import EXPERIMENTS, UsageError


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
        line = line_in(path, error)
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"{path}{line} cannot be imported: {reason}.") from error
    return module


def line_in(path: Path, error: BaseException) -> str:
    """`:12`, the deepest line of the file itself that an error passed through."""
    line, trace = "", error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = f":{trace.tb_lineno}"
        trace = trace.tb_next
    return line
