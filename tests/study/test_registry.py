"""Experiments by name: discovery without importing, scripts, messages."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaxemb.config import UsageError, find_parts_by, from_json, serialization
from jaxemb.study import registry

FILE = '''"""What is asked here?

Claim    Something.
"""
{imports}
from jaxemb import experiment


@experiment(papers={papers})
def {name}():
    return "built {name}"
'''


def write(folder: Path, name: str, papers: str = "(7,)", imports: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    path.write_text(FILE.format(name=name, papers=papers, imports=imports))
    return path


@pytest.fixture(autouse=True)
def no_folders(monkeypatch):
    """Only what a test gives, so that the project's own experiments are no part of it."""
    monkeypatch.delenv(registry.VARIABLE, raising=False)
    monkeypatch.setattr(registry, "own_folder", list)


def test_a_file_is_read_without_being_imported(tmp_path):
    path = write(tmp_path / "words", "spelling", imports="raise SystemExit('imported')")
    entry = registry.discover([tmp_path]).get("spelling")
    assert entry.path == path
    assert (entry.theme, entry.papers, entry.summary) == ("words", (7,), "What is asked here?")
    assert entry.record_at("small") == tmp_path / "words" / "spelling.json"
    assert entry.record_at("medium") == tmp_path / "words" / "spelling.medium.json"
    assert entry.records == []


BUILT = "Experiment(base=Recipe(evaluation=(STS(),)), arms=(arm('one'),))"
PARTS = "from jaxemb import Experiment, Recipe, arm\nfrom jaxemb.evaluation import STS\n"


def test_loading_builds_the_experiment_once_a_file(tmp_path):
    path = write(tmp_path, "spelling", imports=PARTS)
    path.write_text(path.read_text().replace('"built spelling"', BUILT))
    entry = registry.discover([path]).get("spelling")
    assert [arm.name for arm in entry.load().arms] == ["one"]
    assert registry.load_file(entry.path) is registry.load_file(str(entry.path))


def test_what_is_built_is_an_experiment(tmp_path):
    entry = registry.discover([write(tmp_path, "spelling")]).get("spelling")
    with pytest.raises(UsageError, match=r"spelling\(\) returns a str, not an Experiment"):
        entry.load()


def test_the_own_docstring_comes_before_the_files(tmp_path):
    path = write(tmp_path, "first")
    text = path.read_text() + '\n\n@experiment()\ndef second():\n    """Own."""\n'
    path.write_text(text)
    found = registry.discover([tmp_path])
    assert [found.get(name).summary for name in ("first", "second")] == [
        "What is asked here?",
        "Own.",
    ]


def test_folders_come_from_the_environment_too(tmp_path, monkeypatch):
    write(tmp_path / "a", "one")
    write(tmp_path / "b", "two")
    monkeypatch.setenv(registry.VARIABLE, f"{tmp_path / 'a'}:{tmp_path / 'b'}")
    assert list(registry.discover([tmp_path / "b"]).entries) == ["one", "two"]


def test_two_files_of_one_name_are_an_error(tmp_path):
    write(tmp_path / "a", "one")
    write(tmp_path / "b", "one")
    with pytest.raises(UsageError, match=r"'one' is both in .*a/one\.py and in .*b/one\.py"):
        registry.discover([tmp_path])


def test_files_of_one_name_in_two_folders_load_apart(tmp_path):
    first = write(tmp_path / "a", "one")
    second = write(tmp_path / "b", "one")
    assert registry.load_file(first) is not registry.load_file(second)


def test_an_unknown_name_gives_the_nearest(tmp_path):
    write(tmp_path, "spelling")
    with pytest.raises(UsageError, match="no experiment 'speling'; nearest: spelling"):
        registry.discover([tmp_path]).get("speling")
    with pytest.raises(UsageError, match="there are: spelling"):
        registry.discover([tmp_path]).get("qqqq")


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="no folder of experiments at"):
        registry.discover([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"from jaxemb import experiment\ndef (:", "cannot be read as Python"),
        (b"# experiment \xff\xfe", "cannot be read as Python"),
        (b"experiment\0", "cannot be read as Python"),
    ],
)
def test_a_file_that_is_no_python_stops_no_other(tmp_path, content, problem):
    write(tmp_path, "spelling")
    (tmp_path / "broken.py").write_bytes(content)
    found = registry.discover([tmp_path])
    assert list(found.entries) == ["spelling"]
    assert len(found.problems) == 1 and problem in found.problems[0]
    with pytest.raises(UsageError, match=r"Not read: .*broken\.py"):
        found.get("broken")


@pytest.mark.parametrize("papers", ["PAPERS", "('x',)", "7", "(1.5,)", "(True,)"])
def test_papers_are_numbers_written_out(tmp_path, papers):
    write(tmp_path, "spelling", papers=papers)
    problems = registry.discover([tmp_path]).problems
    assert len(problems) == 1 and "papers must be whole numbers" in problems[0]


