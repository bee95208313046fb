"""Help, lists and papers, and the sentence for bad input."""

import errno
import json
import os

import pytest

import jaxemb
from jaxemb.__main__ import main
from jaxemb.cli import commands
from jaxemb.config import UsageError
from jaxemb.study import papers, registry
from jaxemb.study.verdicts import counts, read_record
from tests.cli.answers import NAME, refused


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


def test_parts_are_listed_by_their_slots(line):
    code, out, err = line("parts")
    assert (code, err) == (0, "")
    (row,) = [row for row in out.splitlines() if row.startswith("attention_mask ")]
    assert {"bidirectional,", "causal,"} <= set(row.split())
    told = json.loads(line("parts", "loss", "--json")[1])
    assert told["matryoshka"].startswith("The inner loss at")
    assert "no slot 'poling'; nearest: pooling" in refused(line("parts", "poling"))


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
        list(row) == ["number", "title", "experiment", "scale", "date", "verdict", "claims"]
        for row in rows
    )
    assert rows[42]["title"] == "2D Matryoshka Sentence Embeddings"
    assert rows[42]["experiment"] == "matryoshka_2d"
    assert rows[100]["experiment"] == "pooling_and_attention"
    assert rows[3]["experiment"] is None and rows[3]["verdict"] is None


def test_papers_read_records_and_prefer_a_verdict(tmp_path):
    def entry(name):
        return registry.Entry(
            name=name, path=tmp_path / f"{name}.py", theme="t", papers=(3,), doc=""
        )

    explored = {"format": 2, "scale": "small", "date": "2030-01-02", "verdict": None}
    claims = [{"text": "a", "verdict": "supported"}]
    judged = explored | {"claims": claims} | {"date": "2030-01-01", "verdict": "supported"}
    (tmp_path / "b_explored.json").write_text(json.dumps(explored))
    (tmp_path / "c_judged.json").write_text(json.dumps(judged))
    (tmp_path / "d_torn.json").write_text('{"scale": "sm')
    names = ("a_never", "b_explored", "c_judged", "d_torn")
    assert papers.table([entry(n) for n in names])[2] == {
        "number": 3, "title": papers.titles()[3], "experiment": "c_judged", "scale": "small",
        "date": "2030-01-01", "verdict": "supported", "claims": {"supported": 1},
    }  # fmt: skip
    assert papers.table([entry("a_never"), entry("b_explored")])[2]["experiment"] == "b_explored"
    assert papers.table([entry("d_torn")])[2]["verdict"] is None
    larger = judged | {"scale": "medium", "verdict": "contradicted"}
    (tmp_path / "c_judged.medium.json").write_text(json.dumps(larger))
    assert papers.table(map(entry, names))[2]["verdict"] == "contradicted"
    undecided = explored | {"scale": "paper"}
    (tmp_path / "c_judged.paper.json").write_text(json.dumps(undecided))
    assert papers.table(map(entry, names))[2]["scale"] == "medium"


def test_records_of_before_are_read_in_todays_words(tmp_path):
    verdicts = ("supported", "not testable at small", "supported", "contradicted")
    claims = [{"text": str(n), "verdict": verdict} for n, verdict in enumerate(verdicts)]
    old = {"format": 1, "scale": "small", "claims": claims, "verdict": "contradicted"}
    path = tmp_path / "old.json"
    path.write_text(json.dumps(old))
    found = read_record(path)
    assert found["verdict"] == "supported", "the headline's, which is the first claim"
    assert counts(found) == {"supported": 2, "contradicted": 1, "not testable": 1}
    path.write_text(json.dumps(found))
    assert read_record(path) == found
    path.write_text(json.dumps(old | {"scale": "smoke", "verdict": None}))
    assert read_record(path)["verdict"] is None
    path.write_text("[]")
    with pytest.raises(UsageError, match=r"is \[\], not an object"):
        read_record(path)


def test_papers_as_markdown(line):
    code, out, _ = line("papers", "--markdown")
    rows = out.splitlines()
    assert code == 0 and len(rows) == 121
    assert rows[1] == "|--:|:--|:--|:--|:--|:--|:--|"
    assert (
        rows[102].startswith("| 101 | Pooling And Attention")
        and "`pooling_and_attention`" in rows[102]
    )
    assert all(row.count("|") - row.count("\\|") == 8 for row in rows)


# --- bad input and overrides


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
        (("run", NAME, "temperature=hot"), ["a finite number of at least 1e-06 or", "not hot"]),
        (("run", NAME, "encoder.activation=gleu"), ["nearest: gelu", "choices: "]),
        (("run", NAME, "--scale", "huge"), ["no scale 'huge'", "smoke, small"]),
        (("run", NAME, "--seeds", "0"), ["--seeds 0 must be from 1 to 10000"]),
        (("run", NAME, "--jobs", "0"), ["--jobs 0 must be at least 1"]),
        (("run", NAME, "temperature=0.1", "--record"), ["--record keeps the experiment"]),
        (("run", NAME, "--record", "--scale", "smoke"), ["--record keeps"]),
        (("run", NAME, "--record", "--seeds", "2"), ["--record keeps", "no --seeds"]),
        (("run", NAME, "--record", "--arms", "causal-last"), ["--record keeps", "no --arms"]),
        (("run", NAME, "--arms", "casual-last"), ["no arm 'casual-last'; nearest: causal-last"]),
        (("run", NAME, "--arms", "causal-last,"), ["no arm ''"]),
        (("sweep", NAME, "layers=1,2", "--arms", "causal"), ["no arm 'causal'; nearest: causal-"]),
        (("sweep", NAME, "--arms", "layers=1,2"), ["needs an axis, before any --arms"]),
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


def test_a_full_disk_is_one_sentence_and_other_errors_stay_errors(line, monkeypatch):
    def fail(number):
        def command(options):
            raise OSError(number, os.strerror(number), "runs/x")

        return command

    monkeypatch.setitem(commands.COMMANDS, "run", fail(errno.ENOSPC))
    told = refused(line("run", NAME))
    assert "runs/x: No space left on device" in told and "finished seeds are kept" in told
    monkeypatch.setitem(commands.COMMANDS, "run", fail(errno.ECHILD))
    with pytest.raises(ChildProcessError):
        main(["run", NAME])


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
