"""What a finished run wrote is damaged, file by file and field by field.

Commands answer in one sentence, or as if nothing had happened; what can be computed again, is.
All cases: python -m pytest -m siege tests/siege. A quick draw of them runs with all other tests.
"""

import json
import shutil
import sys
from pathlib import Path

import pytest

from jaxemb.__main__ import main
from jaxemb.config import UsageError
from jaxemb.data import cache_folder
from jaxemb.study import runs as study_runs
from jaxemb.study.controls import RandomVectors
from jaxemb.study.recipe import Tuning
from tests import toy_runs
from tests.siege.damages import (
    DAMAGES,
    VALUES,
    answer,
    changed,
    contents,
    damage,
    fields,
    files,
    one_sentence,
    write_resealed,
)  # fmt: skip

MODEL = ("model/model.json", "model/tokenizer.json", "model/manifest.json")
RESULTS = (
    "run.json", "scores.json", "metrics.jsonl", "manifest.json", "examples/retrieval.npz",
    "examples/sts.npz",
)  # fmt: skip
READS = {"compare": RESULTS, "eval": ("run.json", *MODEL), "encode": MODEL}
"""What must be refused; of all other files a command may take no notice."""
QUICK = {
    ("compare", "run.json", "deep"), ("compare", "scores.json", "flipped"),
    ("compare", "metrics.jsonl", "cut"), ("compare", "manifest.json", "list"),
    ("compare", "examples/sts.npz", "folder"), ("encode", "model/model.json", "object"),
    ("encode", "model/tokenizer.json", "bytes"), ("encode", "model/manifest.json", "number"),
}  # fmt: skip
SMALL = dict(controls=(), claims=(), seeds=(0,), arms=toy_runs.experiment().arms[:1])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of one seed of the toy experiment, run once."""
    folder = tmp_path_factory.mktemp("siege")
    toy_runs.run(folder, **SMALL)
    return toy_runs.folders(folder)[0]


def ask(capsys, command, run, whole):
    """Ask a command about a run; `whole` is one to compare it with."""
    (run.parent / "texts").write_text("sort a list\n")
    given = {"compare": (whole,), "eval": ("--no-store",), "encode": (run.parent / "texts",)}
    return answer(capsys, command, run, *given[command])


def refuses_or_takes_no_notice(capsys, command, run, whole, usual, must):
    (run.parent / "texts").write_text("sort a list\n")
    before = contents(run.parent)
    told = ask(capsys, command, run, whole)
    if must or told[0] != 0:
        one_sentence(told)
    else:
        assert told[1].replace(str(run), "") == usual
    assert contents(run.parent) == before, "nothing on disk is changed"


@pytest.mark.parametrize(
    ("command", "file", "how"), [pytest.param(*case, id="-".join(case)) for case in sorted(QUICK)]
)
def test_a_damaged_run_is_refused_in_one_sentence(finished, tmp_path, capsys, command, file, how):
    run = shutil.copytree(finished, tmp_path / "seed-0")
    damage(run / file, how)
    refuses_or_takes_no_notice(capsys, command, run, finished, "", must=True)


@pytest.mark.siege
@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("command", READS)
def test_whatever_file_is_damaged(finished, tmp_path, capsys, subtests, command, how):
    whole = shutil.copytree(finished, tmp_path / "whole")
    usual = ask(capsys, command, whole, finished)[1].replace(str(whole), "")
    assert set(READS[command]) <= set(files(finished))
    for place, file in enumerate(files(finished)):
        with subtests.test(file=file):
            run = shutil.copytree(finished, tmp_path / str(place) / "seed-0")
            damage(run / file, how)
            must = file in READS[command]
            refuses_or_takes_no_notice(capsys, command, run, finished, usual, must)


@pytest.mark.siege
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("command", ["compare", "encode"])
def test_whatever_field_is_changed_by_one_who_seals_it_again(
    finished, tmp_path, capsys, subtests, command, value
):
    run = shutil.copytree(finished, tmp_path / "seed-0")
    for file in READS[command]:
        if not file.endswith(".json"):
            continue
        whole = json.loads((finished / file).read_text())
        for at in fields(whole):
            with subtests.test(file=file, at=at):
                write_resealed(run, file, changed(whole, at, VALUES[value]))
                told = ask(capsys, command, run, finished)
                if told[0] != 0:
                    one_sentence(told)
                assert "Traceback" not in told[2]
        write_resealed(run, file, whole)


# --- what is computed again


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory):
    """A cache of its own, but for the corpus, which takes long to build."""
    usual, own = cache_folder(), tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAXEMB_CACHE", str(own))
        if (usual / "pydocs").exists():
            (own / "pydocs").symlink_to(usual / "pydocs")
        yield own


def everything(runs):
    """One arm, one seed, a rate that is picked, a control."""
    tuning = Tuning(learning_rates=(1e-3, 3e-3), fraction=0.5, seeds=(7,))
    given = {**SMALL, "controls": (RandomVectors(dim=8),), "tuning": tuning}
    return toy_runs.run(runs, **given)


def scores(runs):
    return [json.loads((one / "scores.json").read_text()) for one in toy_runs.folders(runs)]


@pytest.mark.siege
@pytest.mark.parametrize("how", ["emptied", "flipped", "object", "folder"])
def test_the_same_command_makes_whatever_was_damaged_again(own_cache, tmp_path, subtests, how):
    runs = tmp_path / "runs"
    everything(runs)
    expected, keep = scores(runs), shutil.copytree(runs, tmp_path / "keep")
    assert {Path(name).name for name in files(runs)} >= {"tuning.json", "record.json"}
    for file in files(keep):
        with subtests.test(file=file):
            shutil.rmtree(runs)
            shutil.copytree(keep, runs)
            damage(runs / file, how)
            everything(runs)
            assert scores(runs) == expected
            json.loads((runs / "toy/small/record.json").read_text())


@pytest.mark.siege
@pytest.mark.parametrize("how", ["emptied", "flipped", "folder"])
def test_a_stage_that_is_kept_is_made_again(own_cache, tmp_path, subtests, how):
    everything(tmp_path / "runs")
    expected, stages = scores(tmp_path / "runs"), own_cache / "stages"
    for place, file in enumerate(files(stages)):
        with subtests.test(file=file):
            damage(stages / file, how)
            everything(tmp_path / str(place))
            assert scores(tmp_path / str(place)) == expected


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The folder of an experiment whose one seed was stopped after training, before it was scored."""

    def stop(*_):
        raise UsageError("stopped")

    runs = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study_runs, "scores_of", stop)
        with pytest.raises(UsageError, match="stopped"):
            toy_runs.run(runs, **SMALL)
    return runs


