"""The parity table: every loss on every layout of devices gives one device's numbers.

One SGD step on 8 simulated devices, with texts and weights unevenly spread over them and dropout
on: equal loss, gradient and parameters under jit, pmap and fsdp, and with GradCache. Every other
loss has its row in `test_parity_losses.py`.
"""

import dataclasses
import functools
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import optax
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import toy

from jaxemb.config import UsageError
from jaxemb.losses import (
    Depths,
    DocumentToDocument,
    DocumentToQuery,
    InfoNCE,
    LayerWise,
    Loss,
    Matryoshka,
    QueryToDocument,
    QueryToQuery,
    SampledDimension,
)
from jaxemb.runtime import Jit, Pmap, Runtime
from jaxemb.runtime.checkpoints import Checkpoints
from jaxemb.training import (
    SGD,
    Constant,
    Everything,
    Full,
    GradCache,
    GradientMethod,
    Microbatch,
    Rematerialize,
    Steps,
    Train,
    train,
)
from jaxemb.training.state import create
from jaxemb.training.step import Compiles, program
from jaxemb.training.step import start as begin

BLOCKS = (QueryToDocument(), DocumentToQuery(), QueryToQuery(), DocumentToDocument())
LOSSES = {
    "info_nce": InfoNCE(temperature=0.1, blocks=BLOCKS),
    "matryoshka": Matryoshka(inner=InfoNCE(), dims=(8, 32), weights=(0.5, 1.0)),
    "layer_wise": LayerWise(inner=SampledDimension(inner=InfoNCE(), dims=(8, 16))),
}
ONE = Runtime(devices=Jit(limit=1))
LAYOUTS = {
    "jit": Runtime(devices=Jit()),
    "pmap": Runtime(devices=Pmap()),
    "fsdp": Runtime(devices=Jit(), parameters="fsdp"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordingSGD(SGD):
    """SGD whose state is the last gradient, so that one program gives gradient and step."""

    def direction(self, params) -> optax.GradientTransformation:
        return optax.GradientTransformation(
            lambda params: jax.tree.map(np.zeros_like, params), lambda g, state, _: (g, g)
        )


@functools.cache
def outcome(loss: Loss, gradients: GradientMethod, runtime: Runtime) -> dict:
    """Loss, terms, gradient and new parameters of one step, as numpy."""
    optimizer = RecordingSGD(learning_rate=0.1, schedule=Constant(), clip=None)
    model = start(2 if Depths() in loss.reads.values() else 1)
    compiles = Compiles(model.embedder, loss, gradients, optimizer, Everything(), runtime)
    key = jax.random.key(1)
    batch = next(toy.RandomBatches(32, seed=5))
    moving, kept, memory, _ = begin(model.embedder, loss, Everything(), model.params, batch, key)
    transform = optimizer.transform(moving)
    state = runtime.place(create(moving, memory, transform, key))
    step = program(compiles, state, kept)
    state, metrics = step(state, kept, 0.1, batch)
    return jax.device_get(
        {"metrics": metrics, "gradient": state.optimizer[1], "params": state.params}
    )


@functools.cache
def start(layers: int):
    return toy.model(layers=layers)


def assert_same(ours: dict, reference: dict, tolerance: float) -> None:
    for name, value in reference["metrics"].items():
        np.testing.assert_allclose(ours["metrics"][name], value, rtol=tolerance, err_msg=name)
    for tree in ("gradient", "params"):
        leaves = jax.tree.leaves_with_path(reference[tree])
        whole = np.sqrt(sum(np.sum(x.astype(float) ** 2) for _, x in leaves))
        for (path, expected), found in zip(leaves, jax.tree.leaves(ours[tree]), strict=True):
            # A bias whose true gradient is 0 has rounding alone: it is measured by the whole.
            size = max(np.linalg.norm(expected), 1e-2 * whole)
            assert np.linalg.norm(found - expected) <= tolerance * size, (tree, path)


def test_parity_is_not_trivial():
    assert jax.device_count() == 8
    result = outcome(LOSSES["info_nce"], Full(), ONE)
    assert all(np.linalg.norm(x) > 0 for x in jax.tree.leaves(result["gradient"].network["tokens"]))
    shardings = LAYOUTS["fsdp"].shardings(start(1).params)
    split = [s for s in jax.tree.leaves(shardings) if not s.is_fully_replicated]
    assert len(split) >= 5


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("loss", LOSSES)
def test_parity_of_layouts(loss, layout):
    reference = outcome(LOSSES[loss], Full(), ONE)
    assert_same(outcome(LOSSES[loss], Full(), LAYOUTS[layout]), reference, 1e-5)


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("loss", LOSSES)
def test_parity_of_grad_cache(loss, layout):
    reference = outcome(LOSSES[loss], Full(), ONE)
    assert_same(outcome(LOSSES[loss], GradCache(chunk=16), LAYOUTS[layout]), reference, 2e-5)


@pytest.mark.parametrize("layout", ["pmap", "fsdp"])
def test_parity_of_microbatches(layout):
    method = Microbatch(pieces=2, inner=Rematerialize())
    reference = outcome(LOSSES["info_nce"], Microbatch(pieces=2), ONE)
    assert_same(outcome(LOSSES["info_nce"], method, LAYOUTS[layout]), reference, 1e-5)
    full = outcome(LOSSES["info_nce"], Full(), ONE)["metrics"]["loss"]
    assert abs(reference["metrics"]["loss"] - full) > 1e-3


@pytest.mark.parametrize(
    ("gradients", "runtime", "message"),
    [
        (Full(), Runtime(devices=Jit(limit=3)), "32 rows does not divide over 3 devices"),
        (Full(), Runtime(devices=Pmap(limit=5)), "32 rows .* over 5 devices.* 30 and 35"),
        (Full(), Runtime(devices=Jit(limit=9)), "this machine has 8 device"),
        (Microbatch(pieces=8), LAYOUTS["pmap"], "8 pieces: it must be a multiple of 64"),
        (GradCache(chunk=4), LAYOUTS["fsdp"], "chunk of 4 rows does not divide over 8 devices"),
    ],
)
def test_parity_is_refused_where_rows_do_not_divide(gradients, runtime, message):
    stage = Train(
        data=toy.RandomTexts(), loss=LOSSES["info_nce"], optimizer=SGD(), gradients=gradients
    )
    with pytest.raises(UsageError, match=message):
        train(start(1), stage, key=jax.random.key(0), seed=0, runtime=runtime)


# --- two processes


WORKER = """
import contextlib, json, sys
import jax
port, rank, folder, tests = sys.argv[1:]
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 2)
jax.distributed.initialize(f"127.0.0.1:{port}", 2, int(rank), initialization_timeout=60)
sys.path.insert(0, tests)
import test_parity
layouts = {name: test_parity.LAYOUTS[name] for name in ("pmap", "fsdp")}
losses = test_parity.short_runs(layouts, folder)
if rank == "0":
    print("LOSSES", json.dumps(losses))
jax.distributed.shutdown()
"""


def short_runs(layouts: dict, folder: str | None = None) -> dict[str, list[float]]:
    """Losses of three steps by layout."""
    losses = {}
    for name, runtime in layouts.items():
        stage = Train(
            data=toy.RandomTexts(),
            loss=LOSSES["info_nce"],
            optimizer=SGD(learning_rate=0.1),
            budget=Steps(3),
        )
        seen: list[float] = []
        checkpoints = Checkpoints(Path(folder) / name, every=3) if folder else None
        train(
            start(1),
            stage,
            key=jax.random.key(2),
            seed=7,
            runtime=runtime,
            checkpoints=checkpoints,
            report=lambda metrics, seen=seen: seen.append(metrics["loss"]),
        )
        if checkpoints:
            checkpoints.close()
        losses[name] = seen
    return losses


def test_parity_of_two_processes(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [str(port), "RANK", str(tmp_path), str(Path(__file__).parent)]
    environment = {**os.environ, "JAX_NUM_CPU_DEVICES": "2"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, *[str(rank) if a == "RANK" else a for a in arguments]],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=Path(__file__).parents[1],
        )
        for rank in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=240) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert all(process.returncode == 0 for process in processes), outputs[0][1] + outputs[1][1]
    line = next(line for line in outputs[0][0].splitlines() if line.startswith("LOSSES"))
    here = short_runs({"one": ONE})["one"]
    for name, losses in json.loads(line.removeprefix("LOSSES")).items():
        np.testing.assert_allclose(losses, here, rtol=1e-5, err_msg=name)
        assert (tmp_path / name / "3").is_dir()
