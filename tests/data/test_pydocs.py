import os
import re
import signal
import subprocess
import sys
import time

import pytest

from jaxemb.config import UsageError, fingerprint, from_json, to_json
from jaxemb.data import SPLITS, PyDocs, Texts, normalise, pydocs
from jaxemb.data.pydocs.installation import PACKAGES, configuration, sources
from jaxemb.data.pydocs.store import FIELDS, built

BUILD = "from jaxemb.data import PyDocs; print(PyDocs(packages=('email', 'json')).prepare())"


def everything(pydocs: PyDocs) -> list[dict]:
    return [record for split in SPLITS for record in pydocs.records(split)]


def start(cache) -> subprocess.Popen:
    environment = {**os.environ, "JAXEMB_CACHE": str(cache)}
    return subprocess.Popen(
        [sys.executable, "-c", BUILD],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_records_have_their_fields(pydocs):
    records = everything(pydocs)
    assert len(records) > 500
    assert all(tuple(record) == FIELDS and record["summary"] for record in records)
    assert {r["kind"] for r in records} == {"class", "function", "method", "module", "property"}
    assert {r["package"] for r in records} == {"python"}


def test_a_known_record(pydocs):
    (record,) = [r for r in everything(pydocs) if r["name"] == "json.loads"]
    assert record["summary"].startswith("Deserialize ``s``")
    assert record["body"].startswith("``object_hook`` is an optional function")
    assert record["code"].startswith("def loads(s, *, cls=None") and '"""' not in record["code"]
    assert "json.load" in record["neighbours"] and record["module"] == "json"


def test_names_are_unique_and_pointers_lead_to_records(pydocs):
    records = everything(pydocs)
    names = {record["name"] for record in records}
    assert len(names) == len(records)
    for record in records:
        pointers = {*record["links"], *record["neighbours"]}
        assert pointers <= names - {record["name"]}


def test_no_summary_body_or_long_code_is_in_two_splits(pydocs):
    where: dict[tuple[str, str], set[str]] = {}
    for record in everything(pydocs):
        for field, least in (("summary", 1), ("body", 1), ("code", 200)):
            if len(record[field]) >= least:
                key = (field, normalise(record[field]))
                where.setdefault(key, set()).add(record["split"])
    assert len(where) > 1000
    assert [key for key, splits in where.items() if len(splits) > 1] == []


def test_a_cluster_is_in_one_split_and_names_a_module(pydocs):
    records = everything(pydocs)
    clusters: dict[str, set[str]] = {}
    for record in records:
        clusters.setdefault(record["cluster"], set()).add(record["split"])
    assert all(len(splits) == 1 for splits in clusters.values())
    assert set(clusters) <= {record["module"] for record in records}


def test_columns_equal_what_tfds_reads(pydocs):
    for split in SPLITS:
        records, source = pydocs.records(split), pydocs.data_source(split)
        assert len(source) == len(records)
        for i in range(0, len(records), 7):
            read = source[i]
            for field, value in records[i].items():
                texts = value if isinstance(value, tuple) else (value,)
                same = read[field] if isinstance(value, tuple) else [read[field]]
                assert [bytes(t).decode() for t in same] == list(texts)


def test_records_are_a_sequence(pydocs):
    records = pydocs.records("train")
    assert records[-1] == list(records)[-1] == records[len(records) - 1]
    assert records[2:4] == [records[2], records[3]]
    assert records.column("summary")[3] == records[3]["summary"]
    with pytest.raises(IndexError):
        records[len(records)]


def test_loading_reads_what_is_asked_for_only(pydocs):
    from jaxemb.data.pydocs.store import Records

    records = Records(pydocs.prepare() / "train.npz")
    records.column("summary")
    assert set(records._columns) == {"summary"}


def test_the_fingerprint_is_that_of_the_configuration(pydocs):
    assert pydocs.fingerprint() == PyDocs(packages=pydocs.packages).fingerprint()
    assert pydocs.fingerprint() != PyDocs(packages=("json",)).fingerprint()
    assert from_json(to_json(pydocs)) == pydocs


def test_what_is_built_and_from_what_is_in_the_fingerprint_of_all_that_hold_it(monkeypatch):
    before = fingerprint(Texts(source=PyDocs()))
    monkeypatch.setattr("jaxemb.data.pydocs.VERSION", "another form")
    assert fingerprint(Texts(source=PyDocs())) != before


def test_the_configuration_names_packages_and_versions():
    import numpy

    name = configuration(("python", "numpy"))
    assert name == f"python-{sys.version.split()[0]}+numpy-{numpy.__version__}"
    assert configuration(("json",)) == f"json+on-python-{sys.version.split()[0]}"


def test_files_of_the_library_leave_out_tests_and_site_packages():
    modules = {source.module for source in sources("python")}
    assert {"json.decoder", "collections", "asyncio.tasks"} <= modules
    assert not [m for m in modules if re.search(r"(^|\.)(test|tests|idlelib|site_packages)\.", m)]


@pytest.mark.parametrize("package", ["torch", "no_such_thing", "numpy.linalg"])
def test_a_package_outside_the_list_is_refused(package):
    with pytest.raises(UsageError, match=f"cannot read '{package}'.*{PACKAGES[0]}, {PACKAGES[1]}"):
        PyDocs(packages=(package,)).records("train")


def test_an_unknown_split_is_refused(pydocs):
    with pytest.raises(UsageError, match="no split 'validation'; it has train, dev, test"):
        pydocs.records("validation")


def test_a_split_may_be_empty(cache, monkeypatch):
    monkeypatch.setenv("JAXEMB_CACHE", str(cache))
    pydocs = PyDocs(packages=("json",))
    (empty,) = [split for split in SPLITS if not pydocs.records(split)]
    assert list(pydocs.records(empty)) == pydocs.records(empty).column("name") == []
    with pytest.raises(UsageError, match=f"the split '{empty}' of json.* is empty"):
        pydocs.data_source(empty)


def test_the_build_tells_its_time_without_a_terminal(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JAXEMB_CACHE", str(tmp_path))
    PyDocs(packages=("json",)).prepare()
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = r"reading the .* …\nreading the .*: \d+ s\nwriting it …\nwriting it: \d+ s\n"
    assert re.fullmatch(lines, captured.err)


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JAXEMB_CACHE", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="cannot write the data cache .*Not a directory"):
        PyDocs(packages=("json",)).records("train")


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    def full(self):
        raise RuntimeError("Failed to finalize: No space left on device; writing train")

    monkeypatch.setenv("JAXEMB_CACHE", str(tmp_path))
    monkeypatch.setattr(tfds.core.GeneratorBasedBuilder, "download_and_prepare", full)
    with pytest.raises(UsageError, match="cannot write the data cache .*: No space left on device"):
        PyDocs(packages=("json",)).prepare()
    assert not list(tmp_path.glob("pydocs/.writing-*"))


def test_a_failed_build_leaves_nothing(tmp_path):
    def fail(folder):
        (folder / "half").write_text("")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        built(tmp_path / "corpus", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.lock"]
    assert built(tmp_path / "corpus", lambda folder: None).is_dir()


def test_two_processes_build_once(tmp_path):
    first, second = start(tmp_path), start(tmp_path)
    outputs = [process.communicate(timeout=120) for process in (first, second)]
    assert first.returncode == second.returncode == 0
    assert outputs[0][0] == outputs[1][0]
    assert sum("reading the documentation" in errors for _, errors in outputs) == 1


@pytest.mark.parametrize("moment", ["locked", "half-way"])
def test_a_build_that_was_killed_is_done_again(tmp_path, moment):
    process = start(tmp_path)
    pattern = "*.lock" if moment == "locked" else ".writing-*/pydocs/*"
    deadline = time.monotonic() + 120
    while not list((tmp_path / "pydocs").glob(pattern)):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=120)
    if moment == "half-way":
        assert list((tmp_path / "pydocs").glob(".writing-*"))
    again = start(tmp_path)
    folder, _ = again.communicate(timeout=120)
    assert again.returncode == 0
    left = {path.name for path in (tmp_path / "pydocs").iterdir()}
    name = os.path.basename(folder.strip())
    assert left == {name, f"{name}.lock"}
    assert (tmp_path / "pydocs" / name / "train.npz").is_file()


@pytest.mark.slow
def test_the_whole_corpus():
    """Built at first use in about a minute; sizes are those of the versions of late 2026."""
    pydocs = PyDocs()
    begin = time.perf_counter()
    splits = {split: list(pydocs.records(split)) for split in SPLITS}
    assert time.perf_counter() - begin < 600
    total = sum(map(len, splits.values()))
    assert 20_000 < total < 60_000
    assert 0.7 < len(splits["train"]) / total < 0.9
    summaries = {s: {normalise(r["summary"]) for r in records} for s, records in splits.items()}
    assert not summaries["train"] & summaries["test"]
    assert not summaries["train"] & summaries["dev"]
    assert not summaries["dev"] & summaries["test"]


def test_a_damaged_corpus_is_built_again(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JAXEMB_CACHE", str(tmp_path))
    source = PyDocs(packages=("json", "email"))
    before = list(source.records("train"))
    file = source.prepare() / "train.npz"
    file.write_bytes(file.read_bytes()[:1000])
    pydocs._load.cache_clear()
    assert list(source.records("train")) == before
    assert "train.npz is not what was written. It is built again." in capsys.readouterr().err
