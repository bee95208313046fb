"""What the loop counts: operations, negatives, programs that it compiles, rows in memory."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxemb.adaptation import LoRA
from jaxemb.data import Columns, LengthBucketed, Pairs, Shuffled, Source
from jaxemb.losses import InfoNCE
from jaxemb.model import Model
from jaxemb.text import WordPiece
from jaxemb.training import AdamW, Full, GradCache, Microbatch, Rematerialize, Steps
from tests import toy
from tests.training.stages import run, stage


@dataclasses.dataclass(frozen=True, kw_only=True)
class Told(Source):
    """Pairs of texts given in code."""

    pairs: tuple[tuple[str, str], ...]

    def records(self, split):
        return [{"query": query, "positive": positive} for query, positive in self.pairs]

    def fingerprint(self):
        return "told"


def reader(data: Pairs) -> Model:
    """A model of one layer with a tokenizer of these texts."""
    text = WordPiece(vocabulary=toy.VOCABULARY, max_tokens=32)
    network = dataclasses.replace(toy.embedder(layers=1), text=text)
    model = Model.create(network, jax.random.key(0))
    return dataclasses.replace(model, tokenizer=text.train(data.texts()))


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
    lengths = np.random.default_rng(0).integers(1, 30, (96, 2)).tolist()
    pairs = tuple(("word " * q, f"{n} " + "word " * p) for n, (q, p) in enumerate(lengths))
    data = Pairs(source=Told(pairs=pairs), view=Columns(), batch_size=8, order=order)
    loss = InfoNCE(temperature=temperature)  # a program that no other test has compiled
    _, reports = run(stage(data=data, loss=loss, budget=Steps(36)), reader(data))
    epoch = 12
    counts = [r["compilations"] for r in reports]
    assert 1 <= counts[epoch - 1] <= 3 and set(counts[epoch - 1 :]) == {counts[epoch - 1]}


@pytest.mark.parametrize(
    "gradients, rows", [(Full(), 16), (GradCache(chunk=4), 16), (Microbatch(pieces=4), 4)]
)
def test_the_first_step_tells_how_many_negatives_a_row_has(gradients, rows):
    """Of a batch without weights and duplicates, as many as the loss sees beside the row's own."""
    different = Told(pairs=tuple((f"{n} word", f"word {n}") for n in range(32)))
    data = Pairs(source=different, view=Columns(), batch_size=16)
    short = stage(data=data, gradients=gradients, budget=Steps(2))
    first, second = run(short, reader(data))[1]
    assert first["negatives_per_row"] == rows - 1 and "negatives_per_row" not in second


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
