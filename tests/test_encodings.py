"""Text files are UTF-8 whatever the machine's locale: every place that opens one says so."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "jaxemb"
TEXT = {"read_text", "write_text"}


def silent(tree: ast.AST) -> list[int]:
    """Lines of calls that open text in the locale's own encoding."""
    lines = []
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        own = isinstance(call.func, ast.Attribute)
        modes = [a.value for a in call.args if isinstance(a, ast.Constant)]
        modes += [k.value.value for k in call.keywords if k.arg == "mode"]
        if any(isinstance(mode, str) and "b" in mode and len(mode) < 4 for mode in modes):
            continue
        said = any(k.arg in ("encoding", None) for k in call.keywords)
        reads = (name in TEXT and own) or (name == "open" and not _elsewhere(call))
        if reads and not said:
            lines.append(call.lineno)
    return lines


def _elsewhere(call: ast.Call) -> bool:
    """Whether it is the `open` of a module that reads no text by itself."""
    value = getattr(call.func, "value", None)
    return isinstance(value, ast.Name) and value.id in ("os", "zipfile", "webbrowser")


def test_the_search_finds_them():
    found = silent(ast.parse("p.read_text()\nopen(x)\nopen(x, 'rb')\np.open(encoding='utf-8')\n"))
    assert found == [1, 2]


@pytest.mark.parametrize("folder", sorted(p.name for p in PACKAGE.iterdir() if p.is_dir()))
def test_every_text_file_names_its_encoding(folder):
    for file in sorted((PACKAGE / folder).rglob("*.py")):
        lines = silent(ast.parse(file.read_text(encoding="utf-8")))
        assert not lines, f"{file}: lines {lines} open text without encoding="
