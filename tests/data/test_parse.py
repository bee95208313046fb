import pytest

from jaxemb.data.pydocs.compiled import inspect_module, topics
from jaxemb.data.pydocs.installation import Source
from jaxemb.data.pydocs.links import ImportTable, Resolver
from jaxemb.data.pydocs.parse import parse

SOURCE = '''"""A module.

With a body.
"""
import os.path
import numpy as np
from . import sibling
from .other import thing as renamed
from ..far import *

alias = function


@decorated
def function(x):
    """Do it."""
    # a comment
    return x


def undocumented():
    pass


if True:
    async def later():
        """Do it later."""


class Class(Base):
    """A class."""

    field = 1

    @property
    def value(self):
        """A value."""
        return 1

    def method(self):
        """A method.

        Body.
        """

        def inner():
            """Not an object."""
'''


def read(tmp_path, text=SOURCE, name="module.py"):
    path = tmp_path / name
    path.write_text(text)
    return parse(Source("package", "package.sub.module", str(path)))


def test_documented_objects_and_their_kinds(tmp_path):
    found = {r["name"].removeprefix("package.sub."): r for r in read(tmp_path)["records"]}
    assert {name: r["kind"] for name, r in found.items()} == {
        "module": "module",
        "module.function": "function",
        "module.later": "function",
        "module.Class": "class",
        "module.Class.value": "property",
        "module.Class.method": "method",
    }
    assert found["module"]["body"] == "With a body."
    assert found["module.Class.method"]["parent"] == "package.sub.module.Class"


def test_code_has_no_docstring_and_keeps_comments(tmp_path):
    code = {r["name"].rpartition(".")[2]: r["code"] for r in read(tmp_path)["records"]}
    assert code["function"] == "@decorated\ndef function(x):\n    # a comment\n    return x"
    assert code["Class"] == "class Class(Base):\n\n    field = 1"
    assert code["value"] == "@property\ndef value(self):\n    return 1"
    assert "A method" not in code["method"] and "Body" not in code["method"]
    assert code["module"] == ""


def test_the_import_table(tmp_path):
    table = read(tmp_path)
    assert table["names"] == {
        "os": "os",
        "np": "numpy",
        "sibling": "package.sub.sibling",
        "renamed": "package.sub.other.thing",
        "alias": "package.sub.module.function",
    }
    assert table["stars"] == ["package.far"]


def test_relative_imports_of_a_package_start_one_level_lower(tmp_path):
    assert read(tmp_path, "from .a import b", "__init__.py")["names"] == {
        "b": "package.sub.module.a.b"
    }


def test_files_that_are_not_python_give_nothing(tmp_path):
    assert read(tmp_path, "def {{ name }}: pass")["records"] == []
    assert read(tmp_path, "print 'old'")["records"] == []


def test_one_line_definitions(tmp_path):
    (record,) = read(tmp_path, 'def f(): "Do it."')["records"]
    assert record["summary"] == "Do it." and record["code"] == ""


def test_compiled_modules_are_asked():
    answer = inspect_module("python", "math")
    found = {record["name"]: record for record in answer["records"]}
    assert found["math"]["kind"] == "module"
    assert found["math.sin"]["kind"] == "function" and found["math.sin"]["code"] == ""
    assert found["math.sin"]["summary"].startswith("Return the sine")


def test_classes_of_compiled_modules_have_methods_under_their_public_name():
    found = {r["name"]: r for r in inspect_module("python", "_collections")["records"]}
    assert found["collections.OrderedDict"]["kind"] == "class"
    assert found["collections.OrderedDict.move_to_end"]["kind"] == "method"


@pytest.mark.parametrize(
    "module, name",
    [
        ("_collections", "collections.deque"),
        ("_functools", "functools.partial"),
        ("_operator", "operator.itemgetter"),
        ("_sqlite3", "sqlite3.Connection"),
        ("_struct", "_struct.Struct"),
    ],
)
def test_a_compiled_class_whose_home_has_a_source_is_read(module, name):
    """Whether such classes are static or heap types differs between the versions of Python."""
    found = {r["name"]: r["kind"] for r in inspect_module("python", module)["records"]}
    assert found[name] == "class"


def test_an_absent_compiled_module_gives_nothing():
    assert inspect_module("python", "_no_such_module")["records"] == []


def test_topics_of_the_language_reference():
    found = {record["name"]: record for record in topics()["records"]}
    topic = found["pydoc_data.topics.assert"]
    assert topic["kind"] == "topic" and topic["summary"] == 'The "assert" statement'


def test_names_resolve_through_imports():
    tables = {
        "pkg": ImportTable({"sort": "pkg._core.sort"}, []),
        "pkg._core": ImportTable({}, ["pkg._core.impl"]),
        "pkg._core.impl": ImportTable({"loop": "pkg.loop"}, []),
    }
    records = ("pkg._core.impl.sort", "pkg._core.impl.Class.method", "pkg._core.impl.Class.other")
    resolver = Resolver(records, tables)
    scope = "pkg._core.impl.Class"
    assert resolver.resolve("pkg.sort", scope) == "pkg._core.impl.sort"
    assert resolver.resolve("sort", scope) == "pkg._core.impl.sort"
    assert resolver.resolve("other", scope) == "pkg._core.impl.Class.other"
    assert resolver.resolve("Class.method", scope) == "pkg._core.impl.Class.method"
    assert resolver.resolve("nothing", scope) is None
    assert resolver.resolve("pkg.nothing.sort", scope) is None


def test_imports_in_a_circle_end():
    tables = {"a": ImportTable({"x": "b.x"}, ["b"]), "b": ImportTable({"x": "a.x"}, ["a"])}
    assert Resolver((), tables).resolve("a.x", "a") is None
    assert Resolver((), tables).resolve("a.y", "a") is None