def goes_on(stopped, runs, file, how):
    shutil.copytree(stopped, runs)
    damage(runs / file, how)
    toy_runs.run(runs, **SMALL)
    return scores(runs)


def test_a_run_goes_on_where_its_only_checkpoint_is_damaged(stopped, finished, tmp_path, capsys):
    file = next(name for name in files(stopped) if name.endswith("page/metadata"))
    found = goes_on(stopped, tmp_path / "runs", file, "emptied")
    told = capsys.readouterr().err
    assert "is damaged" in told and "it is removed, and training goes on from" in told
    arm = toy_runs.folders(tmp_path / "runs")[0].parent.name
    assert found == [json.loads((finished.parents[1] / arm / "seed-0/scores.json").read_text())]


@pytest.mark.siege
@pytest.mark.parametrize("how", ["emptied", "flipped", "object", "folder"])
def test_a_run_goes_on_whatever_of_its_checkpoint_is_damaged(stopped, tmp_path, subtests, how):
    shutil.copytree(stopped, tmp_path / "whole")
    toy_runs.run(tmp_path / "whole", **SMALL)
    expected = scores(tmp_path / "whole")
    names = [name for name in files(stopped) if "checkpoints" in name]
    assert len(names) > 3
    for place, file in enumerate(names):
        with subtests.test(file=file):
            assert goes_on(stopped, tmp_path / str(place), file, how) == expected


