"""The loop: it learns, reports, refuses early, resumes, and stops at once on NaN and Ctrl-C."""

import dataclasses
import signal
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import Part, UsageError, from_json, to_json
from jaxemb.runtime import Jit, Pmap, Runtime, fsdp_spec
from jaxemb.training import SGD, AdamW, Diverged, GradCache, Microbatch, Rematerialize, Steps
from jaxemb.training.loop import computed_in
from tests import toy
from tests.training.stages import ONE, Memory, OneBatch, run, same, stage


def test_it_learns_and_reports():
    data = OneBatch()
    before = toy.model()
    kept = jax.tree.map(np.array, before.params)
    model, reports = run(
        stage(data=data, budget=Steps(40), optimizer=AdamW(learning_rate=1e-2)), before
    )
    assert reports[-1]["loss"] < 0.5 * reports[0]["loss"]
    assert [r["step"] for r in reports] == list(range(1, 41))
    last = reports[-1]
    assert last["loss"] == pytest.approx(last["loss/query"]) and last["compilations"] == 1
    assert 0 < last["padding_efficiency"] < 1 and last["seconds_left"] == 0
    assert last["tokens_per_second"] > last["steps_per_second"] > 0
    assert reports[0]["learning_rate"] == pytest.approx(1e-2 / 4)
    # The model that was given is untouched, although the step donates its state.
    assert all(map(np.array_equal, jax.tree.leaves(before.params), jax.tree.leaves(kept)))
    assert not same(model, before)


def test_the_same_key_and_seed_give_the_same_bits_and_others_do_not():
    first, _ = run(stage())
    assert same(first, run(stage())[0])
    assert not same(first, run(stage(), key=jax.random.key(2))[0])
    assert not same(first, run(stage(), seed=1)[0])


@pytest.mark.parametrize(
    ("changes", "runtime", "message"),
    [
        ({}, Runtime(devices=Jit(limit=99)), "limit=99: this machine has"),
        ({"gradients": Microbatch(pieces=3)}, ONE, "3 pieces.*multiple of 3"),
        ({"gradients": GradCache(chunk=5)}, ONE, "chunks of 5"),
        ({"gradients": Rematerialize(inner=GradCache(chunk=5))}, ONE, "chunks of 5"),
        ({"optimizer": AdamW(freezes=("tokns",))}, ONE, "nearest: tokens"),
        ({}, Runtime(devices=Pmap(), parameters="fsdp"), "needs Jit"),
    ],
)
def test_what_cannot_run_is_refused_before_the_first_step(changes, runtime, message):
    with pytest.raises(UsageError, match=message):
        run(stage(**changes), runtime=runtime)


def test_missing_columns_and_tokenizers_are_refused():
    class Labels(toy.RandomTexts):
        columns = ("query", "label")

    with pytest.raises(UsageError, match="InfoNCE needs the column 'positive'"):
        run(stage(data=Labels()))
    with pytest.raises(UsageError, match="no tokenizer: fit one"):
        dataclasses.replace(toy.model(), tokenizer=None).tokenizer_of("query")


