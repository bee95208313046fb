"""The command line: what each command prints, exit codes, and one clear sentence for bad input."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import jaxemb
from jaxemb import commands, console, papers, registry
from jaxemb.__main__ import main

ROOT = Path(jaxemb.__file__).parents[1]


@pytest.fixture
def line(capsys):
    """Runs a command; gives its exit code, output and errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(arguments)
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        return code, out, err

    return run


def refused(result: tuple[int, str, str]) -> str:
    """The one sentence that a refused command leaves."""
    code, out, err = result
    assert (code, out) == (2, ""), (code, out, err)
    assert err.startswith("error: ") and err.count("\n") == 1
    return err


# --- without a command, and lists


def test_no_command_prints_help(line):
    code, out, _ = line()
    assert code == 0
    assert all(name in out for name in commands.COMMANDS)


def test_version(line):
    assert line("--version") == (0, f"jaxemb {jaxemb.__version__}\n", "")


def test_an_unknown_command_or_option_is_refused(line):
    assert line("rnu")[0] == 2
    assert "unrecognized arguments: --sedes" in line("list", "--sedes")[2]
    assert "unrecognized arguments: x=1" in line("list", "x=1")[2]


def test_list(line):
    code, out, err = line("list")
    assert (code, err) == (0, "")
    assert out.splitlines()[0].split() == ["experiment", "theme", "papers", "question"]
    (row,) = [row for row in out.splitlines() if row.startswith("pooling_and_attention ")]
    assert "pooling  " in row and "101" in row and row.endswith("serve an embedder best?")


def test_list_with_a_folder_of_ones_own_and_a_broken_file(line, tmp_path):
    (tmp_path / "mine.py").write_text(
        '"""Mine?"""\nfrom jaxemb import experiment\n@experiment()\ndef mine(): ...\n'
    )
    (tmp_path / "broken.py").write_text("from jaxemb import experiment (")
    code, out, err = line("list", "--json", "--experiments", str(tmp_path))
    assert code == 0
    assert {"name": "mine", "theme": tmp_path.name, "papers": [], "summary": "Mine?",
            "file": str(tmp_path / "mine.py")} in json.loads(out)  # fmt: skip
    assert err.startswith("warning: ") and "broken.py cannot be read" in err


