"""Short stages of training, and what runs them. Not a test itself."""

import dataclasses
import functools

import jax
import numpy as np

from jaxemb.losses import InfoNCE
from jaxemb.model import Model
from jaxemb.runtime import Jit, Runtime
from jaxemb.training import AdamW, Steps, Train, train
from tests import toy

ONE = Runtime(devices=Jit(limit=1))


@functools.cache
def start() -> Model:
    """The same random parameters for every run: training leaves the model that it is given alone."""
    return toy.model()


def stage(**changes) -> Train:
    options = {
        "data": toy.RandomTexts(),
        "loss": InfoNCE(),
        "optimizer": AdamW(),
        "budget": Steps(4),
    }
    return Train(**(options | changes))


def run(stage: Train, model: Model | None = None, **options) -> tuple:
    """(trained model, reports)."""
    reports: list[dict] = []
    options = {
        "runtime": ONE,
        "seed": 0,
        "key": jax.random.key(1),
        "report": reports.append,
    } | options
    return train(model or start(), stage, **options), reports


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


def same(a: Model, b: Model) -> bool:
    return all(map(np.array_equal, jax.tree.leaves(a.params), jax.tree.leaves(b.params)))


class Memory:
    """Checkpoints in memory, by default of every step."""

    def __init__(self, every: int = 1):
        self.every, self.saved, self.waited = every, {}, 0

    def save(self, step, state, extra):
        self.saved[step] = (jax.tree.map(np.array, state), extra)

    def resume(self, like):
        step = max(self.saved, default=None)
        return None if step is None else (step, *self.saved[step])

    def wait(self):
        self.waited += 1
