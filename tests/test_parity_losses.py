"""The parity tables of losses: every loss, and every wrapper around each kind of inner loss, with
every gradient method on every layout of devices.

The network is one linear map for each width, on vectors that are drawn, so that a step is cheap; its
dropout is on. One step is compared with that of the whole batch on one device. By default a third of
the losses runs, each in one combination, and of the wrappers as many cells as it takes for every two
values of two axes to meet; `-m "slow or not slow"` runs both tables whole.
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
from jaxemb.losses import Embedded, Loss, Wrapper
from jaxemb.nn.dropout import keep_mask
from jaxemb.runtime import Jit, Pmap, Runtime
from jaxemb.training import SGD, Constant, Everything, Full, GradCache, GradientMethod, Microbatch
from jaxemb.training.state import create
from jaxemb.training.step import Compiles, Program, start
from tests.covers import pairs, pairwise
from tests.losses.compositions import INNERS, QUICK, WRAPPERS, composition
from tests.losses.samples import SAMPLES, Sample

ROWS, DEVICES, DROPOUT = 16, 4, 0.1
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
    """Dropout, one matrix for each width of vectors, and one number for what stands beside them."""

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
        own = dict.fromkeys(inputs) if keys is None else keys
        return {name: self._one(params, column, own[name]) for name, column in inputs.items()}

    def _one(self, params: Any, column: Drawn, keys: Any) -> Embedded:
        x = jnp.asarray(column.vectors)
        if keys is not None:
            x = jnp.where(keep_mask(keys, 0, x.shape[1:], DROPOUT), x / (1 - DROPOUT), 0.0)
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


def sample(name: str) -> Sample:
    """A loss by its name, or by those of a wrapper and an inner loss: `matryoshka of queue`."""
    return composition(*name.split(" of ")) if " of " in name else SAMPLES[name]


def batch_of(name: str) -> dict[str, Any]:
    """Columns in 32 bits; a quarter of the rows is filler, unevenly over devices."""
    loss, draw = sample(name)
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
    loss, network, batch = sample(name).loss, Linear(), batch_of(name)
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


# One of each class, and what gathers, draws or remembers in its own way; of losses around losses,
# those that the other table lacks.
FIRST = {type(sample.loss): name for name, sample in reversed(SAMPLES.items())}
AROUND = {type(around.loss(INNERS["triplet"])) for around in WRAPPERS.values()}
ALSO = {"all_blocks", "mixed_pairs", "queue", "guided", "own_documents"}
CHOSEN = [
    name
    for name, sample in SAMPLES.items()
    if name in ALSO or (FIRST[type(sample.loss)] == name and type(sample.loss) not in AROUND)
]


def one_combination_each() -> list:
    """Each loss with one combination; those of every fourth loss all differ."""
    return [
        pytest.param(name, *TABLE[n // 4 % len(TABLE)], id=name) for n, name in enumerate(CHOSEN)
    ]


@pytest.mark.in_turn(14)
@pytest.mark.parametrize(("name", "layout", "method"), one_combination_each())
def test_parity_of_a_loss(name, layout, method):
    compare(name, method, layout)


@pytest.mark.slow
@pytest.mark.parametrize(("layout", "method"), TABLE)
@pytest.mark.parametrize("name", SAMPLES)
def test_parity_of_every_combination(name, layout, method):
    compare(name, method, layout)


AXES = (list(WRAPPERS), list(QUICK), list(METHODS), list(LAYOUTS))
COVER = pairwise(itertools.product(*AXES))
WHOLE = itertools.product(WRAPPERS, INNERS, METHODS, LAYOUTS)


def test_every_wrapper_is_in_the_table():
    assert {cls for cls in choices(Loss).values() if issubclass(cls, Wrapper)} <= AROUND
    assert all(type(inner) in FIRST for inner in INNERS.values())


def test_in_the_cells_that_run_every_two_values_meet():
    wanted = {
        ((m, one), (n, other))
        for (m, first), (n, second) in itertools.combinations(enumerate(AXES), 2)
        for one, other in itertools.product(first, second)
    }
    assert set().union(*map(pairs, COVER)) == wanted
    assert len(COVER) == len(WRAPPERS) * len(QUICK), "no fewer cells would do"


def test_dropout_is_on_and_each_row_has_a_draw_of_its_own():
    column = Drawn(np.ones((4, 6), np.float32), None, {})
    params = Linear().init({"query": column})
    keys = jax.random.split(jax.random.key(0), 4)
    found = np.asarray(
        Linear().embed(params, {"query": column}, {}, {"query": keys})["query"].vectors
    )
    assert len(np.unique(found, axis=0)) > 1
    again = Linear().embed(params, {"query": column}, {}, {"query": keys[::-1]})["query"].vectors
    np.testing.assert_array_equal(again[::-1], found)


@pytest.mark.parametrize(("wrapper", "inner", "method", "layout"), COVER)
def test_parity_of_a_composition(wrapper, inner, method, layout):
    compare(f"{wrapper} of {inner}", method, layout)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrapper", "inner", "method", "layout"),
    [cell for cell in WHOLE if cell not in COVER],
)
def test_parity_of_every_composition(wrapper, inner, method, layout):
    compare(f"{wrapper} of {inner}", method, layout)
