"""Logs beside metrics.jsonl: what is written, that a resumed run goes on, and absent packages."""

import json
import sys
import types

import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.study.execution import Options
from jaxemb.study.loggers import About, TensorBoard, WeightsAndBiases, both, opened
from jaxemb.study.run_files import read_curve, read_scores
from tests import toy_runs

ABOUT = About("toy", "small", "mean", 0, {"seed": 0})
CURVE = [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.5}, {"step": 2, "sts/spearman": 0.5}]


class Writer:
    """What tensorboardX has, in memory."""

    made: list["Writer"] = []

    def __init__(self, logdir, purge_step=None):
        self.logdir, self.purge_step, self.scalars, self.closed = logdir, purge_step, [], False
        Writer.made.append(self)

    def add_scalar(self, name, value, step):
        self.scalars.append((name, value, step))

    def close(self):
        self.closed = True


class Run:
    """What wandb has, in memory."""

    made: list["Run"] = []

    def __init__(self, **given):
        self.given, self.logged, self.summary, self.finished = given, [], {}, False
        Run.made.append(self)

    def log(self, values, step):
        self.logged.append((step, values))

    def finish(self):
        self.finished = True


@pytest.fixture(autouse=True)
def packages(monkeypatch):
    Writer.made, Run.made = [], []
    fakes = {"tensorboardX": {"SummaryWriter": Writer}, "wandb": {"init": Run}}
    for name, held in fakes.items():
        monkeypatch.setitem(sys.modules, name, types.SimpleNamespace(**held))


def logged(loggers, folder, fails=False):
    told = []
    with opened(loggers, folder, ABOUT) as log:
        report = both(told.append, log)
        for metrics in CURVE:
            report(metrics)
        if fails:
            raise FloatingPointError
        log.finish({"sts/spearman": 0.6})
    return told


def test_curves_and_final_scores_reach_every_log(tmp_path):
    assert logged([TensorBoard(), WeightsAndBiases(project="p")], tmp_path) == CURVE
    (writer,), (run,) = Writer.made, Run.made
    assert writer.scalars == [
        ("loss", 2.0, 1), ("loss", 1.5, 2), ("sts/spearman", 0.5, 2), ("final/sts/spearman", 0.6, 2),
    ]  # fmt: skip
    assert writer.logdir == str(tmp_path / "tensorboard") and writer.purge_step == 1
    assert run.logged == [(1, {"loss": 2.0}), (2, {"loss": 1.5}), (2, {"sts/spearman": 0.5})]
    assert run.summary == {"final/sts/spearman": 0.6} and run.given["project"] == "p"
    assert run.given["config"]["recipe"] == {"seed": 0} and run.given["resume"] == "allow"
    assert writer.closed and run.finished


def test_a_run_that_fails_is_closed_without_scores(tmp_path):
    with pytest.raises(FloatingPointError):
        logged([TensorBoard(), WeightsAndBiases()], tmp_path, fails=True)
    assert Writer.made[0].closed and Run.made[0].finished and not Run.made[0].summary


def test_the_same_run_has_the_same_id_and_another_folder_another(tmp_path):
    for place in ("a", "a", "b"):
        logged([WeightsAndBiases()], tmp_path / place)
    one, again, other = (run.given["id"] for run in Run.made)
    assert one == again != other


@pytest.mark.parametrize(
    ("logger", "extra"), [(TensorBoard(), "tensorboard"), (WeightsAndBiases(), "wandb")]
)
def test_an_absent_package_is_one_sentence_that_names_the_extra(logger, extra, monkeypatch):
    for name in ("tensorboardX", "wandb"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=rf"pip install 'jaxemb\[{extra}\]'"):
        logger.check()


def test_a_runs_log_is_its_curve_and_its_scores(tmp_path):
    options = {"logs": (TensorBoard(),)}
    toy_runs.run(tmp_path, options=options, seeds=(0,))
    assert len(Writer.made) == 2  # arms
    for folder, writer in zip(toy_runs.folders(tmp_path), _sorted(Writer.made), strict=True):
        curve = [
            (name, value, line["step"])
            for line in read_curve(folder)
            for name, value in line.items()
            if name != "step"
        ]
        final = [s for s in writer.scalars if s[0].startswith("final/")]
        assert writer.scalars == [*curve, *final]
        assert {name.removeprefix("final/"): x for name, x, _ in final} == read_scores(folder)


def _sorted(writers):
    return sorted(writers, key=lambda writer: writer.logdir)


def test_a_log_changes_no_folder_and_travels_as_json():
    plain, logging = (
        toy_runs.jobs(Options(logs=logs))[0] for logs in ((), (WeightsAndBiases(project="p"),))
    )
    assert plain.folder == logging.folder
    sent = json.loads(json.dumps(logging.logs))
    assert list(map(from_json, sent)) == [WeightsAndBiases(project="p")]
    assert from_json(to_json(TensorBoard())) == TensorBoard()


def test_the_real_event_files_are_read_back(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorboardX")
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    logged([TensorBoard()], tmp_path)
    (file,) = (tmp_path / "tensorboard").iterdir()
    data, found = file.read_bytes(), []
    while data:  # length (8), its check (4), the event, its check (4)
        size = int.from_bytes(data[:8], "little")
        event, data = Event.FromString(data[12 : 12 + size]), data[16 + size :]
        found += [(v.tag, round(v.simple_value, 4), event.step) for v in event.summary.value]
    assert ("loss", 1.5, 2) in found and ("final/sts/spearman", 0.6, 2) in found
