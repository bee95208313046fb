"""Records of a Python file, read with `ast`: nothing is imported and nothing runs."""

import ast
import importlib.util
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxemb.data.pydocs.docstrings import mentions, split
from jaxemb.data.pydocs.installation import Source

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_PROPERTIES = {"property", "cached_property", "abstractproperty"}


def document(
    name: str, *, kind: str, parent: str, module: str, docstring: str | None, code: str = ""
) -> list[dict[str, Any]]:
    """One raw record, or none where there is no docstring. `parent` holds the object's siblings."""
    summary, body = split(docstring or "")
    if not summary:
        return []
    return [
        {
            "name": name,
            "module": module,
            "kind": kind,
            "parent": parent,
            "summary": summary,
            "body": body,
            "code": code,
            "mentions": mentions(docstring),
        }
    ]


def parse(source: Source) -> dict[str, Any]:
    """The documented objects of a file, and its import table (to resolve the names it mentions).

    A file that this Python cannot parse gives no records: packages carry templates and code for
    other versions.
    """
    path = Path(source.path)
    is_package = path.name == "__init__.py"
    try:
        text = importlib.util.decode_source(path.read_bytes())
        tree = ast.parse(text)
    except (SyntaxError, UnicodeDecodeError, ValueError, OSError):
        text, tree = "", ast.Module([], [])
    records = document(
        source.module,
        kind="module",
        parent=source.module.rpartition(".")[0],
        module=source.module,
        docstring=ast.get_docstring(tree),
    )
    records += _definitions(tree.body, source.module, source.module, text.splitlines())
    names, stars = _imports(tree, source.module, is_package)
    table = {"module": source.module, "names": names, "stars": stars}
    return {"package": source.package, "records": records, **table}


def _definitions(
    body: list[ast.stmt], parent: str, module: str, lines: list[str], *, inside_class: bool = False
) -> list[dict[str, Any]]:
    records = []
    for node in _flat(body):
        if not isinstance(node, _Definition):
            continue
        name = f"{parent}.{node.name}"
        records += document(
            name,
            kind=_kind(node, inside_class),
            parent=parent,
            module=module,
            docstring=ast.get_docstring(node),
            code=_code(node, lines),
        )
        if isinstance(node, ast.ClassDef):
            records += _definitions(node.body, name, module, lines, inside_class=True)
    return records


def _flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of a block, those under `if`, `try` and `with` included."""
    for node in body:
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            yield from _flat(node.body)
            for handler in getattr(node, "handlers", ()):
                yield from _flat(handler.body)
            yield from _flat(getattr(node, "orelse", []))
        else:
            yield node


def _kind(node: _Definition, inside_class: bool) -> str:
    if isinstance(node, ast.ClassDef):
        return "class"
    if not inside_class:
        return "function"
    names = {ast.unparse(d).rpartition(".")[2] for d in node.decorator_list}
    return "property" if names & _PROPERTIES else "method"


def _code(node: _Definition, lines: list[str]) -> str:
    """The source without the docstring; of a class, what stands before its first method."""
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    last = node.end_lineno
    if isinstance(node, ast.ClassDef):
        starts = [
            min([n.lineno, *(d.lineno for d in n.decorator_list)])
            for n in node.body
            if isinstance(n, _Definition)
        ]
        last = min([last, *(start - 1 for start in starts)])
    docstring = node.body[0] if ast.get_docstring(node, clean=False) is not None else None
    hidden = range(docstring.lineno, docstring.end_lineno + 1) if docstring else range(0)
    if docstring and docstring.lineno <= node.lineno:
        return ""
    kept = [lines[i - 1] for i in range(first, last + 1) if i not in hidden]
    return textwrap.dedent("\n".join(kept)).strip()


def _imports(tree: ast.Module, module: str, is_package: bool) -> tuple[dict[str, str], list[str]]:
    """What names at module level stand for, and the modules that are imported with `*`."""
    names: dict[str, str] = {}
    stars: list[str] = []
    for node in _flat(tree.body):
        if isinstance(node, ast.Import):
            for alias in node.names:
                target = alias.name if alias.asname else alias.name.partition(".")[0]
                names[alias.asname or target] = target
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, module, is_package)
            for alias in node.names:
                if alias.name == "*":
                    stars.append(base)
                else:
                    names[alias.asname or alias.name] = f"{base}.{alias.name}"
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    names[target.id] = f"{module}.{node.value.id}"
    return names, stars


def _absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    keep = len(parts) - node.level + (1 if is_package else 0)
    return ".".join([*parts[: max(keep, 0)], *([node.module] if node.module else [])])
