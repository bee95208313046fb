"""The one step function, and its compiled programs: one for each shape of batch."""

import time
from collections.abc import Callable
from typing import Any

import jax
import optax
from jaxtyping import Array, Float32

from jaxemb.runtime import Runtime, mean
from jaxemb.training.gradients import GradientMethod
from jaxemb.training.objective import Objective, examples
from jaxemb.training.optimizers import Optimizer
from jaxemb.training.state import TrainState

Metrics = dict[str, Float32[Array, ""]]
Step = Callable[[TrainState, dict[str, Any]], tuple[TrainState, Metrics]]


def make_step(
    objective: Objective,
    gradients: GradientMethod,
    optimizer: Optimizer,
    transform: optax.GradientTransformation,
    steps: int,
) -> Step:
    r"""`step(state, batch) -> (state, metrics)`, the same function for every layout of devices.

    $$g = \mathrm{mean}_{\mathrm{devices}} \nabla_\theta\, \mathrm{reduce}(\mathrm{terms})$$

    Both the loss and its gradient are averaged over the device axis; with no axis both are no-ops.
    Averaging only one of the two is wrong, silently, under `pmap`.
    """

    def step(state: TrainState, batch: dict[str, Any]) -> tuple[TrainState, Metrics]:
        root = jax.random.wrap_key_data(state.key)
        rows_key, loss_key = jax.random.split(jax.random.fold_in(root, state.step))
        rows = examples(batch, objective.loss, rows_key, objective.axis)
        (loss, parts), grads = gradients(objective, state.params, rows, loss_key)
        grads = mean(grads, objective.axis)
        updates, memory = transform.update(grads, state.optimizer, state.params)
        metrics = {f"loss/{name}": value for name, value in parts.items()}
        metrics |= {
            "loss": loss,
            "gradient_norm": optimizer.norm(grads),
            "learning_rate": optimizer.rate(state.step, steps),
        }
        params = optax.apply_updates(state.params, updates)
        return TrainState(state.step + 1, params, memory, state.key), metrics

    return step


class Program:
    """A step on a runtime's devices, compiled ahead of time, exactly once for each shape of batch.

    Attributes:
        compilations: how many programs there are.
        seconds: what compiling them took.
    """

    def __init__(self, step: Step, runtime: Runtime, state_shapes: TrainState):
        self.devices = runtime.devices
        self.compilations = 0
        self.seconds = 0.0
        self._mapped = self.devices.mapped(step, runtime.shardings(state_shapes))
        self._compiled: dict[Any, Callable] = {}

    def __call__(self, state: TrainState, batch: dict[str, Any]) -> tuple[TrainState, Metrics]:
        """One step on a host batch; `state` is donated and must not be used again."""
        shapes = jax.tree.structure(batch), *((x.shape, x.dtype) for x in jax.tree.leaves(batch))
        placed = self.devices.place_batch(batch)
        if shapes not in self._compiled:
            self._compiled[shapes] = self._compile(state, placed)
        return self._compiled[shapes](state, placed)

    def _compile(self, state: TrainState, placed: dict[str, Any]) -> Callable:
        started = time.perf_counter()
        compiled = self.devices.compiled(self._mapped, state, placed)
        self.compilations += 1
        self.seconds += time.perf_counter() - started
        return compiled
