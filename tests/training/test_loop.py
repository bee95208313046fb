"""The loop: it learns, reports, compiles once a shape, refuses early, stops at once on NaN."""

import dataclasses
import signal
import sys
import threading
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
import toy

from jaxemb.adaptation import LoRA
from jaxemb.config import Part, UsageError, from_json, to_json
from jaxemb.data import Columns, LengthBucketed, Pairs, Shuffled, Source
from jaxemb.losses import InfoNCE, LayerWise, Loss, Term, column, row_weights
from jaxemb.model import Model
from jaxemb.runtime import Jit, Pmap, Runtime, fsdp_spec
from jaxemb.text import WordPiece
from jaxemb.training import (
    SGD,
    AdamW,
    Diverged,
    Full,
    GradCache,
    Microbatch,
    Moving,
    Objective,
    Rematerialize,
    Steps,
    Train,
    train,
)
from jaxemb.training.gradients import joined, strided
from jaxemb.training.loop import computed_in
from jaxemb.training.objective import examples

ONE = Runtime(devices=Jit(limit=1))


def stage(**changes) -> Train:
    options = {
        "data": toy.RandomTexts(),
        "loss": InfoNCE(),
        "optimizer": AdamW(),
        "budget": Steps(4),
    }
    return Train(**(options | changes))


def run(stage: Train, model=None, **options) -> tuple:
    """(trained model, reports)."""
    reports: list[dict] = []
    options = {
        "runtime": ONE,
        "seed": 0,
        "key": jax.random.key(1),
        "report": reports.append,
    } | options
    return train(model or toy.model(), stage, **options), reports


