"""The parity table of losses: every loss with every gradient method on every layout of devices.

The network is one linear map for each width, on vectors that are drawn, so that a step is cheap.
One step of each loss is compared in one combination; `-m slow` runs every sample in all of them.
"""

import dataclasses
import functools
import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxemb.config import choices
from jaxemb.losses import Embedded, Loss
from jaxemb.runtime import Jit, Pmap, Runtime
from jaxemb.training import SGD, Constant, Everything, Full, GradCache, GradientMethod, Microbatch
from jaxemb.training.state import create
from jaxemb.training.step import Compiles, Program, start
from tests.losses.samples import SAMPLES

ROWS, DEVICES = 16, 4
ONE = Runtime(devices=Jit(limit=1))
LAYOUTS = {
    "jit": Runtime(devices=Jit(limit=DEVICES)),
    "pmap": Runtime(devices=Pmap(limit=DEVICES)),
    "fsdp": Runtime(devices=Jit(limit=DEVICES), parameters="fsdp"),
}
METHODS: dict[str, GradientMethod] = {
    "full": Full(),
    "grad_cache": GradCache(chunk=8),
    "microbatch": Microbatch(pieces=2),
}
TABLE = list(itertools.product(LAYOUTS, METHODS))


class Drawn(NamedTuple):
    """A column of vectors, in the place of texts."""

    vectors: np.ndarray
    real: np.ndarray | None
    extra: dict[str, np.ndarray]

    @property
    def lead(self) -> tuple[int, ...]:
        return self.vectors.shape[:1]


@dataclasses.dataclass(frozen=True)
class Linear:
    """One matrix for each width of vectors, and one number for what stands beside them."""

    def init(self, columns: dict[str, Drawn]) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(0)
        widths = {column.vectors.shape[-1] for column in columns.values()}
        params = {f"w{d}": np.eye(d) + rng.normal(size=(d, d)) / 10 for d in sorted(widths)}
        if any(
            np.issubdtype(x.dtype, np.floating) for c in columns.values() for x in c.extra.values()
        ):
            params["extra"] = np.full(1, 0.9)
        return jax.tree.map(lambda x: x.astype(np.float32), params)

    def embed(self, params: Any, inputs: dict[str, Drawn], reads: Any, keys: Any = None) -> dict:
        return {name: self._one(params, column) for name, column in inputs.items()}

    def _one(self, params: Any, column: Drawn) -> Embedded:
        x = jnp.asarray(column.vectors)
        extra = {
            name: jnp.asarray(x) * params["extra"] if x.dtype == np.float32 else jnp.asarray(x)
            for name, x in column.extra.items()
        }
        real = None if column.real is None else jnp.asarray(column.real)
        return Embedded(x @ params[f"w{x.shape[-1]}"], real, extra)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordingSGD(SGD):
    """SGD whose state is the last gradient, so that one program gives gradient and step."""

    def direction(self, params: Any) -> optax.GradientTransformation:
        return optax.GradientTransformation(
            lambda params: jax.tree.map(np.zeros_like, params), lambda g, state, _: (g, g)
        )


def batch_of(name: str) -> dict[str, Any]:
    """Columns in 32 bits; a quarter of the rows is filler, unevenly over devices."""
    loss, draw = SAMPLES[name]
    kinds = {"i": np.int32, "f": np.float32, "b": np.bool_}
    columns = jax.tree.map(
        lambda x: x.astype(kinds[x.dtype.kind]), draw(np.random.default_rng(4), ROWS)
    )
    for column in loss.reads:
        if column in columns:
            value = columns[column]
            value = value if isinstance(value, Embedded) else Embedded(value)
            columns[column] = Drawn(value.vectors, value.real, dict(value.extra))
    return columns


@functools.cache
def outcome(name: str, method: str, layout: str | None) -> dict[str, Any]:
    """Loss, terms, gradient, parameters and memory after one step, as numpy."""
    loss, network, batch = SAMPLES[name].loss, Linear(), batch_of(name)
    runtime = ONE if layout is None else LAYOUTS[layout]
    optimizer = RecordingSGD(learning_rate=0.1, schedule=Constant(), clip=None)
    compiles = Compiles(network, loss, METHODS[method], optimizer, Everything(), runtime)
    key = jax.random.key(1)
    params = network.init({n: x for n, x in batch.items() if isinstance(x, Drawn)})
    moving, kept, memory, _ = start(network, loss, Everything(), params, batch, key)
    state = runtime.place(create(moving, memory, optimizer.transform(moving), key))
    state, metrics = Program(compiles, state, kept)(state, kept, 0.1, batch)
    return jax.device_get(
        {
            "metrics": metrics,
            "gradient": state.optimizer[1],
            "params": state.params,
            "memory": state.memory,
        }
    )


def compare(name: str, method: str, layout: str) -> None:
    ours = outcome(name, method, layout)
    # A cached gradient is that of the whole batch; microbatches are another loss, on any layout.
    theirs = outcome(name, "full" if method == "grad_cache" else method, None)
    whole = optax.tree.norm(theirs["gradient"])
    assert whole > 0
    for number, value in theirs["metrics"].items():
        np.testing.assert_allclose(ours["metrics"][number], value, rtol=2e-5, atol=1e-6)
    for tree in ("gradient", "params"):
        for (path, expected), found in zip(
            jax.tree.leaves_with_path(theirs[tree]), jax.tree.leaves(ours[tree]), strict=True
        ):
            size = max(np.linalg.norm(expected), 1e-2 * whole)
            assert np.linalg.norm(found - expected) <= 2e-5 * size, (tree, path)
    for expected, found in zip(
        jax.tree.leaves(theirs["memory"]), jax.tree.leaves(ours["memory"]), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_table_has_every_loss():
    public = {cls for cls in choices(Loss).values() if cls.__module__.startswith("jaxemb.")}
    assert public <= {type(sample.loss) for sample in SAMPLES.values()}


# One of each class, and what gathers, draws or remembers in its own way.
FIRST = {type(sample.loss): name for name, sample in reversed(SAMPLES.items())}
CHOSEN = [
    name
    for name in SAMPLES
    if name in {*FIRST.values(), "all_blocks", "mixed_pairs", "queue", "guided", "own_documents"}
]


@pytest.mark.parametrize(("number", "name"), list(enumerate(CHOSEN)), ids=CHOSEN)
def test_parity_of_a_loss(number, name):
    # Over the losses, all combinations occur equally often.
    layout, method = TABLE[number % len(TABLE)]
    compare(name, method, layout)


@pytest.mark.slow
@pytest.mark.parametrize(("layout", "method"), TABLE)
@pytest.mark.parametrize("name", SAMPLES)
def test_parity_of_every_combination(name, layout, method):
    compare(name, method, layout)