@pytest.mark.parametrize(
    "options", [{"parameters": "shard"}, {"dtype": "float16"}, {"checkpoint_every": 0}]
)
def test_a_runtime_takes_nothing_else(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        from_json(to_json(Runtime()) | options)
    with pytest.raises(UsageError, match="limit=0"):
        Jit(limit=0).check_rows(8)


def test_nan_stops_the_run_at_its_step():
    reports = []
    with pytest.raises(Diverged, match="loss became nan at step 3") as caught:
        run(stage(data=toy.RandomTexts(poisoned=3), budget=Steps(50)), report=reports.append)
    assert caught.value.step == 3 and len(reports) == 2


def test_evaluations_see_the_model_of_their_step():
    seen = {}

    def evaluate(step, model):
        if step % 2:
            return None
        seen[step] = model()
        return {"score": float(step)}

    final, reports = run(stage(), evaluate=evaluate)
    assert [r for r in reports if "score" in r] == [
        {"step": 2, "score": 2.0},
        {"step": 4, "score": 4.0},
    ]
    assert same(seen[4], final) and not same(seen[2], final)
    half, _ = run(stage(budget=Steps(2), optimizer=SGD()))
    assert same(half, run(stage(budget=Steps(2), optimizer=SGD()), evaluate=evaluate)[0])


def test_no_steps_is_the_same_model():
    model = toy.model()
    assert same(run(stage(budget=Steps(0)), model)[0], model)


def test_fsdp_splits_the_largest_dimension_that_divides():
    assert tuple(fsdp_spec((64, 4096), 8)) == (None, "data")
    assert tuple(fsdp_spec((4096, 63), 8)) == ("data", None)
    assert tuple(fsdp_spec((4095, 64), 8)) == (None, "data")
    assert tuple(fsdp_spec((63, 4095), 8)) == ()
    assert tuple(fsdp_spec((16,), 8)) == ()


def test_bfloat16_reaches_every_part_and_trains():
    embedder = computed_in(toy.embedder(), "bfloat16")
    assert embedder.encoder.dtype == "bfloat16" and toy.embedder().encoder.dtype == "float32"
    assert computed_in(toy.embedder(), "float32") == toy.embedder()
    runtime = dataclasses.replace(ONE, dtype="bfloat16")
    model, reports = run(stage(budget=Steps(2)), runtime=runtime)
    assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(model.params))
    plain = run(stage(budget=Steps(2)))[1]
    assert reports[0]["loss"] == pytest.approx(plain[0]["loss"], rel=0.05)
    assert reports[0]["loss"] != plain[0]["loss"]


def test_the_stage_is_json():
    everything = stage(
        gradients=Rematerialize(inner=Microbatch(pieces=2)),
        optimizer=AdamW(freezes=("tokens",), learning_rates=(("pooling", 2.0),)),
    )
    assert from_json(to_json(everything.optimizer)) == everything.optimizer
    assert from_json(to_json(everything.gradients)) == everything.gradients
    runtime = Runtime(devices=Pmap(limit=2), dtype="bfloat16")
    assert from_json(to_json(runtime)) == runtime


def test_resuming_gives_the_bits_of_an_uninterrupted_run():
    whole, _ = run(stage(budget=Steps(7)))
    kept = Memory(every=3)
    run(stage(budget=Steps(7)), checkpoints=kept)
    assert sorted(kept.saved) == [3, 6, 7]
    for last in ([3], [3, 6], [3, 6, 7]):
        again = Memory(every=3)
        again.saved = {step: kept.saved[step] for step in last}
        resumed, reports = run(stage(budget=Steps(7)), checkpoints=again)
        assert same(resumed, whole) and len(reports) == 7 - last[-1]


@pytest.fixture
def usual_ctrl_c():
    """Python's own handler, which a shell's background job starts without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_finishes_the_step_saves_it_and_is_raised(usual_ctrl_c):
    kept = Memory(every=100)

    def interrupt(metrics):
        if metrics["step"] == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(stage(budget=Steps(12)), checkpoints=kept, report=interrupt)
    (step,) = kept.saved
    assert 2 <= step <= 4 and kept.waited
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    resumed, _ = run(stage(budget=Steps(12)), checkpoints=kept)
    assert same(resumed, run(stage(budget=Steps(12)))[0])


def test_a_second_ctrl_c_interrupts_at_once(usual_ctrl_c):
    def twice(metrics):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    kept = Memory(every=100)
    with pytest.raises(KeyboardInterrupt):
        run(stage(budget=Steps(50)), checkpoints=kept, report=twice)
    assert not kept.saved, "the first one alone would have saved its step"


def test_it_runs_outside_the_main_thread():
    results = []
    worker = threading.Thread(target=lambda: results.append(run(stage(budget=Steps(1)))))
    worker.start()
    worker.join()
    assert len(results) == 1


def test_a_dtype_reaches_parts_inside_of_tuples():
    @dataclasses.dataclass(frozen=True)
    class Branches(Part):
        inner: tuple

    branches = Branches((toy.embedder().encoder, "name", 3))
    found = computed_in(branches, "bfloat16").inner
    assert found[0].dtype == "bfloat16" and found[1:] == ("name", 3)