def same(a, b) -> bool:
    return all(map(np.array_equal, jax.tree.leaves(a.params), jax.tree.leaves(b.params)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class OneBatch(toy.RandomTexts):
    """The same batch for ever, which can be learned by heart."""

    def batches(self, tokenizer, *, seed):
        first = next(super().batches(tokenizer, seed=seed))
        first |= {
            n: np.arange(self.batch_size, dtype=np.int32) for n in ("query_id", "positive_id")
        }
        del first["negatives_id"], first["weight"]

        class Batches(toy.RandomBatches):
            def __next__(self):
                self.position += 1
                return first

        return Batches(self.batch_size, seed)


def test_a_step_counts_the_products_of_its_own_shapes():
    model = toy.model()
    layers, width, rows = 2, 32, 32

    def of_a_text(tokens: int) -> int:
        dense = 2 * tokens * (4 * width * width + 2 * width * 4 * width)
        return layers * (dense + 2 * 2 * tokens * tokens * width)

    batches = toy.RandomTexts().batches(None, seed=0)
    shapes = [{n: x.ids.shape for n, x in next(batches).items() if hasattr(x, "ids")} for _ in "ab"]
    reads = InfoNCE().reads
    expected = [
        3 * sum(np.prod(s[:-1]) * of_a_text(s[-1]) for n, s in one.items() if n in reads)
        for one in shapes
    ]
    _, reports = run(stage(budget=Steps(2)), model)
    # The sum over the mask of the mean pooling is a product too.
    assert [r["flops"] for r in reports] == pytest.approx(expected, rel=0.01)
    assert reports[0]["flops"] > 3 * rows * of_a_text(1)
    assert reports[-1]["flops_per_second"] > 0


def test_a_step_with_weights_that_stay_counts_no_gradients_of_theirs():
    layers, w, rank = 2, 32, 2
    dense = {"query": (w, w), "key": (w, w), "value": (w, w), "output": (w, w)}
    dense |= {"expand": (w, 4 * w), "narrow": (4 * w, w)}

    def of_a_text(tokens: int) -> int:
        count = 0
        for layer in range(layers):
            for name, (a, b) in dense.items():
                # Nothing that moves stands before the first layer: no gradient of what it reads.
                first = layer == 0 and name in ("query", "key", "value")
                count += (1 if first else 2) * a * b
                count += 3 * rank * (a + b) - (rank * a if first else 0)
            count += 3 * 2 * tokens * w  # both sides of a score depend on what moves
        return 2 * tokens * count

    first = next(toy.RandomTexts().batches(None, seed=0))
    expected = sum(
        np.prod(first[n].ids.shape[:-1]) * of_a_text(first[n].ids.shape[-1])
        for n in InfoNCE().reads
        if n in first
    )
    trains = LoRA(rank=rank, alpha=2.0, targets=("encoder",))
    _, reports = run(stage(budget=Steps(1), trains=trains), toy.model())
    assert reports[0]["flops"] == pytest.approx(expected, rel=0.02)


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


def test_one_compilation_a_shape():
    class Two(toy.RandomBatches):
        def __next__(self):
            batch = super().__next__()
            if self.position % 2:
                batch["positive"] = jax.tree.map(lambda x: x[:, :4], batch["positive"])
            return batch

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Data(toy.RandomTexts):
        def batches(self, tokenizer, *, seed):
            return Two(self.batch_size, seed)

    loss = InfoNCE(temperature=0.123)  # a program that no other test has compiled
    _, reports = run(stage(data=Data(), loss=loss, budget=Steps(6)))
    assert [r["compilations"] for r in reports] == [1, 2, 2, 2, 2, 2]
    # Another rate, budget, key and seed are inputs of the same programs.
    again = stage(data=Data(), loss=loss, budget=Steps(4), optimizer=AdamW(learning_rate=0.1))
    _, reports = run(again, key=jax.random.key(7), seed=3)
    assert {r["compilations"] for r in reports} == {0}


@pytest.mark.parametrize(
    ("order", "temperature"), [(Shuffled(), 0.234), (LengthBucketed(window=4), 0.345)]
)
def test_nothing_is_compiled_after_the_first_epoch_of_shapes(order, temperature):
    class Told(Source):
        def records(self, split):
            draw = np.random.default_rng(0)
            texts = [" ".join(["word"] * n) for n in draw.integers(1, 30, (96, 2)).ravel()]
            pairs = zip(texts[::2], texts[1::2], strict=True)
            return [{"query": q, "positive": f"{n} {p}"} for n, (q, p) in enumerate(pairs)]

        def fingerprint(self):
            return "told"

    data = Pairs(source=Told(), view=Columns(), batch_size=8, order=order)
    text = WordPiece(vocabulary=toy.VOCABULARY, max_tokens=32)
    network = dataclasses.replace(toy.embedder(layers=1), text=text)
    model = Model.create(network, jax.random.key(0))
    model = dataclasses.replace(model, tokenizer=text.train(data.texts()))
    loss = InfoNCE(temperature=temperature)  # a program that no other test has compiled
    _, reports = run(stage(data=data, loss=loss, budget=Steps(36)), model)
    epoch = 12
    counts = [r["compilations"] for r in reports]
    assert 1 <= counts[epoch - 1] <= 3 and set(counts[epoch - 1 :]) == {counts[epoch - 1]}


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
    start = toy.model()
    assert same(run(stage(budget=Steps(0)), start)[0], start)


@pytest.mark.parametrize(
    "gradients, rows", [(Full(), 16), (GradCache(chunk=4), 16), (Microbatch(pieces=4), 4)]
)
def test_the_first_step_tells_how_many_negatives_a_row_has(gradients, rows):
    """Of a batch without weights and duplicates, as many as the loss sees beside the row's own."""

    class Different(Source):
        def records(self, split):
            return [{"query": f"{n} word", "positive": f"word {n}"} for n in range(32)]

        def fingerprint(self):
            return "different"

    data = Pairs(source=Different(), view=Columns(), batch_size=16)
    text = WordPiece(vocabulary=toy.VOCABULARY, max_tokens=32)
    model = Model.create(dataclasses.replace(toy.embedder(layers=1), text=text), jax.random.key(0))
    model = dataclasses.replace(model, tokenizer=text.train(data.texts()))
    first, second = run(stage(data=data, gradients=gradients, budget=Steps(2)), model)[1]
    assert first["negatives_per_row"] == rows - 1 and "negatives_per_row" not in second


def test_microbatches_are_the_mean_of_their_own_gradients():
    model, loss, key = toy.model(), InfoNCE(), jax.random.key(5)
    objective = Objective(model.embedder, loss)
    batch = jax.tree.map(jnp.asarray, next(toy.RandomBatches(32, 0)))
    rows = examples(batch, loss, key, None)
    moving = Moving(model.params, {})
    (value, _), whole = jax.jit(lambda p: Microbatch(pieces=4)(objective, p, rows, key))(moving)
    full = jax.jit(lambda p, piece: Full()(objective, p, piece, key))
    pieces = [jax.tree.map(lambda x, m=m: x[m::4], rows) for m in range(4)]
    parts = [full(moving, piece) for piece in pieces]
    # Rows have uneven weights: each piece counts by the weight of its rows.
    share = np.array([piece.labels["weight"].sum() for piece in pieces])
    share = share / share.sum()
    np.testing.assert_allclose(value, share @ [part[0][0] for part in parts], rtol=1e-6)
    for name in ("tokens", "encoder"):
        trees = (whole.network[name], *(part[1].network[name] for part in parts))
        whole_norm = optax.tree.norm(trees[0])
        for mean, *each in zip(*map(jax.tree.leaves, trees), strict=True):
            expected = np.tensordot(share, np.array(each), axes=1)
            # A bias whose true gradient is 0 has rounding alone: it is measured by the whole.
            size = max(np.linalg.norm(expected), 1e-2 * whole_norm)
            assert np.linalg.norm(mean - expected) <= 1e-5 * size


def test_microbatches_of_a_loss_by_rows_are_the_whole_batch():
    """Weights of 1, 0, 1, 0, ... fall on one of two pieces alone."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class ByRow(Loss):
        vectors = ("query",)

        def __call__(self, columns, *, key, axis=None):
            value = column(columns, "query", "rows dim")[:, 0]
            return {"value": Term(value, row_weights(columns, len(value)))}

    model, key = toy.model(dropout=0.0), jax.random.key(5)
    batch = jax.tree.map(jnp.asarray, next(toy.RandomBatches(32, 0)))
    batch["weight"] = (jnp.arange(32) % 2).astype(jnp.float32)
    loss = ByRow()
    rows = examples(batch, loss, key, None)
    moving = Moving(model.params, {})
    objective = Objective(model.embedder, loss)
    found = [
        jax.jit(lambda p, method=method: method(objective, p, rows, key))(moving)
        for method in (Full(), Microbatch(pieces=2), GradCache(chunk=8))
    ]
    for other in found[1:]:
        for a, b in zip(*map(jax.tree.leaves, (found[0], other)), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_rematerialisation_keeps_blocks_only_and_changes_no_gradient():
    model, loss, key = toy.model(), InfoNCE(), jax.random.key(5)
    objective = Objective(model.embedder, loss)
    batch = jax.tree.map(jnp.asarray, next(toy.RandomBatches(32, 0)))
    rows = examples(batch, loss, key, None)
    moving = Moving(model.params, {})
    programs = {
        name: jax.jit(lambda p, method=method: method(objective, p, rows, key)).lower(moving)
        for name, method in {"full": Full(), "less": Rematerialize()}.items()
    }
    results = {name: program.compile()(moving) for name, program in programs.items()}
    for a, b in zip(*map(jax.tree.leaves, results.values()), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    products = {name: p.as_text().count("dot_general") for name, p in programs.items()}
    assert products["less"] > products["full"]


def test_strided_pieces_hold_every_nth_row_and_join_again():
    x = jnp.arange(24).reshape(12, 2)
    pieces = strided({"x": x}, 3)["x"]
    assert pieces.shape == (3, 4, 2) and (pieces[1] == x[1::3]).all()
    assert (joined({"x": pieces})["x"] == x).all()


def test_dropout_keys_belong_to_rows_and_columns():
    batch = next(toy.RandomBatches(8, 0))
    keys = examples(batch, InfoNCE(), jax.random.key(0), None).keys
    words = [np.asarray(jax.random.key_data(k)).reshape(-1, 2) for k in keys.values()]
    everything = np.concatenate(words)
    assert keys["negatives"].shape == (8, 2)
    assert len(np.unique(everything, axis=0)) == len(everything) == 32


@pytest.mark.parametrize("length", [toy.TOKENS, 4])
def test_columns_embedded_together_or_apart_are_as_each_by_itself(length):
    model, key = toy.model(dropout=0.0), jax.random.key(0)
    batch = jax.tree.map(jnp.asarray, next(toy.RandomBatches(8, 0)))
    batch["positive"] = jax.tree.map(lambda x: x[:, :length], batch["positive"])
    loss = LayerWise(inner=InfoNCE())
    rows = examples(batch, loss, key, None)
    found = jax.jit(Objective(model.embedder, loss).embed)(model.params, rows)
    depths = jax.jit(model.embedder.depths)
    for name in ("query", "positive"):
        np.testing.assert_allclose(
            found[name].vectors, depths(model.params, batch[name]), atol=1e-5
        )
    first = jax.tree.map(lambda x: x[:, 1], batch["negatives"])
    assert found["negatives"].vectors.shape == (8, 2, 2, 32)
    np.testing.assert_allclose(
        found["negatives"].vectors[:, 1], depths(model.params, first), atol=1e-5
    )


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


class Memory:
    """Checkpoints in memory."""

    def __init__(self, every: int):
        self.every, self.saved, self.waited = every, {}, 0

    def save(self, step, state, extra):
        self.saved[step] = (jax.tree.map(np.array, state), extra)

    def resume(self, like):
        step = max(self.saved, default=None)
        return None if step is None else (step, *self.saved[step])

    def wait(self):
        self.waited += 1


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
        run(stage(budget=Steps(50)), checkpoints=kept, report=interrupt)
    (step,) = kept.saved
    assert 2 <= step <= 4 and kept.waited
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    resumed, _ = run(stage(budget=Steps(50)), checkpoints=kept)
    assert same(resumed, run(stage(budget=Steps(50)))[0])


def test_a_second_ctrl_c_interrupts_at_once(usual_ctrl_c):
    def twice(metrics):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(stage(budget=Steps(50)), checkpoints=Memory(every=100), report=twice)


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


def test_rows_that_are_in_memory_at_a_time():
    methods = {
        Full(): 64,
        Microbatch(pieces=4): 16,
        GradCache(chunk=8): 8,
        GradCache(chunk=128): 64,
        Microbatch(pieces=2, inner=GradCache(chunk=8)): 8,
        Rematerialize(inner=GradCache(chunk=16)): 16,
    }
    assert {method: method.at_once(64) for method in methods} == methods