def test_a_file_that_fails_to_import_is_told_with_its_line(tmp_path):
    path = write(tmp_path, "spelling", imports="import no_such_module_anywhere")
    with pytest.raises(UsageError, match=r"spelling\.py:5 cannot be imported: ModuleNotFoundError"):
        registry.discover([path]).get("spelling").load()


def test_the_decorator_returns_the_function():
    @registry.experiment(papers=(1, 2))
    def mine():
        return 3

    assert mine() == 3
    assert mine.papers == (1, 2)


# --- files as scripts

SCRIPT = '''"""Is a file its own command?"""
import dataclasses
import sys

from jaxemb import experiment
from jaxemb.config import Part

import subprocess

subprocess.run = lambda command: print(command[1:]) or subprocess.CompletedProcess(command, 7)


@experiment(papers=(1,))
def own_command():
    return Later()


{more}
print("not reached")
'''


def run_script(path: Path, *arguments: str) -> subprocess.CompletedProcess:
    return python(str(path), *arguments)


def python(*arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(Path(registry.__file__).parents[2])}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=60, env=environment
    )


def test_a_file_runs_as_a_script(tmp_path):
    path = tmp_path / "own_command.py"
    path.write_text(SCRIPT.format(more=""))
    done = run_script(path, "mask=causal", "--seeds", "2")
    expected = [
        "-m",
        "jaxemb",
        "run",
        "own_command",
        "--experiments",
        str(path),
        "mask=causal",
        "--seeds",
        "2",
    ]
    assert done.stdout.strip() == str(expected)
    assert done.returncode == 7


def test_a_script_of_several_experiments_wants_a_name(tmp_path):
    path = tmp_path / "several.py"
    path.write_text(SCRIPT.format(more="@experiment()\ndef other_command(): ..."))
    done = run_script(path)
    assert done.returncode == 2
    assert (
        done.stderr == "error: several.py has several; name one of: own_command, other_command.\n"
    )
    assert (
        json.loads(run_script(path, "other_command").stdout.replace("'", '"'))[3] == "other_command"
    )


def test_an_imported_file_runs_nothing(tmp_path):
    path = tmp_path / "own_command.py"
    path.write_text(SCRIPT.format(more=""))
    code = f"from jaxemb.study import registry; registry.load_file({str(path)!r})"
    done = python("-c", code)
    assert done.stdout == "not reached\n", done.stderr


# --- where a wheel and a checkout keep the project's own


def test_own_experiments_of_a_wheel_and_of_a_checkout(tmp_path, monkeypatch):
    monkeypatch.undo()
    package = tmp_path / "site" / "jaxemb"
    package.mkdir(parents=True)
    monkeypatch.setattr(registry, "__file__", str(package / "study" / "registry.py"))
    (tmp_path / "site" / "experiments").mkdir()
    assert registry.own_folder() == []  # somebody else's, beside an installed package
    (tmp_path / "site" / "pyproject.toml").touch()
    assert registry.own_folder() == [tmp_path / "site" / "experiments"]
    (package / "_experiments").mkdir()
    assert registry.own_folder() == [package / "_experiments"]


def test_the_projects_own_experiments_are_found(monkeypatch):
    monkeypatch.undo()
    found = registry.discover()
    assert not found.problems
    assert {"pooling_and_attention", "matryoshka_2d"} <= set(found.entries)
    assert found.get("pooling_and_attention").papers == (101,)


def test_an_experiment_that_fails_to_be_built_is_told_with_its_line(tmp_path):
    path = write(tmp_path, "spelling")
    path.write_text(path.read_text().replace('return "built', 'None + 1\n    return "built'))
    with pytest.raises(UsageError, match=r"spelling\.py:11 cannot be built: TypeError"):
        registry.discover([path]).get("spelling").load()


def test_files_may_name_parts_of_experiments_and_of_what_these_import(tmp_path, monkeypatch):
    part = (
        "import dataclasses\nfrom jaxemb.config import Part\n"
        "@dataclasses.dataclass(frozen=True, kw_only=True)\nclass Mine(Part):\n    size: int = 1\n"
    )
    own = f"own_{tmp_path.name}"
    (tmp_path / f"{own}.py").write_text(part)
    (tmp_path / "named.py").write_text(f"from {own} import Mine\n")
    (tmp_path / "holding.py").write_text(part)
    (tmp_path / "broken.py").write_text("from (")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(serialization, "_finders", [])
    held = registry._module_name((tmp_path / "holding.py").resolve())
    entries = [{"part": f"{module}:Mine", "size": 2} for module in (own, held)]
    with find_parts_by(registry.PartsOfExperiments([tmp_path / "broken.py"])):
        for entry, told in zip(entries, ("has not been imported", "holding.py"), strict=True):
            with pytest.raises(UsageError, match=told):
                from_json(entry)
    named = registry.PartsOfExperiments([tmp_path / "named.py", tmp_path / "holding.py"])
    with find_parts_by(named):
        assert [from_json(entry).size for entry in entries] == [2, 2]
