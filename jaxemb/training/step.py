"""The one step function, and its compiled programs: one for each shape of batch."""

import dataclasses
import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float32

from jaxemb.losses import Loss
from jaxemb.runtime import Runtime, mean
from jaxemb.runtime.flops import PASSES, product_flops
from jaxemb.training.gradients import GradientMethod
from jaxemb.training.objective import Moving, Objective, examples
from jaxemb.training.optimizers import Optimizer, paths
from jaxemb.training.state import TrainState
from jaxemb.training.trainable import Trainable

Metrics = dict[str, Float32[Array, ""]]
Step = Callable[[TrainState, Any, Float32[Array, ""], dict[str, Any]], tuple[TrainState, Metrics]]


def make_step(
    objective: Objective,
    gradients: GradientMethod,
    optimizer: Optimizer,
    transform: optax.GradientTransformation,
) -> Step:
    r"""`step(state, kept, rate, batch) -> (state, metrics)`, the same for every layout of devices.

    $$g = \mathrm{mean}_{\mathrm{devices}} \nabla_\theta\, \mathrm{reduce}(\mathrm{terms}), \quad
    \theta \leftarrow \theta - \eta\, d(g)$$

    with the learning rate $\eta$ (`rate`) and the optimizer's direction $d$. Both the loss and its
    gradient are averaged over the device axis; with no axis both are no-ops. Averaging only one of
    the two is wrong, silently, under `pmap`. `kept` are the parameters that do not move.
    """

    def step(
        state: TrainState, kept: Any, rate: Float32[Array, ""], batch: dict[str, Any]
    ) -> tuple[TrainState, Metrics]:
        root = jax.random.wrap_key_data(state.key)
        rows_key, loss_key = jax.random.split(jax.random.fold_in(root, state.step))
        rows = examples(batch, objective.loss, rows_key, objective.axis)
        now = dataclasses.replace(objective, kept=kept, memory=state.memory)
        (loss, value), grads = gradients(now, state.params, rows, loss_key)
        grads = mean(grads, objective.axis)
        directions, memory = transform.update(grads, state.optimizer, state.params)
        updates = jax.tree.map(lambda x: -rate * x, directions)
        metrics = {f"loss/{name}": part for name, part in value.parts.items()}
        metrics |= {"loss": loss, "gradient_norm": optimizer.norm(grads), "learning_rate": rate}
        params = optax.apply_updates(state.params, updates)
        return TrainState(state.step + 1, params, memory, state.key, value.memory), metrics

    return step


@dataclasses.dataclass(frozen=True)
class Compiles:
    """What a program is compiled from, beside shapes: equal ones share one program.

    The learning rate, the schedule, the number of steps and the seed are inputs of the program, so
    the trials and the seeds of an arm share what is compiled.
    """

    network: Any
    loss: Loss
    gradients: GradientMethod
    optimizer: Optimizer
    trains: Trainable
    runtime: Runtime

    def objective(self) -> Objective:
        """The loss as a function of what moves."""
        return Objective(self.network, self.loss, self.trains, self.runtime.devices.axis)


class _Placed(NamedTuple):
    """A host batch, its shapes, and where it lies on the devices: one given again stays there."""

    host: Any
    shapes: Any
    placed: Any


class Program:
    """A step on a runtime's devices, compiled ahead of time, exactly once for each shape of batch.

    Attributes:
        compilations: how many programs there are.
        seconds: what compiling them took.
        flops: of the last step, as `step_flops` counts them for the shapes of its batch.
    """

    def __init__(self, what: Compiles, state: TrainState, kept: Any):
        transform = what.optimizer.transform(state.params)
        step = make_step(what.objective(), what.gradients, what.optimizer, transform)
        self.devices = what.runtime.devices
        self.compilations = self.flops = 0
        self.seconds = 0.0
        self._what, self._shapes = what, (state, kept)
        self._mapped = self.devices.mapped(
            step, what.runtime.shardings(state), what.runtime.shardings(kept)
        )
        self._compiled: dict[Any, tuple[Callable, int]] = {}
        self._last = _Placed(None, None, None)

    def __call__(
        self, state: TrainState, kept: Any, rate: float, batch: dict[str, Any]
    ) -> tuple[TrainState, Metrics]:
        """One step on a host batch; `state` is donated and must not be used again."""
        if batch is not self._last.host:
            self._last = _Placed(batch, _shapes_of(batch), self.devices.place_batch(batch))
        placed = (kept, np.float32(rate), self._last.placed)
        mark = self._last.shapes
        if mark not in self._compiled:
            flops = step_flops(self._what, state.params.network, kept, batch)
            self._compiled[mark] = self._compile(state, *placed), flops
        compiled, self.flops = self._compiled[mark]
        return compiled(state, *placed)

    def plan(self, batch: dict[str, Any]) -> Any:
        """The compiler's plan of memory for a step on a host batch, which is not run.

        It has `temp_size_in_bytes` and the like; None where the devices' compiler makes none.
        """
        shapes = jax.tree.map(
            lambda x, where: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=where),
            self._shapes,
            tuple(map(self._what.runtime.shardings, self._shapes)),
        )
        placed = self.devices.place_batch(batch)
        return self.devices.compiled(self._mapped, *shapes, np.float32(0), placed).memory_analysis()

    def _compile(self, *arguments: Any) -> Callable:
        started = time.perf_counter()
        compiled = self.devices.compiled(self._mapped, *arguments)
        self.compilations += 1
        self.seconds += time.perf_counter() - started
        return compiled


