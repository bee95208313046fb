"""Imports flow one way, and the light commands import nothing heavy; read off the syntax."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import jaxemb

PACKAGE = Path(jaxemb.__file__).parent
ROOT = PACKAGE.parent

# Earlier layers know nothing of later ones. What stands in one set is one layer.
LAYERS = (
    {"config"},
    {"runtime", "statistics"},
    {"text", "retrieval"},
    {"nn"},
    {"tokens"},
    {"encoders"},
    {"heads"},
    {"pooling"},
    {"losses"},
    {"data"},
    {"training"},
    {"model"},
    {"fitting", "adaptation"},
    {"interop"},
    {"vectors"},
    {"analysis"},
    {"evaluation"},
    {"study"},
    {"report"},
    {"cli"},
    {"__main__"},
)
LAYER = {name: depth for depth, names in enumerate(LAYERS) for name in names}
FLAX = {"tokens", "nn", "encoders", "pooling", "heads", "adaptation"}
HEAVY = ("jax", "jaxlib", "flax", "numpy", "optax", "orbax", "rich", "scipy", "sklearn")


def sources() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "_experiments" not in path.parts)


def room(path: Path) -> str:
    """The first part of a module's name below jaxemb: its folder, or the file itself."""
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports(path: Path) -> Iterator[tuple[str, int, bool]]:
    """Every module that a file imports, with the line and whether that happens at import time."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node, at_import in walk(tree, True):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno, at_import) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the whole path"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if node.module == "jaxemb" else node.module, node.lineno, at_import


def walk(node: ast.AST, at_import: bool) -> Iterator[tuple[ast.AST, bool]]:
    yield node, at_import
    for child in ast.iter_child_nodes(node):
        lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        yield from walk(child, at_import and not lazy and not typing_only)


def test_every_module_has_a_layer():
    rooms = {room(path) for path in sources()} - {"__init__"}
    assert not rooms - set(LAYER), "say in LAYERS where these stand"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_flow_one_way(path):
    own = room(path)
    if own == "__init__":
        return
    wrong = [
        f"line {line}: {name}"
        for name, line, at_import in imports(path)
        if name.startswith("jaxemb.")
        and at_import
        and (other := name.split(".")[1]) != own
        and LAYER.get(other, -1) >= LAYER[own]
    ]
    assert not wrong, f"{own} may not import what comes at or after it: {wrong}"


def module(path: Path) -> str:
    """A file's name as a module."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_no_file_imports_another_in_a_circle():
    """Imports for type checkers count; those inside functions, which wait until a call, do not."""
    files = {module(path): path for path in sources() if path.name != "__init__.py"}
    imported = {}
    for name, path in files.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = (node for node in outside_functions(tree) if isinstance(node, ast.ImportFrom))
        whole = {f"{node.module}.{alias.name}" for node in found for alias in node.names}
        imported[name] = (whole | {one.rpartition(".")[0] for one in whole}) & files.keys()
    assert not circle(imported)


def outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from outside_functions(child)


def circle(imported: dict[str, set[str]]) -> list[str]:
    """The first circle, if there is one."""
    try:
        graphlib.TopologicalSorter(imported).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_libraries_stay_in_their_rooms(path):
    own = room(path)
    names = {name.split(".")[0]: line for name, line, _ in imports(path)}
    assert "orbax" not in names or path.parts[-2:] == ("runtime", "checkpoints.py"), (
        f"line {names.get('orbax')}"
    )
    assert "flax" not in names or own in FLAX, f"line {names.get('flax')}"
    assert "experiments" not in names


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_meshes_are_made_in_one_place(path):
    made = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] in {"make_mesh", "Mesh"}
    ]
    assert not made or path == PACKAGE / "runtime/meshes.py"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_text_is_run_as_code(path):
    called = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"eval", "exec", "compile", "__import__"}


def test_the_training_loop_is_given_evaluators_and_miners():
    names = {name for path in (PACKAGE / "training").rglob("*.py") for name, *_ in imports(path)}
    assert not {
        name for name in names if name.startswith(("jaxemb.evaluation", "jaxemb.retrieval"))
    }


# --- what a command imports, and what it takes

PROBE = """
import sys, time
from jaxemb.__main__ import main
try:
    code = main(sys.argv[1:])
except SystemExit as end:
    code = end.code
heavy = {heavy!r}
found = sorted(set(heavy) & set(name.partition(".")[0] for name in sys.modules))
print(code, time.process_time(), *found, file=sys.stderr)
"""


def probe(*arguments: str) -> tuple[str, float, list[str]]:
    """Exit code, CPU seconds from the interpreter's start on, and the heavy modules imported."""
    command = [sys.executable, "-c", PROBE.format(heavy=HEAVY), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    code, seconds, *found = done.stderr.splitlines()[-1].split()
    return code, float(seconds), found


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("run", "--help"), ("list",), ("list", "--json"), ("papers", "--json"), ()],
    ids=" ".join,
)
def test_light_commands_import_nothing_heavy_and_start_at_once(arguments):
    code, seconds, found = probe(*arguments)
    assert code in ("0", "None")
    assert found == []
    # The least of three: other processes on the machine only ever add.
    assert min(seconds, *(probe(*arguments)[1] for _ in range(2))) < 0.3


def test_the_package_alone_imports_nothing_heavy():
    code = (
        "import sys, jaxemb; from jaxemb import experiment, grid, arm, UsageError; "
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_a_mistyped_name_is_told_before_anything_heavy_is_imported():
    assert probe("run", "poling_and_attention")[::2] == ("2", [])
    assert probe("run", "pooling_and_attention", "mask=causal,bidirectional")[::2] == ("2", [])


# --- public names


@pytest.mark.parametrize("name", jaxemb.__all__)
def test_public_names_are_there(name):
    assert getattr(jaxemb, name) is not None
    assert name in dir(jaxemb)


def test_unknown_names_are_no_attributes():
    with pytest.raises(AttributeError, match="jaxemb attribute Exprmnt"):
        jaxemb.Exprmnt  # noqa: B018
