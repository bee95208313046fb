"""Files and folders are there whole or not at all; paths and encodings are what people mean."""

import ast
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jaxemb.config import UsageError
from jaxemb.config.files import (
    discard,
    given_path,
    leftovers,
    whole_file,
    whole_folder,
    write_over,
    write_whole,
    writing_to,
)
from jaxemb.config.reading import read_json, read_json_lines

ROOT = Path(__file__).parents[2]
SOURCES = [path for room in ("jaxemb", "experiments") for path in (ROOT / room).rglob("*.py")]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# --- whole or not at all


def test_of_many_writers_one_file_stays_whole(tmp_path):
    path = tmp_path / "found.json"

    def write(number):
        write_whole(path, json.dumps([number] * 5000))
        return len(set(json.loads(path.read_text())))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(write, range(100))) == {1}
    assert names(tmp_path) == ["found.json"]


def test_a_failed_writer_leaves_what_was_there(tmp_path):
    write_whole(tmp_path / "a.txt", "before")
    with pytest.raises(KeyError), whole_file(tmp_path / "a.txt") as staging:
        staging.write_text("half")
        raise KeyError
    with pytest.raises(KeyError), whole_folder(tmp_path / "model") as staging:
        (staging / "half").write_text("")
        raise KeyError
    assert names(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "before"


def test_the_first_folder_stays_unless_it_is_discarded(tmp_path):
    path = tmp_path / "deep" / "model"
    for content in ("first", "second"):
        with whole_folder(path) as staging:
            (staging / "it").write_text(content)
    assert (path / "it").read_text() == "first"
    with whole_folder(path) as staging:
        (staging / "it").write_text("third")
        assert (path / "it").read_text() == "first"
        discard(path)
    assert (path / "it").read_text() == "third"
    assert names(path.parent) == ["model"]
    discard(tmp_path / "none")


def test_of_many_writers_one_folder_stays_whole(tmp_path):
    def write(number):
        with whole_folder(tmp_path / "stage") as staging:
            for file in ("a", "b"):
                (staging / file).write_text(str(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    assert (tmp_path / "stage/a").read_text() == (tmp_path / "stage/b").read_text()
    assert names(tmp_path) == ["stage"]


def test_a_folder_in_the_place_of_a_file_goes(tmp_path):
    place = tmp_path / "record.json"
    (place / "inside").mkdir(parents=True)
    write_over(place, "{}")
    assert place.read_text() == "{}" and list(tmp_path.iterdir()) == [place]


def test_who_may_read_is_as_for_any_other_file(tmp_path):
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain.txt").write_text("")
    write_whole(tmp_path / "whole.txt", "")
    with whole_folder(tmp_path / "whole"):
        pass
    for one, other in (("plain", "whole"), ("plain.txt", "whole.txt")):
        assert (tmp_path / one).stat().st_mode == (tmp_path / other).stat().st_mode


def test_what_a_killed_writer_left_is_told_from_what_others_left(tmp_path):
    code = (
        "import os, sys, pathlib; from jaxemb.config.files import whole_folder\n"
        "with whole_folder(pathlib.Path(sys.argv[1])) as staging: os._exit(1)"
    )
    for name in ("corpus", "other-corpus"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], cwd=ROOT)
    (left,) = leftovers(tmp_path / "corpus")
    assert left.name.endswith("-corpus") and left.is_dir() and len(names(tmp_path)) == 2


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UsageError, match="file/a cannot be written: Not a directory"),
        writing_to(tmp_path / "file/a"),
    ):
        write_whole(tmp_path / "file/a", "")


def test_json_that_cannot_be_read_is_one_sentence(tmp_path):
    path = tmp_path / "a.json"
    assert read_json(path, default={}) == {}
    with pytest.raises(UsageError, match=r"a\.json cannot be read: there is no such file"):
        read_json(path)
    for damaged in (b"{", b"\xff\xfe", b""):
        path.write_bytes(damaged)
        with pytest.raises(UsageError, match=r"a\.json cannot be read"):
            read_json(path, default={})


def test_a_line_cut_short_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert read_json_lines(path) == []
    path.write_text('{"step": 1}\n{"step": 2}\n{"st')
    assert [line["step"] for line in read_json_lines(path)] == [1, 2]


# --- paths that people give


def test_a_tilde_is_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert given_path("~/runs") == tmp_path / "runs"
    assert given_path(Path("~")) == tmp_path
    assert given_path("a/~b") == Path("a/~b")
    assert given_path("~no-such-user/x") == Path("~no-such-user/x")


def test_models_and_texts_are_found_at_home(monkeypatch, tmp_path):
    import jaxemb
    from jaxemb.data import TextFile
    from tests.toy import model

    monkeypatch.setenv("HOME", str(tmp_path))
    model().save("~/kept")
    assert (tmp_path / "kept/model.json").exists()
    assert jaxemb.load("~/kept").fingerprint() == model().fingerprint()
    (tmp_path / "pairs.tsv").write_text("query\tpositive\nsort\torder a list\n")
    file = TextFile(path="~/pairs.tsv")
    assert [record["query"] for record in file.records("train")] == ["sort"]
    assert file.fingerprint() == TextFile(path=str(tmp_path / "pairs.tsv")).fingerprint()


def test_commands_and_the_cache_are_at_home(monkeypatch, tmp_path):
    from jaxemb.cli.main import parser
    from jaxemb.data import cache_folder

    monkeypatch.setenv("HOME", str(tmp_path))
    assert parser().parse_args(["run", "x", "--runs=~/runs"]).runs == tmp_path / "runs"
    assert parser().parse_args(["eval", "~/model"]).model == tmp_path / "model"
    monkeypatch.setenv("JAXEMB_CACHE", "~/cache")
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("JAXEMB_CACHE")
    assert cache_folder() == tmp_path / ".cache/jaxemb"


# --- what the source says


def calls(path):
    """Every call of a file, with the name of what is called: `read_text`, `open`, ..."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func).rpartition(".")[2]


def is_text(call, name):
    """Whether a call opens a file as text: a mode with b opens bytes, `os.open` gives a number."""
    if name in ("open", "fdopen"):
        modes = [given.value for given in call.args if isinstance(given, ast.Constant)]
        return ast.unparse(call.func) != "os.open" and not any("b" in str(m) for m in modes)
    return name in ("read_text", "write_text") and isinstance(call.func, ast.Attribute)


def found(wrong):
    """`file:line: the call` of every call that is wrong."""
    return [
        f"{path.relative_to(ROOT)}:{call.lineno}: {ast.unparse(call)}"
        for path in SOURCES
        for call, name in calls(path)
        if wrong(call, name)
    ]


def test_text_files_name_their_encoding():
    """Else it is the locale's."""
    assert not found(
        lambda call, name: (
            is_text(call, name) and not {"encoding", None} & {given.arg for given in call.keywords}
        )
    )


def test_one_place_renames_and_knows_the_home_folder():
    system = ("os.replace", "os.rename", "Path.home", "tempfile.mkdtemp")
    places = found(
        lambda call, name: (
            name in ("rename", "expanduser") or ast.unparse(call.func).endswith(system)
        )
    )
    assert {place.partition(":")[0] for place in places} == {"jaxemb/config/files.py"}


def test_every_path_of_the_command_line_is_a_persons():
    from jaxemb.cli.main import parser

    subcommands = parser()._subparsers._group_actions[0].choices.values()
    kinds = {action.type for command in subcommands for action in command._actions}
    assert given_path in kinds and Path not in kinds