def step_flops(what: Compiles, moving: Any, kept: Any, batch: dict[str, Any]) -> int:
    """FLOPs of a step: of embedding a batch of these shapes forward and backward, padding included.

    The loss itself and recomputed activations are left out. Weights that stay have no gradient: where
    there are any, the products of the gradient are counted one by one. Of several processes, each has
    as many rows as this one's batch.
    """

    def embed(moving: Any, kept: Any, inputs: Any) -> Any:
        return what.network.embed(what.trains.join(moving, kept), inputs, what.loss.reads)

    inputs = {name: x for name, x in batch.items() if name in what.loss.reads}
    shapes = jax.eval_shape(lambda *trees: trees, moving, kept, inputs)
    if not jax.tree.leaves(kept):
        return jax.process_count() * PASSES * product_flops(embed, *shapes)

    def total(*trees: Any) -> Array:
        found = jax.tree.leaves(embed(*trees))
        return sum(jnp.sum(x) for x in found if jnp.issubdtype(x.dtype, jnp.floating))

    return jax.process_count() * product_flops(jax.value_and_grad(total), *shapes)


def program(what: Compiles, state: TrainState, kept: Any) -> Program:
    """The program of a recipe for parameters of these shapes; made before, where there is one."""
    shapes = jax.eval_shape(lambda *trees: trees, state, kept)
    leaves, structure = jax.tree.flatten(shapes)
    return _program(what, structure, tuple((x.shape, str(x.dtype)) for x in leaves))


@functools.lru_cache(maxsize=4)
def _program(what: Compiles, structure: Any, leaves: tuple) -> Program:
    shapes = [jax.ShapeDtypeStruct(shape, jnp.dtype(dtype)) for shape, dtype in leaves]
    return Program(what, *jax.tree.unflatten(structure, shapes))


def _shapes_of(tree: Any) -> Any:
    leaves, structure = jax.tree.flatten(tree)
    return structure, *((x.shape, x.dtype) for x in leaves)


class Start(NamedTuple):
    """Before the first step: what moves, what is kept, the loss's memory, and a batch's columns.

    Attributes:
        columns: labels as they are, and the shapes of what the network gives for the rest.
    """

    moving: Moving
    kept: Any
    memory: Any
    columns: dict[str, Any]


def start(
    network: Any, loss: Loss, trains: Trainable, params: Any, batch: dict[str, Any], key: Array
) -> Start:
    """What a training starts from, by the shapes of a batch."""
    moved, kept = trains.split(params, key)
    rows = examples(batch, loss, key, None)

    def embed(moved: Any, kept: Any, inputs: Any) -> Any:
        return network.embed(trains.join(moved, kept), inputs, loss.reads)

    found = jax.eval_shape(embed, moved, kept, rows.inputs)
    labels = jax.eval_shape(lambda labels: labels, rows.labels)
    state = loss.init(key, {**labels, **found})
    trains.check(_unread(embed, moved, kept, rows.inputs))
    return Start(Moving(moved, state.params), kept, state.memory, {**rows.labels, **found})


def negatives_per_row(loss: Loss, columns: dict[str, Any], rows: int) -> float | None:
    """How many negatives a row of a batch has where the loss sees so many rows of it at a time."""

    def some(x: Any) -> Any:
        return np.zeros((rows, *x.shape[1:]), x.dtype) if _is_shape(x) else x[:rows]

    found = _negatives_per_row(loss, jax.tree.map(some, columns))
    return None if found is None else float(found)


def _is_shape(x: Any) -> bool:
    return isinstance(x, jax.ShapeDtypeStruct)


@functools.partial(jax.jit, static_argnums=0)
def _negatives_per_row(loss: Loss, columns: dict[str, Any]) -> Float32[Array, ""] | None:
    # Compiled, so that scores that nothing reads are never computed.
    return loss.negatives_per_row(columns)


def _unread(embed: Callable, moved: Any, kept: Any, inputs: Any) -> list[str]:
    """The paths of parameters that move and that the network's output does not depend on."""
    shapes = jax.eval_shape(lambda *trees: trees, moved, kept, inputs)
    jaxpr = jax.make_jaxpr(embed)(*shapes).jaxpr
    used = {id(x) for equation in jaxpr.eqns for x in equation.invars}
    names = paths(moved)
    return [n for n, x in zip(names, jaxpr.invars, strict=False) if id(x) not in used]