def test_papers_are_the_119_with_null_where_nothing_is_known(line):
    code, out, _ = line("papers", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [row["number"] for row in rows] == list(range(1, 120))
    assert all(
        set(row) == {"number", "title", "experiment", "scale", "date", "verdict"} for row in rows
    )
    assert rows[42]["title"] == "2D Matryoshka Sentence Embeddings"
    assert rows[42]["experiment"] == "matryoshka_2d"
    assert rows[100]["experiment"] == "pooling_and_attention"
    assert rows[0]["experiment"] is None and rows[0]["verdict"] is None


def test_papers_read_records_and_prefer_a_verdict(tmp_path):
    def entry(name):
        return registry.Entry(
            name=name, path=tmp_path / f"{name}.py", theme="t", papers=(3,), doc=""
        )

    explored = {"scale": "small", "date": "2030-01-02", "verdict": None}
    judged = {"scale": "small", "date": "2030-01-01", "verdict": "supported"}
    (tmp_path / "b_explored.json").write_text(json.dumps(explored))
    (tmp_path / "c_judged.json").write_text(json.dumps(judged))
    (tmp_path / "d_torn.json").write_text('{"scale": "sm')
    names = ("a_never", "b_explored", "c_judged", "d_torn")
    assert papers.table([entry(n) for n in names])[2] == {
        "number": 3, "title": papers.titles()[3], "experiment": "c_judged", **judged,
    }  # fmt: skip
    assert papers.table([entry("a_never"), entry("b_explored")])[2]["experiment"] == "b_explored"
    assert papers.table([entry("d_torn")])[2]["verdict"] is None


def test_papers_as_markdown(line):
    code, out, _ = line("papers", "--markdown")
    rows = out.splitlines()
    assert code == 0 and len(rows) == 121
    assert rows[1] == "|--:|:--|:--|:--|:--|:--|"
    assert (
        rows[102].startswith("| 101 | Pooling And Attention")
        and "`pooling_and_attention`" in rows[102]
    )
    assert all(row.count("|") - row.count("\\|") == 7 for row in rows)


# --- overrides on the command line

NAME = "pooling_and_attention"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "poling_and_attention"), ["nearest: pooling_and_attention"]),
        (("run", NAME, "layers=1,2"), ["jaxemb sweep NAME layers=1,2"]),
        (("run", NAME, "layers"), ["write key=value"]),
        (("run", NAME, "mask=causal"), ["mask is what the arm causal-last sets"]),
        (("run", NAME, "encoder.deepth=4"), ["no field 'deepth'", "nearest: layers", "fields: "]),
        (("run", NAME, "temprature=4"), ["nearest: temperature"]),
        (("run", NAME, "batch_size=4"), ["ambiguous", "stages.train.data.batch_size"]),
        (("run", NAME, "temperature=hot"), ["temperature takes a finite number, not hot"]),
        (("run", NAME, "encoder.activation=gleu"), ["nearest: gelu", "choices: "]),
        (("run", NAME, "--scale", "huge"), ["no scale 'huge'", "smoke, small"]),
        (("run", NAME, "--seeds", "0"), ["--seeds 0 must be at least 1"]),
        (("run", NAME, "--jobs", "0"), ["--jobs 0 must be at least 1"]),
        (("run", NAME, "temperature=0.1", "--record"), ["--record keeps the experiment"]),
        (("run", NAME, "--record", "--scale", "smoke"), ["--record keeps"]),
        (("run", NAME, "--experiments", "/nowhere/at/all"), ["no folder of experiments"]),
        (("sweep", NAME), ["needs an axis"]),
        (("sweep", NAME, "mask=causal,"), ["empty value"]),
        (("sweep", NAME, "laiers=1,2"), ["no field 'laiers'; nearest: layers"]),
        (("sweep", NAME, "mask=causal,causal"), ["Two arms are named"]),
        (("plan", NAME, "--devices", "0"), ["--devices 0 must be at least 1"]),
        (("report", "poling_and_attention"), ["nearest: pooling_and_attention"]),
        (("report", "/nowhere/record.json"), ["cannot be read"]),
        (("compare", "/nowhere/a", "/nowhere/b"), ["no finished run"]),
        (("compare", "/nowhere/a"), ["two or more runs"]),
        (("eval", "/nowhere/model"), ["no /nowhere/model"]),
        (("encode", "/nowhere/model", "x.txt", "--out", "x.csv"), [".npy or .jsonl"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_bad_input_is_one_sentence_and_exit_code_2(line, arguments, words):
    told = refused(line(*arguments, *(("--dry-run",) if arguments[0] in ("run", "sweep") else ())))
    assert all(word in told for word in words), told


def test_overrides_may_stand_anywhere(line, monkeypatch):
    seen = []
    monkeypatch.setitem(commands.COMMANDS, "run", lambda options: seen.append(options) or 0)
    main(["run", "--seeds", "2", "x", "a=1", "--again", "b=2"])
    (options,) = seen
    assert (options.name, options.overrides, options.seeds, options.again) == (
        "x",
        ["a=1", "b=2"],
        2,
        True,
    )


# --- looking at an experiment


def test_show(line):
    code, out, err = line("show", NAME, "temperature=0.25")
    assert (code, err) == (0, "")
    assert "Claim    Bidirectional" in out
    assert "transformer(layers=2, width=128" in out
    assert "info_nce(temperature=0.05" in out
    assert "\nArms, each with temperature=0.25\n" in out
    assert "causal-last  " in out and "mask=causal pooling=last_token" in out
    assert "bidirectional-layers beats causal-last in retrieval/ndcg@10" in out


def test_show_lists_every_field(line):
    out = line("show", NAME, "--fields")[1]
    rows = dict(row.split(maxsplit=1) for row in out.splitlines() if row.startswith("  embedder."))
    assert rows["embedder.encoder.layers"].strip() == "2"
    assert rows["embedder.pooling"].strip() == "mean"


def test_a_dry_run_shows_the_arms_and_runs_nothing(line, tmp_path):
    code, out, err = line(
        "run", NAME, "--dry-run", "--runs", str(tmp_path / "runs"), "--seeds", "3"
    )
    assert (code, err) == (0, "")
    assert f"5 arms x 3 seeds, into {tmp_path / 'runs' / NAME / 'small'}; nothing was run." in out
    assert not (tmp_path / "runs").exists()


def test_a_dry_sweep_crosses_its_axes(line):
    out = line("sweep", NAME, "mask=causal,bidirectional", "temperature=.1,.2", "--dry-run")[1]
    names = [row.split()[0] for row in out.splitlines() if row.startswith("mask=")]
    assert names == [
        f"mask={m},temperature={t}" for m in ("causal", "bidirectional") for t in (0.1, 0.2)
    ]
    assert "4 arms x 5 seeds" in out
    assert "9 arms x 5 seeds" in line(
        "sweep", NAME, "mask=causal,bidirectional", "temperature=.1,.2", "--arms", "--dry-run"
    )[1]  # fmt: skip


def test_sweep_writes_a_slurm_script(line, tmp_path):
    script = tmp_path / "job.sh"
    code, out, _ = line("sweep", NAME, "pooling=mean,latent_over_tokens(latents=2)", "layers=1",
                        "--slurm", str(script), "--seeds", "2")  # fmt: skip
    assert code == 0 and "2 tasks" in out
    text = script.read_text()
    assert "#SBATCH --array=0-1" in text
    assert "'pooling=latent_over_tokens(latents=2)' layers=1 --scale small" in text
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


def test_plan_prices_from_shapes(line):
    code, out, _ = line("plan", NAME, "--devices", "8", "--json")
    first = json.loads(out)[0]
    assert code == 0 and first["arm"] == "causal-last"
    whole, split = first["replicate"], first["fsdp"]
    assert whole["parameters"] == 4 * first["parameters"]
    assert whole["optimizer"] >= 2 * whole["parameters"]
    assert split["parameters"] < whole["parameters"] / 7
    assert split["activations"] == whole["activations"] > 0
    assert "On each of 8 devices" in line("plan", NAME, "--devices", "8")[1]


# --- running


def record(**more) -> dict:
    metrics = {"retrieval/ndcg@10": 0.4, "sts/spearman": 0.5}
    seeds = [{"seed": seed, "metrics": metrics} for seed in (0, 1)]
    arm = {"overrides": {}, "fingerprint": "0" * 8, "parameters": 10, "flops": 20, "seeds": seeds}
    return {
        "format": 1, "experiment": NAME, "papers": [101], "scale": "small", "date": "2030-01-01",
        "commit": "abc", "versions": {"jax": "0"}, "data": {}, "arms": {"causal-last": arm},
        "controls": {}, "claims": [], "verdict": None, "failed": [], **more,
    }  # fmt: skip


@pytest.fixture
def ran(monkeypatch, tmp_path):
    """`execution.run` replaced: notes what it was given and returns a record."""
    from jaxemb import execution

    calls = SimpleNamespace(named=None, chosen=None, record=record(), error=None)

    def run(named, chosen, emit):
        calls.named, calls.chosen = named, chosen
        emit({"event": "preparing", "arms": ["causal-last"], "seeds": (0, 1)})
        emit({"event": "failed", "arm": "causal-last", "seed": 1, "error": "loss is nan"})
        if calls.error:
            raise calls.error
        folder = execution.folder_of(chosen, named.name)
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(json.dumps(calls.record))
        return calls.record

    monkeypatch.setattr(execution, "run", run)
    monkeypatch.chdir(tmp_path)
    return calls


def test_run_prints_the_table_and_writes_the_report(line, ran, tmp_path):
    code, out, err = line("run", NAME, "temperature=0.2", "--seeds", "2", "--jobs", "3")
    assert code == 0
    assert "causal-last" in out and "0.400" in out
    variant = tmp_path / "runs" / NAME / "small" / "variants" / "temperature=0.2"
    assert (variant / "report.html").exists() and ran.chosen.variant == "temperature=0.2"
    assert ran.chosen.overrides == (("temperature", "0.2"),)
    assert (ran.chosen.seeds, ran.chosen.jobs, ran.chosen.again) == (2, 3, False)
    assert "1 arms x 2 seeds" in err and "FAILED, loss is nan" in err
    assert line("report", NAME)[0] == 0


def test_a_failed_arm_shows_in_the_exit_code(line, ran):
    ran.record = record(failed=[{"arm": "causal-last", "seed": 1, "error": "loss is nan"}])
    code, _, err = line("run", NAME)
    assert code == 1
    assert "failed  causal-last seed 1: loss is nan" in err


def test_sweep_leaves_the_own_arms_out_with_their_claims(line, ran):
    assert line("sweep", NAME, "layers=1,2")[0] == 0
    experiment = ran.named.experiment
    assert [arm.name for arm in experiment.arms] == ["layers=1", "layers=2"]
    assert experiment.claims == () and ran.chosen.overrides == ()


def test_sweep_with_the_own_arms_keeps_the_claims(line, ran):
    assert line("sweep", NAME, "layers=1", "--arms")[0] == 0
    experiment = ran.named.experiment
    assert [arm.name for arm in experiment.arms][-2:] == ["bidirectional-layers", "layers=1"]
    assert len(experiment.claims) == 2


def test_an_interrupted_run_says_how_to_go_on(line, ran):
    ran.error = KeyboardInterrupt()
    code, _, err = line("run", NAME)
    assert code == 130
    assert "interrupted; finished seeds are kept: the same command again goes on" in err


def test_a_request_to_end_is_taken_like_an_interrupt():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), commands._gentle_end():
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_reader_that_has_gone_is_no_error():
    command = f"{sys.executable} -m jaxemb papers | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] in ("0", "141")


TOY = """\"\"\"Does the command line hold together?\"\"\"
import dataclasses

from jaxemb import Experiment, experiment, grid, recipes
from jaxemb.evaluation import STS


@experiment()
def toy():
    base = dataclasses.replace(recipes.pair_retriever(), evaluation=(STS(),))
    return Experiment(base=base, arms=grid(pooling=("mean", "max")), controls=())
"""


def test_from_run_to_vectors(line, tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text(TOY)
    monkeypatch.chdir(tmp_path)
    run = ("run", "toy", "--experiments", "toy.py", "--scale", "smoke", "--jobs", "1")
    code, out, err = line(*run)
    assert code == 0, err
    assert "pooling=mean seed 0: scoring" in err and "pooling=max" in out
    first, second = sorted((tmp_path / "runs/toy/smoke").glob("pooling=*"))
    assert "pooling=max seed 0: finished before" in line(*run)[2]

    code, out, _ = line("compare", str(first), str(second))
    assert code == 0 and "embedder.pooling  max  mean\n" in out
    assert "sts/spearman" in out and "of one seed each" in out

    printed = line("eval", str(first / "seed-0"), "--json")[1]
    scores = json.loads(printed)["scores"]
    (tmp_path / "printed.json").write_text(printed)
    code, out, _ = line("compare", str(first), "printed.json", "--json")
    assert code == 0 and json.loads(out)["metrics"][0]["effect"] == pytest.approx(0, abs=1e-6)
    told = json.loads((first / "seed-0" / "scores.json").read_text())
    assert scores == pytest.approx(told, abs=1e-6)

    (tmp_path / "texts.txt").write_text("join strings\n\nsort a list\n")
    assert (
        line("encode", str(first / "seed-0"), "texts.txt", "--dim", "4", "--out", "v.npy")[0] == 0
    )
    vectors = np.load("v.npy")
    assert vectors.shape == (3, 4)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)
    code, out, _ = line("report", "toy", "--scale", "smoke", "--out", "page")
    assert code == 0 and (tmp_path / "page" / "report.html").exists()


# --- eval of suites


@pytest.fixture
def saved(tmp_path, monkeypatch) -> Path:
    """A model of random weights, and a cache and a working folder of the test's own."""
    from tests import toy

    monkeypatch.setenv("JAXEMB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return toy.model().save(tmp_path / "tiny")


def write_sets(folder: Path) -> None:
    folder.mkdir()
    rows = "".join(f"text {n}\tother text {n % 5}\t{n % 3}\n" for n in range(30))
    (folder / "grades.tsv").write_text("text1\ttext2\tscore\n" + rows)
    rows = "".join(f"text {n}\t{'ab'[n % 2]}\n" for n in range(40))
    (folder / "kinds.tsv").write_text("text\tlabel\n" + rows)
    (folder / "one.tsv").write_text("text\tlabel\n" + "".join(f"t{n}\ta\n" for n in range(40)))
    (folder / "odd.tsv").write_text("first\tsecond\na\tb\n")


def test_a_suite_is_scored_kept_and_embedded_once(line, saved, tmp_path):
    write_sets(tmp_path / "sets")
    code, out, err = line("eval", str(saved), "--suite", "sets", "--json")
    found = json.loads(out)
    assert code == 1 and set(found["failed"]) == {"classification-one"}
    assert "failed  classification-one: " in err and "two classes" in err
    assert found["speed"]["embedded"] > 50 and found["speed"]["tokens"] > 50
    assert set(found["types"]) == {"sts", "classification"} and found["mean"] is not None
    assert list(found["passed_over"]) == ["sets/odd.tsv"]
    assert found["settings"]["query"]["max_tokens"] == 6
    assert found["embedder"]["pooling"] == {"part": "jaxemb.pooling.Mean"}
    assert {"jax", "numpy"} <= set(found["versions"]) and len(found["data"]) == 3
    written = Path(found["written"])
    assert written.parts[:2] == ("runs", "eval") and json.loads(written.read_text())["scores"]
    records = np.load(written.parent / "examples" / "sts-grades.npz")
    assert len(records["prediction"]) == 30

    again = json.loads(line("eval", str(saved), "--suite", "sets", "--json")[1])
    assert again["speed"]["embedded"] == 0 and again["scores"] == found["scores"]
    plain = json.loads(line("eval", str(saved), "--suite", "sets", "--json", "--no-store")[1])
    assert plain["scores"] == pytest.approx(found["scores"], abs=1e-6)
    assert plain["speed"]["embedded"] > 50

    part = json.loads(line("eval", str(saved), "--suite", "sets", "--tasks", "sts/", "--json")[1])
    assert list(part["data"]) == ["sts-grades"] and part["written"] != found["written"]
    assert json.loads(written.read_text())["data"] == found["data"], "the whole suite's is kept"

    code, out, _ = line("cache")
    assert code == 0 and "tiny" in out and "of 4 GB" in out
    assert line("cache", "--clear", found["weights"][:8])[1].startswith("removed 2 files")
    assert "no vectors are kept" in line("cache")[1]


def test_a_suite_as_a_table(line, saved, tmp_path):
    write_sets(tmp_path / "sets")
    code, out, err = line("eval", str(saved), "--suite", "sets/grades.tsv", "--max-tokens", "4")
    assert code == 0 and "1/1 sts-grades: spearman" in err and "tokens/s" in err
    rows = [row.split() for row in out.splitlines()]
    assert rows[0] == ["task", "type", "metric", "score", "examples"]
    assert rows[1][:3] == ["sts-grades", "sts", "spearman"] and rows[1][4] == "30"
    assert "mean over data sets" in out and "+4-tokens/results.json" in out
    for arguments, words in (
        (("--families", "sts"), "name one with --suite"),
        (("--suite", "sets", "--tasks", "sts-grade"), "nearest: sts-grades"),
        (("--suite", "sets", "--families", "stss"), "no family stss"),
        (("--suite", "sets", "--contamination", "tiny"), "no run in tiny"),
    ):
        assert words in refused(line("eval", str(saved), *arguments))


# --- encode


class Toy:
    """Stands for a trained model: two numbers a text."""

    def encode(self, texts, **settings):
        self.settings = settings
        return np.array([[len(text), 1 / 3] for text in texts], np.float32).reshape(-1, 2)


@pytest.fixture
def toy(monkeypatch):
    from jaxemb import encoding

    model = Toy()
    monkeypatch.setattr(encoding, "load", lambda path: model)
    return model


def test_encode_prints_json_lines_in_order(line, toy, tmp_path):
    source = tmp_path / "texts.txt"
    source.write_bytes("ab\n\nçé\f!\r\n".encode())
    code, out, _ = line("encode", "m", str(source), "--dim", "2", "--batch-size", "7")
    rows = [json.loads(row) for row in out.splitlines()]
    assert code == 0
    assert [row["text"] for row in rows] == ["ab", "", "çé\f!"]
    assert [row["vector"][0] for row in rows] == [2, 0, 4]
    assert np.float32(rows[0]["vector"][1]) == np.float32(1 / 3)
    assert toy.settings["dim"] == 2 and toy.settings["batch_size"] == 7


def test_encode_writes_files(line, toy, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"one\nthree\n")))
    out = tmp_path / "vectors.npy"
    assert line("encode", "m", "--out", str(out)) == (0, "", "")
    assert np.load(out).tolist() == [[3, np.float32(1 / 3)], [5, np.float32(1 / 3)]]
    assert os.listdir(tmp_path) == ["vectors.npy"]
    source = tmp_path / "texts.txt"
    source.write_text("one\n")
    assert line("encode", "m", str(source), "--out", str(tmp_path / "v.jsonl"))[0] == 0
    assert json.loads((tmp_path / "v.jsonl").read_text())["text"] == "one"


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "does not exist"), (b"", "is empty"), (b"a\0b", "binary"), (b"\xff\xfea", "not UTF-8")],
)
def test_encode_refuses_what_is_no_text(line, toy, tmp_path, monkeypatch, content, words):
    source = tmp_path / "texts.txt"
    if content is not None:
        source.write_bytes(content)
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
        assert words in refused(line("encode", "m"))
    assert words in refused(line("encode", "m", str(source)))


