"""Records of compiled modules, which have no source to read: a list of them is imported and asked.

This runs only in a process of its own (`worker.py`): importing what it reads must not touch ours.
"""

import importlib
import types
from collections.abc import Iterator
from typing import Any

from jaxemb.data.pydocs.docstrings import without_signature
from jaxemb.data.pydocs.installation import LIBRARY
from jaxemb.data.pydocs.parse import document

# Modules whose import does nothing but define. Absent ones (another platform) are passed over.
ALLOWED = {
    LIBRARY: (
        "builtins", "math", "cmath", "itertools", "time", "sys", "posix", "gc", "marshal", "array",
        "atexit", "binascii", "errno", "faulthandler", "fcntl", "grp", "mmap", "pwd", "pyexpat",
        "resource", "select", "syslog", "termios", "unicodedata", "zlib", "_abc", "_ast",
        "_asyncio", "_bisect", "_bz2", "_codecs", "_collections", "_contextvars", "_csv",
        "_ctypes", "_datetime", "_decimal", "_elementtree", "_functools", "_hashlib", "_heapq",
        "_imp", "_io", "_json", "_locale", "_lsprof", "_lzma", "_multiprocessing", "_operator",
        "_pickle", "_posixshmem", "_posixsubprocess", "_queue", "_random", "_signal", "_socket",
        "_sqlite3", "_sre", "_ssl", "_stat", "_statistics", "_string", "_struct", "_symtable",
        "_thread", "_tracemalloc", "_uuid", "_warnings", "_weakref", "_zoneinfo",
    ),
    "numpy": (
        "numpy", "numpy.char", "numpy.linalg", "numpy.random", "numpy.strings", "numpy._core.umath",
        "numpy._core.multiarray", "numpy.random.mtrand", "numpy.random._generator",
        "numpy.random.bit_generator",
    ),
    "scipy": (
        "scipy.special", "scipy.special.cython_special", "scipy.spatial._ckdtree",
        "scipy.spatial._qhull", "scipy.spatial._voronoi", "scipy.spatial._hausdorff",
        "scipy.cluster._hierarchy", "scipy.cluster._optimal_leaf_ordering",
        "scipy.sparse.csgraph", "scipy.interpolate._ppoly", "scipy.linalg._decomp_update",
        "scipy.linalg._solve_toeplitz", "scipy.linalg._cythonized_array_utils",
        "scipy.signal._max_len_seq_inner", "scipy.signal._upfirdn_apply",
        "scipy.stats._stats", "scipy.optimize._group_columns", "scipy.ndimage._ni_label",
    ),
    "sklearn": (
        "sklearn._loss._loss", "sklearn.cluster._hierarchical_fast",
        "sklearn.metrics._dist_metrics",
        "sklearn.neighbors._ball_tree", "sklearn.neighbors._kd_tree", "sklearn.tree._criterion",
        "sklearn.tree._splitter", "sklearn.tree._tree", "sklearn.utils.arrayfuncs",
        "sklearn.utils.murmurhash", "sklearn.utils.sparsefuncs_fast",
    ),
}  # fmt: skip

_FUNCTIONS = {
    "builtin_function_or_method", "ufunc", "cython_function_or_method", "_ArrayFunctionDispatcher",
}  # fmt: skip
_MEMBERS = {
    "method_descriptor": "method",
    "classmethod_descriptor": "method",
    "builtin_function_or_method": "method",
    "cython_function_or_method": "method",
    "getset_descriptor": "property",
    "member_descriptor": "property",
}
_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: classes made by a `class` statement have it
_IMMUTABLE_TYPE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE: only C can set it, on heap types of its own


def inspect_module(package: str, module: str) -> dict[str, Any]:
    """The documented compiled objects of an importable module, in the shape that `parse` gives."""
    table: dict[str, Any] = {"module": module, "names": {}, "stars": []}
    try:
        found = importlib.import_module(module)
    except ImportError:
        return {"package": package, "records": [], **table}
    records = [] if _has_source(found) else _module_record(found, module)
    for name in sorted(vars(found)):
        value = vars(found)[name]
        if name.startswith("_") or not _is_compiled(value):
            continue
        home = _home(value, module)
        table["names"][name] = f"{home}.{name}"
        records += list(_records(value, name, home))
    return {"package": package, "records": records, **table}


def topics() -> dict[str, Any]:
    """The topics of the language reference, as `help()` shows them."""
    from pydoc_data.topics import topics as texts

    module = "pydoc_data.topics"
    records = []
    for name, text in sorted(texts.items()):
        records += document(
            f"{module}.{name}", kind="topic", parent=module, module=module, docstring=text
        )
    table = {"module": module, "names": {}, "stars": []}
    return {"package": LIBRARY, "records": records, **table}


def _records(value: Any, name: str, home: str) -> Iterator[dict[str, Any]]:
    qualified = f"{home}.{name}"
    is_class = isinstance(value, type)
    yield from document(
        qualified,
        kind="class" if is_class else "function",
        parent=home,
        module=home,
        docstring=_docstring(value, name),
    )
    for member, method in vars(value).items() if is_class else ():
        kind = _MEMBERS.get(type(method).__name__)
        if kind and not member.startswith("_"):
            yield from document(
                f"{qualified}.{member}",
                kind=kind,
                parent=qualified,
                module=home,
                docstring=_docstring(method, member),
            )


def _module_record(found: types.ModuleType, module: str) -> list[dict[str, Any]]:
    parent = module.rpartition(".")[0]
    return document(module, kind="module", parent=parent, module=module, docstring=found.__doc__)


def _docstring(value: Any, name: str) -> str | None:
    docstring = getattr(value, "__doc__", None)
    return without_signature(name, docstring) if isinstance(docstring, str) else None


def _has_source(module: types.ModuleType) -> bool:
    return (getattr(module, "__file__", None) or "").endswith(".py")


def _is_compiled(value: Any) -> bool:
    if not isinstance(value, type):
        return type(value).__name__ in _FUNCTIONS
    if not value.__flags__ & _HEAP_TYPE or value.__flags__ & _IMMUTABLE_TYPE:
        return True
    home = importlib.import_module(value.__module__) if "." not in value.__qualname__ else None
    is_python = any(isinstance(m, types.FunctionType) for m in vars(value).values())
    return home is not None and not _has_source(home) and not is_python


def _home(value: Any, module: str) -> str:
    """The module that an object says it belongs to, where that is a public place of it."""
    home = getattr(value, "__module__", None)
    return home if isinstance(home, str) and home else module