@pytest.mark.parametrize("file", ["scores.json", "run.json", "examples/sts.npz"])
def test_the_same_command_makes_a_damaged_run_again(finished, tmp_path, capsys, file):
    runs = shutil.copytree(finished.parents[3], tmp_path / "runs")
    damaged = runs / finished.relative_to(finished.parents[3])
    whole = (damaged / "scores.json").read_bytes()
    damage(damaged / file, "flipped")
    toy_runs.run(runs, **SMALL)
    told = capsys.readouterr().err
    assert "warning: " in told and "again" in told
    assert json.loads((damaged / "scores.json").read_bytes()) == json.loads(whole)


# --- folders of others


SENTENCE_TRANSFORMER = {
    "modules": [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {
            "idx": 1,
            "name": "1",
            "path": "1_Pooling",
            "type": "sentence_transformers.models.Pooling",
        },
    ],
    "1_Pooling__config": {"word_embedding_dimension": 12, "pooling_mode_mean_tokens": True},
    "config_sentence_transformers": {"prompts": {"query": "q: "}, "default_prompt_name": None},
    "sentence_bert_config": {"max_seq_length": 8, "do_lower_case": False},
}
SIZES = ("many", -1, [1], 10**12, True, {"a": 1})
WRONG = {
    "config.json": {
        "num_hidden_layers": SIZES, "hidden_size": SIZES, "num_attention_heads": SIZES,
        "vocab_size": SIZES, "max_position_embeddings": SIZES, "intermediate_size": SIZES,
        "layer_norm_eps": SIZES, "hidden_act": SIZES[1:],
    },
    "1_Pooling/config.json": {
        "pooling_mode_mean_tokens": ("yes", 3, [True]),
        "word_embedding_dimension": (0, -1, 10**12, "wide", [12]),
        "include_prompt": ("no", 7, [True]),
    },
    "config_sentence_transformers.json": {
        "prompts": ("q: ", ["q: "], {"query": 3}, 5),
        "default_prompt_name": (3, ["query"], "absent"),
    },
    "sentence_bert_config.json": {"max_seq_length": ("long", -1, 0, [8])},
}  # fmt: skip
FOREIGN = {
    "outside": ("modules.json", [{"type": "a.Transformer", "path": "../outside"}], "outside"),
    "empty": ("modules.json", {}, "modules.json"),
    "index": (
        "model.safetensors.index.json", {"weight_map": {"a": "../sneaky.safetensors"}}, "sneaky"
    ),
} | {
    f"{field}={value!r}": (file, {field: value}, field)
    for file, wrong in WRONG.items()
    for field, values in wrong.items()
    for value in values
}  # fmt: skip


def foreign():
    for place, name in enumerate(FOREIGN):
        yield pytest.param(name, marks=() if place % 12 == 0 else pytest.mark.siege)


@pytest.mark.parametrize("name", list(foreign()))
def test_a_folder_of_others_is_refused_in_one_sentence(tmp_path, capsys, name):
    from tests.interop.folders import CONFIG, write

    folder = write(tmp_path / "models/mine", CONFIG, **SENTENCE_TRANSFORMER)
    (tmp_path / "texts").write_text("sort a list\n")
    file, content, field = FOREIGN[name]
    if isinstance(content, dict) and (folder / file).exists() and content:
        content = json.loads((folder / file).read_text()) | content
    (folder / file).write_text(json.dumps(content))
    before = contents(tmp_path)
    code, out, err = answer(capsys, "encode", folder, tmp_path / "texts")
    assert (code, out) == (2, "") and err.startswith("error: ") and err.count("\n") == 1, err
    assert file in err or field == "hidden_act"
    assert field in err or field == "hidden_act", err
    assert contents(tmp_path) == before


def test_the_folder_that_is_damaged_is_whole_before(tmp_path, capsys):
    from tests.interop.folders import CONFIG, write

    folder = write(tmp_path / "models/mine", CONFIG, **SENTENCE_TRANSFORMER)
    (tmp_path / "texts").write_text("sort a list\n")
    assert answer(capsys, "encode", folder, tmp_path / "texts")[0] == 0


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
