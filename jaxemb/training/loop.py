"""The training loop: batches in, a trained model out. New behaviour enters by a slot of Train."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
from jaxtyping import Array, Key

from jaxemb.config import Part
from jaxemb.data import Batches, dealt, whole_shape
from jaxemb.runtime import Runtime, processes
from jaxemb.training.base import Checkpoints, Evaluate
from jaxemb.training.interrupt import Interrupt
from jaxemb.training.progress import Meter, count_tokens, fetch
from jaxemb.training.state import create
from jaxemb.training.step import Compiles, negatives_per_row, program, start

Model = TypeVar("Model")
Report = Callable[[dict[str, float]], None]


class Diverged(FloatingPointError):
    """The loss or the gradient is not a finite number.

    Attributes:
        step: the first step that was so.
    """

    def __init__(self, step: int, name: str, value: float):
        super().__init__(f"Training diverged: {name} became {value} at step {step}.")
        self.step = step


def train(
    model: Model,
    stage: Any,
    *,
    key: Key[Array, ""],
    seed: int,
    runtime: Runtime | None = None,
    checkpoints: Checkpoints | None = None,
    evaluate: Evaluate | None = None,
    report: Report | None = None,
) -> Model:
    """The model with parameters trained as a stage `Train` says.

    With `checkpoints`, goes on from the latest one, and the result is bit for bit that of a run
    which was never interrupted (on the same devices).

    Args:
        model: has `embedder` and `params`; it is not changed.
        key: root of all randomness on devices (dropout, sampled dimensions and layers).
        seed: of the data's order.
        runtime: devices, sharding and dtype.
        checkpoints: saved to every `checkpoints.every` steps and at the end.
        evaluate: see `Evaluate`.
        report: called with each step's metrics: `step`, `loss`, `loss/<term>`, `gradient_norm`,
            `learning_rate`, `tokens_per_second` (padding not counted), `padding_efficiency`,
            `steps_per_second`, `flops` and `flops_per_second` (of the padded shapes that the step
            had), `mfu` (the share of what the devices' maker promises, where that is known),
            `seconds_left`, `compilations`; `negatives_per_row` with the first step, where the loss
            has any; and with what `evaluate` returns.

    Raises:
        UsageError: the data lacks a column, a batch does not divide over the devices, a pattern
            matches no parameter, or there is no tokenizer; all of them before the first step.
        Diverged: the loss or the gradient became infinite or NaN.
        KeyboardInterrupt: Ctrl-C; the step under way is finished and saved first.
    """
    runtime = runtime or Runtime()
    stage.check(runtime)
    run = _Run(model, stage, runtime, key, seed, report or (lambda metrics: None))
    try:
        with Interrupt() as interrupt:
            run.resume(checkpoints)
            run.steps(interrupt, checkpoints, evaluate)
    finally:
        run.batches.close()
    return run.result()


class _Run:
    """One call of `train`: the state on the devices, the data, the step in flight."""

    def __init__(
        self,
        model: Any,
        stage: Any,
        runtime: Runtime,
        key: Key[Array, ""],
        seed: int,
        report: Report,
    ):
        self.start, self.stage, self.runtime, self._report = model, stage, runtime, report
        self.total = stage.budget.count(stage.data)
        self.watch = stage.budget.watch()
        self.rates = stage.optimizer.rates(self.total)
        network = computed_in(model.embedder, runtime.dtype)
        optimizer = stage.optimizer.direction_alone
        self.batches = dealt(stage.data.batches(model, seed=seed))
        batch = whole_shape(_first(self.batches))
        moving, kept, memory, self.columns = start(
            network, stage.loss, stage.trains, model.params, batch, key
        )
        self.state = runtime.place(create(moving, memory, optimizer.transform(moving), key))
        self.kept = runtime.place(kept)
        compiles = Compiles(network, stage.loss, stage.gradients, optimizer, stage.trains, runtime)
        self.program = program(compiles, self.state, self.kept)
        self.keeper = stage.keeps.start(self.state.params.network)
        self.compiled_before = self.program.compilations
        self.meter = Meter(self.total, runtime.devices.peak)
        self.done = 0
        self.unread: tuple[dict[str, int], Any, tuple[int, int, int]] | None = None

    def resume(self, checkpoints: Checkpoints | None) -> None:
        """Go on from the latest checkpoint that is whole, if there is one."""
        if checkpoints is None:
            return
        state = self.state._replace(chosen=self.keeper.arrays)
        like = jax.tree.map(
            lambda x, where: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=where),
            state,
            self.runtime.shardings(state),
        )
        found = checkpoints.resume(like)
        if found is None:
            return
        self.done, state, extra = found
        state = self.runtime.place(state)
        self.state, self.keeper.arrays = state._replace(chosen=()), state.chosen
        if "keeps" in extra:
            self.keeper.set_state(extra["keeps"])
        self.batches.set_state(extra["data"])
        self.watch.set_state(extra.get("budget", {}))

    def steps(
        self, interrupt: Interrupt, checkpoints: Checkpoints | None, evaluate: Evaluate | None
    ) -> None:
        """Every step that is left."""
        if self.done == 0:
            self.batches.renew(0, self.model)
        while self.done < self.total and not self.watch.is_over:
            self.dispatch(next(self.batches))
            self.keeper.stepped(self.done, self.state.params.network)
            # Evaluated before it is saved: what the budget has seen belongs to the checkpoint.
            if evaluate and (metrics := evaluate(self.done, self.model)):
                self.read()
                self.report({"step": self.done, **metrics})
                self.keeper.scored(self.done, metrics, self.state.params.network)
                self.meter.skip()
            if self.watch.looks(self.done):
                self.read()
            if self.done < self.total:
                # Before it is saved, too: a search is part of the position of the data.
                self.batches.renew(self.done, self.model)
            # A signal reaches the processes of a run at different steps, or one of them alone.
            asked = any(processes.gather(interrupt.asked))
            last = self.done == self.total or self.watch.is_over or asked
            if checkpoints and (last or self.done % checkpoints.every == 0):
                self.read()
                self.save(checkpoints)
            if asked:
                if checkpoints:
                    checkpoints.wait()
                raise KeyboardInterrupt
        self.read()
        if checkpoints:
            checkpoints.wait()

    def save(self, checkpoints: Checkpoints) -> None:
        """The state after this step, and where data and budget stand."""
        state = self.state._replace(chosen=self.keeper.arrays)
        extra = {"data": self.batches.get_state(), "budget": self.watch.get_state()}
        extra["keeps"] = self.keeper.get_state()
        state = self.runtime.devices.to_save(state)
        checkpoints.save(self.done, state, extra)
        self.meter.skip()

    def report(self, metrics: Mapping[str, int | float]) -> None:
        """Tell the budget, and who asked."""
        self.watch.see(metrics)
        self._report(metrics)

    def dispatch(self, batch: dict[str, Any]) -> None:
        """Start one step, then read the one before it: at most one step is in flight."""
        rows = len(jax.tree.leaves(batch)[0]) * jax.process_count()
        self.stage.check_rows(self.runtime, rows)
        programs = self.program.compilations
        self.state, metrics = self.program(
            self.state, self.kept, float(self.rates[self.done]), batch
        )
        self.done += 1
        self.read()
        if self.program.compilations > programs:
            self.meter.skip()
        compilations = self.program.compilations - self.compiled_before
        counts = {
            "step": self.done,
            "compilations": compilations,
            "flops": self.program.flops,
        }
        if self.done == 1:
            counts |= self.contrasted(rows)
        self.unread = (counts, metrics, (*count_tokens(batch), self.program.flops))

    def contrasted(self, rows: int) -> dict[str, float]:
        """How many negatives a row has, told once; nothing for a loss without any.

        Of several processes, each knows the ids of its own rows alone, and none tells.
        """
        if jax.process_count() > 1:
            return {}
        together = self.stage.gradients.together(rows)
        found = negatives_per_row(self.stage.loss, self.columns, together)
        return {} if found is None else {"negatives_per_row": found}

    def read(self) -> None:
        """Wait for the step in flight and report it."""
        if self.unread is None:
            return
        counts, metrics, amounts = self.unread
        self.unread, step = None, counts["step"]
        values = fetch(metrics)
        for name in ("loss", "gradient_norm"):
            if not math.isfinite(values[name]):
                raise Diverged(step, name, values[name])
        values |= self.meter.measure(step, *amounts)
        self.report({**counts, **values})

    def model(self) -> Any:
        """The model with the parameters as they are now, copied off the devices."""
        return self._with(self.state.params.network)

    def result(self) -> Any:
        """The model with the parameters that the stage keeps."""
        return self._with(self.keeper.chosen(self.state.params.network))

    def _with(self, moved: Any) -> Any:
        collect = self.runtime.devices.collect
        moved, kept = collect(moved), collect(self.kept)
        return dataclasses.replace(self.start, params=self.stage.trains.merged(moved, kept))


def _first(batches: Batches) -> dict[str, Any]:
    """The next batch, which is given again: its shapes are wanted before it is."""
    state = batches.get_state()
    batch = next(batches)
    batches.set_state(state)
    return batch


def computed_in(part: Any, dtype: str) -> Any:
    """A part whose fields named `dtype`, at any depth, say `dtype`; `float32` changes nothing."""
    if dtype == "float32":
        return part
    if isinstance(part, tuple):
        return tuple(computed_in(item, dtype) for item in part)
    if not dataclasses.is_dataclass(part):
        return part
    changes = {}
    for field in dataclasses.fields(part):
        value = getattr(part, field.name, None)
        if field.name == "dtype":
            changes["dtype"] = dtype
        elif field.name not in ("parent", "name") and isinstance(value, Part | tuple):
            changes[field.name] = computed_in(value, dtype)
    return dataclasses.replace(part, **changes)