def test_encode_says_where_it_cannot_write(line, toy, tmp_path):
    source = tmp_path / "texts.txt"
    source.write_text("one\n")
    told = refused(line("encode", "m", str(source), "--out", str(tmp_path / "no" / "v.npy")))
    assert "cannot be written: No such file or directory" in told


# --- what a person sees while it runs


STEP = {
    "event": "step", "arm": "a", "seed": 0, "step": 5, "loss": 1.25,
    "tokens_per_second": 1234.5, "padding_efficiency": 0.875, "seconds_left": 65.0,
}  # fmt: skip


def test_plain_lines_tell_every_event_but_not_every_step():
    out = io.StringIO()
    with console.watch(out) as emit:
        for step in range(5, 10):
            emit({**STEP, "step": step})
        emit({"event": "skipped", "arm": "a", "seed": 1, "other_code": "abc"})
        emit(
            {"event": "done", "arm": "a", "seed": 0, "seconds": 61, "scores": {"sts/spearman": 0.5}}
        )
    assert out.getvalue().splitlines() == [
        "a seed 0: step 5  loss 1.250  1,234 tokens/s  88% real  1:05 left",
        "a seed 1: finished before, made by other code (abc); --again reruns it",
        "a seed 0: sts/spearman 0.500, 1:01",
    ]


def test_bars_are_drawn_in_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    out = Terminal()
    with console.watch(out) as emit:
        emit({"event": "preparing", "arms": ["a"], "seeds": (0, 1)})
        emit(STEP)
        emit({"event": "failed", "arm": "a", "seed": 0, "error": "loss is nan"})
    assert "a seed 0: FAILED, loss is nan" in out.getvalue()
    assert "all seeds" in out.getvalue()


def test_columns_line_up():
    assert console.columns([("a", "bb", "c"), ("aaa", "b", "cc")]) == "a    bb  c\naaa  b   cc"
    assert console.columns([]) == ""


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0, "0"), (999, "999"), (1_480_000, "1.48M"), (4.1e13, "41T")]
)
def test_amounts(value, text):
    assert console.amount(value) == text
