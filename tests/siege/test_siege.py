"""What a finished smoke run wrote is damaged, file by file: commands answer in one sentence.

All cases: python -m pytest -m siege tests/siege. A quick draw of them runs with all other tests.
"""

import json
import shutil
import sys

import pytest

from jaxemb.__main__ import main
from tests import toy_runs

DAMAGES = {
    "emptied": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "bytes": lambda content: b"\xff\xfe\0" + content[3:],
    "null": lambda content: b"null",
    "list": lambda content: b"[]",
    "number": lambda content: b"1e999",
    "object": lambda content: b"{}",
    "deep": lambda content: b"[" * 100_000,
    "flipped": lambda content: content[:-2] + bytes([content[-2] ^ 1]) + content[-1:],
    "folder": None,
}
FILES = (
    "run.json", "scores.json", "metrics.jsonl", "manifest.json", "examples/retrieval.npz",
    "examples/sts.npz", "model/model.json", "model/tokenizer.json", "model/manifest.json",
)  # fmt: skip
COMMANDS = {"compare": ("compare",), "eval": ("eval", "--no-store"), "encode": ("encode",)}
READS = {
    "compare": FILES[:6],
    "eval": ("model/model.json", "model/tokenizer.json", "model/manifest.json", "run.json"),
    "encode": ("model/model.json", "model/tokenizer.json", "model/manifest.json"),
}
CASES = [
    (command, file, damage) for command in COMMANDS for file in READS[command] for damage in DAMAGES
]
QUICK = set(CASES[::9])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of one seed of the toy experiment, run once."""
    folder = tmp_path_factory.mktemp("siege")
    toy_runs.run(folder, controls=(), claims=())
    return toy_runs.folders(folder)[0]


def damage(path, how):
    if how is None:
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(how(path.read_bytes()))


def contents(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in files}


def marked():
    for case in CASES:
        marks = () if case in QUICK else pytest.mark.siege
        yield pytest.param(*case, marks=marks, id="-".join(case))


@pytest.mark.parametrize(("command", "file", "how"), list(marked()))
def test_a_damaged_run_is_refused_in_one_sentence(finished, tmp_path, capsys, command, file, how):
    run = shutil.copytree(finished, tmp_path / "seed-0")
    damage(run / file, DAMAGES[how])
    (tmp_path / "texts").write_text("sort a list\n")
    before = contents(tmp_path)
    name, *options = COMMANDS[command]
    arguments = [name, str(run), *options]
    arguments += {"compare": [str(finished)], "encode": [str(tmp_path / "texts")]}.get(name, [])
    code = main(arguments)
    out, err = capsys.readouterr()
    assert code == 2, (out, err)
    told = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(told) == 1 and "Traceback" not in err
    assert contents(tmp_path) == before, "nothing on disk is changed"


FOREIGN = {
    "outside": ("modules.json", [{"type": "a.Transformer", "path": "../outside"}]),
    "empty": ("modules.json", {}),
    "index": ("model.safetensors.index.json", {"weight_map": {"a": "../sneaky.safetensors"}}),
} | {
    f"{field}={value!r}": ("config.json", {field: value})
    for field in ("num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size",
                  "max_position_embeddings", "intermediate_size", "layer_norm_eps", "hidden_act")
    for value in ("many", -1, [1], 10**12, True, {"a": 1})
    if not (field == "hidden_act" and value == "many")
}  # fmt: skip


def foreign():
    for place, name in enumerate(FOREIGN):
        yield pytest.param(name, marks=() if place % 5 == 0 else pytest.mark.siege)


@pytest.mark.parametrize("name", list(foreign()))
def test_a_folder_of_others_is_refused_in_one_sentence(tmp_path, capsys, name):
    from tests.interop.folders import CONFIG, write

    folder = write(tmp_path / "models/mine", CONFIG)
    (tmp_path / "texts").write_text("sort a list\n")
    file, content = FOREIGN[name]
    if isinstance(content, dict) and file == "config.json":
        content = json.loads((folder / file).read_text()) | content
    (folder / file).write_text(json.dumps(content))
    before = contents(tmp_path)
    code = main(["encode", str(folder), str(tmp_path / "texts")])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "") and err.startswith("error: ") and err.count("\n") == 1, err
    assert file in err or "activation" in err
    assert contents(tmp_path) == before


def test_no_module_is_imported_because_a_file_names_it(finished, tmp_path, capsys, monkeypatch):
    run = shutil.copytree(finished / "model", tmp_path / "model")
    (run / "manifest.json").unlink()
    told = json.loads((run / "model.json").read_text()) | {"format": 1}
    told["embedder"]["pooling"] = {"part": "evilmod:X"}
    (run / "model.json").write_text(json.dumps(told))
    (tmp_path / "evilmod.py").write_text("raise SystemExit('it was run')")
    (tmp_path / "texts").write_text("sort a list\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["encode", str(run), "texts"]) == 2
    assert "evilmod" in capsys.readouterr().err and "evilmod" not in sys.modules


@pytest.mark.parametrize("file", ["scores.json", "run.json", "examples/sts.npz"])
def test_the_same_command_makes_a_damaged_run_again(finished, tmp_path, capsys, file):
    runs = shutil.copytree(finished.parents[3], tmp_path / "runs")
    damaged = runs / finished.relative_to(finished.parents[3])
    whole = (damaged / "scores.json").read_bytes()
    damage(damaged / file, DAMAGES["flipped"])
    toy_runs.run(runs, controls=(), claims=())
    told = capsys.readouterr().err
    assert "warning: " in told and "again" in told
    assert json.loads((damaged / "scores.json").read_bytes()) == json.loads(whole)
