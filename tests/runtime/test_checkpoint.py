"""Checkpoints: any topology to any other, killed at random, damaged, forbidden."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxemb.config import UsageError
from jaxemb.runtime import Jit, Pmap, Runtime
from jaxemb.runtime.checkpoints import Checkpoints, DamagedCheckpoint, load_params, save_params

ROOT = Path(__file__).parents[2]

# Orbax closes the loop of a read that failed before its coroutines, which then complain when collected.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def state() -> dict:
    """Every kind of array that a state may hold."""
    rng = np.random.default_rng(0)
    return {
        "params": {
            "tokens": {"embedding": jnp.asarray(rng.normal(size=(64, 48)), jnp.float32)},
            "encoder": {"kernel": jnp.asarray(rng.normal(size=(48, 64)), jnp.bfloat16)},
            "pooling": {},
        },
        "moments": (jnp.asarray(rng.normal(size=7), jnp.float32), None),
        "step": jnp.int32(12),
        "key": jax.random.key_data(jax.random.key(3)),
        "frozen": jnp.array([True, False, True]),
        "halves": jnp.asarray(rng.normal(size=(3, 5)), jnp.float16),
        "empty": jnp.zeros((0, 4)),
    }


def equal(a, b) -> bool:
    return jax.tree.structure(a) == jax.tree.structure(b) and all(
        x.dtype == y.dtype and np.array_equal(np.asarray(x), np.asarray(y))
        for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


def target(tree, runtime: Runtime):
    return jax.tree.map(
        lambda x, where: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=where),
        tree,
        runtime.shardings(tree),
    )


def runtime(devices: int, layout: str) -> Runtime:
    if layout == "pmap":
        return Runtime(devices=Pmap(limit=devices))
    return Runtime(devices=Jit(limit=devices), parameters=layout)


@contextlib.contextmanager
def opened(folder: Path, **options):
    checkpoints = Checkpoints(folder, **options)
    try:
        yield checkpoints
    finally:
        checkpoints.close()


def saved(folder: Path, steps=(10, 20)) -> dict:
    """State `n` has `step` n; returned by step."""
    states = {n: {**state(), "step": jnp.int32(n)} for n in steps}
    with opened(folder, keep=len(steps)) as checkpoints:
        for step, tree in states.items():
            checkpoints.save(step, tree, {"data": {"position": step}})
    return states


@pytest.mark.parametrize("there", [(8, "fsdp"), (8, "replicate"), (4, "pmap"), (1, "replicate")])
def test_what_is_saved_on_some_devices_is_restored_on_any(tmp_path, there):
    original = state()
    with opened(tmp_path) as checkpoints:
        checkpoints.save(5, runtime(*there).place(original), {"data": [1, 2]})
        for here in [(8, "fsdp"), (4, "fsdp"), (2, "replicate"), (8, "pmap"), (1, "replicate")]:
            like = target(original, runtime(*here))
            found, extra = checkpoints.restore(5, like)
            assert equal(found, original) and extra == {"data": [1, 2]}
            for x, wanted in zip(jax.tree.leaves(found), jax.tree.leaves(like), strict=True):
                assert x.sharding.is_equivalent_to(wanted.sharding, x.ndim)


def test_a_mesh_of_two_axes_reads_it_too(tmp_path):
    original = state()["params"]["tokens"]
    save_params(tmp_path / "params", runtime(8, "fsdp").place(original))
    mesh = Mesh(np.array(jax.devices()).reshape(4, 2), ("a", "b"))
    sharding = NamedSharding(mesh, PartitionSpec("b", "a"))
    like = {"embedding": jax.ShapeDtypeStruct((64, 48), jnp.float32, sharding=sharding)}
    assert equal(load_params(tmp_path / "params", like), original)


def test_parameters_by_themselves(tmp_path):
    params = state()["params"]
    save_params(tmp_path / "params", params)
    save_params(tmp_path / "params", params)
    found = load_params(tmp_path / "params", jax.eval_shape(lambda: params))
    assert equal(found, params)
    assert found["tokens"]["embedding"].sharding.device_set == {jax.devices()[0]}


def test_orbax_version_1_reads_the_arrays(tmp_path):
    from orbax.checkpoint import v1

    params = state()["params"]
    save_params(tmp_path / "params", params)
    like = {
        "tokens.embedding": params["tokens"]["embedding"],
        "encoder.kernel": params["encoder"]["kernel"],
    }
    found = v1.load_checkpointables(tmp_path / "params", {"state": like})["state"]
    assert equal(found, like)


def test_only_the_last_ones_are_kept(tmp_path):
    with opened(tmp_path, keep=2) as checkpoints:
        assert checkpoints.latest() is None
        for step in (1, 2, 3):
            checkpoints.save(step, {"x": jnp.ones(3)}, {})
        assert checkpoints.latest() == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "3"]


def test_a_save_is_of_its_moment_although_the_next_step_reuses_the_memory(tmp_path):
    bump = jax.jit(lambda tree: jax.tree.map(lambda x: x + 1, tree), donate_argnums=0)
    tree = runtime(8, "fsdp").place({"x": jnp.zeros((512, 512)), "y": jnp.zeros(3)})
    with opened(tmp_path, keep=6) as checkpoints:
        for step in range(1, 7):
            tree = bump(tree)
            checkpoints.save(step, tree, {})
            for _ in range(3):
                tree = bump(tree)
        for step in range(1, 7):
            found, _ = checkpoints.restore(step, tree)
            assert (np.asarray(found["x"]) == 4 * step - 3).all()


# --- what is not whole


def test_a_half_written_checkpoint_is_never_seen(tmp_path):
    states = saved(tmp_path)
    whole = tmp_path / "20"
    whole.rename(tmp_path / "20.orbax-checkpoint-tmp-123")
    with opened(tmp_path) as checkpoints:
        assert checkpoints.latest() == 10
        assert equal(checkpoints.restore(10, states[10])[0], states[10])
        checkpoints.save(20, states[20], {})
        assert equal(checkpoints.restore(20, states[20])[0], states[20])


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 64)


def damages(folder: Path):
    """Ways of breaking a checkpoint, one a large file: cut in half, a bit turned, removed."""
    for path in files(folder):
        content = path.read_bytes()
        middle = len(content) // 2
        yield path, content[:middle]
        yield path, content[:middle] + bytes([content[middle] ^ 16]) + content[middle + 1 :]


def test_damage_is_named_and_the_previous_checkpoint_offered(tmp_path):
    states = saved(tmp_path)
    noticed = 0
    for path, broken in damages(tmp_path / "20"):
        content = path.read_bytes()
        path.write_bytes(broken)
        with opened(tmp_path) as checkpoints:
            try:
                found, extra = checkpoints.restore(20, states[20])
                # Not every byte matters, but what is returned is always what was saved.
                assert equal(found, states[20]) and extra == {"data": {"position": 20}}
            except DamagedCheckpoint as error:
                noticed += 1
                assert error.step == 20 and error.previous == 10
                assert f"{tmp_path}/20 is damaged" in str(error)
                assert "delete that folder to go on from step 10." in str(error)
        path.write_bytes(content)
    assert noticed >= 4
    with opened(tmp_path) as checkpoints:
        assert equal(checkpoints.restore(20, states[20])[0], states[20])


def test_a_lone_damaged_checkpoint_offers_a_new_start(tmp_path):
    states = saved(tmp_path, steps=(10,))
    for path in files(tmp_path / "10" / "state"):
        path.write_bytes(path.read_bytes()[:10])
    with (
        opened(tmp_path) as checkpoints,
        pytest.raises(DamagedCheckpoint, match="no earlier one: delete it to start again"),
    ):
        checkpoints.restore(10, states[10])


def test_damaged_parameters_are_named(tmp_path):
    params = state()["params"]
    save_params(tmp_path / "params", params)
    for path in files(tmp_path / "params" / "state" / "ocdbt.process_0" / "d"):
        path.write_bytes(bytes(len(path.read_bytes())))
    with pytest.raises(DamagedCheckpoint, match=f"{tmp_path}/params is damaged.*save it again"):
        load_params(tmp_path / "params", params)


def test_a_checkpoint_that_was_renamed_to_a_later_step_is_told(tmp_path):
    states = saved(tmp_path)
    (tmp_path / "20").rename(tmp_path / "30")
    with opened(tmp_path) as checkpoints:
        assert checkpoints.latest() == 30
        with pytest.raises(DamagedCheckpoint, match="it was saved at step 20"):
            checkpoints.restore(30, states[20])


def test_a_newer_format_is_refused(tmp_path):
    states = saved(tmp_path)
    page = tmp_path / "20" / "page" / "metadata"
    page.write_text(json.dumps(json.loads(page.read_text()) | {"format": 99}))
    with (
        opened(tmp_path) as checkpoints,
        pytest.raises(UsageError, match="has the format 99.*reads up to 1: install a newer"),
    ):
        checkpoints.restore(20, states[20])


def test_another_recipe_is_refused_by_the_array_that_differs(tmp_path):
    states = saved(tmp_path)
    with opened(tmp_path) as checkpoints:
        wider = {**states[20], "halves": jnp.zeros((3, 6), jnp.float16)}
        message = r"another recipe: halves is float16\[3, 5\] there and float16\[3, 6\] here"
        with pytest.raises(UsageError, match=message):
            checkpoints.restore(20, wider)
        fewer = {name: x for name, x in states[20].items() if name != "key"}
        with pytest.raises(UsageError, match=r"key is uint32\[2\] there and absent here"):
            checkpoints.restore(20, fewer)


# --- the disk


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written: Not a directory"):
        Checkpoints(tmp_path / "file" / "checkpoints")
    with pytest.raises(UsageError, match="cannot be written: (Not a directory|File exists)"):
        save_params(tmp_path / "file" / "params", state())
    with pytest.raises(UsageError, match="no parameters at"):
        load_params(tmp_path / "nothing", state())


SMALL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
import jax.numpy as jnp, numpy as np
from jaxemb.runtime.checkpoints import Checkpoints
from jaxemb.config import UsageError
noise = jnp.asarray(np.random.default_rng(0).normal(size=(256, 256)), jnp.float32)
checkpoints = Checkpoints(sys.argv[1])
checkpoints.save(1, {"x": noise[:8]}, {})
checkpoints.wait()
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    checkpoints.save(2, {"x": noise}, {})
    checkpoints.wait()
except UsageError as error:
    print("SENTENCE", error)
"""


def test_a_full_disk_is_one_sentence_and_leaves_the_previous_checkpoint(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SMALL_DISK, str(tmp_path)],
        capture_output=True, text=True, timeout=120, cwd=ROOT,
    )  # fmt: skip
    sentence = next(line for line in done.stdout.splitlines() if line.startswith("SENTENCE"))
    assert f"{tmp_path} cannot be written: File too large" in sentence and "MB are free" in sentence
    with opened(tmp_path) as checkpoints:
        assert checkpoints.latest() == 1


@pytest.mark.parametrize("options", [{"every": 0}, {"keep": 0}])
def test_impossible_settings_are_refused(tmp_path, options):
    with pytest.raises(UsageError, match="must be at least 1"):
        Checkpoints(tmp_path, **options)


# --- killed


TRAINING = """
import contextlib, signal, sys
sys.path.insert(0, sys.argv[1])
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
import jax, numpy as np
import toy
from jaxemb.runtime.checkpoints import Checkpoints
from jaxemb.losses import InfoNCE
from jaxemb.runtime import Jit, Runtime
from jaxemb.training import AdamW, Steps, Train, train

folder, result = sys.argv[2:]
stage = Train(data=toy.RandomTexts(), loss=InfoNCE(), optimizer=AdamW(), budget=Steps(60))
runtime = Runtime(devices=Jit(limit=2), parameters="fsdp")
with contextlib.closing(Checkpoints(folder, every=2)) as checkpoints:
    print("START", checkpoints.latest(), flush=True)
    model = train(
        toy.model(), stage, key=jax.random.key(1), seed=3, runtime=runtime, checkpoints=checkpoints,
        report=lambda metrics: print("STEP", metrics["step"], flush=True),
    )
np.savez(result, *map(np.asarray, jax.tree.leaves(model.params)))
"""


def start(folder: Path, result: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", TRAINING, str(ROOT / "tests"), str(folder), str(result)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip


def finish(process: subprocess.Popen) -> list[str]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out.splitlines()


def kill_during(process: subprocess.Popen, step: int, delay: float) -> None:
    """SIGKILL a moment after a step was reported."""
    for line in process.stdout:
        if line.startswith("STEP") and int(line.split()[1]) >= step:
            break
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)


def test_killed_at_random_moments_a_run_ends_in_the_same_bits(tmp_path):
    seed = random.randrange(2**32)
    print("seed of the moments:", seed)
    moments = random.Random(seed)
    finish(start(tmp_path / "whole", tmp_path / "whole.npz"))
    step = 0
    for _ in range(2):
        step = moments.randrange(step + 3, step + 25)
        kill_during(start(tmp_path / "cut", tmp_path / "cut.npz"), step, moments.uniform(0, 0.05))
    lines = finish(start(tmp_path / "cut", tmp_path / "cut.npz"))
    resumed = int(lines[0].split()[1])
    assert 0 < resumed < 60 and f"STEP {resumed}" not in lines and "STEP 60" in lines
    with np.load(tmp_path / "whole.npz") as whole, np.load(tmp_path / "cut.npz") as cut:
        assert len(whole.files) > 10
        for name in whole.files:
            assert whole[name].tobytes() == cut[name].tobytes()


def test_ctrl_c_leaves_a_whole_checkpoint_of_the_last_step(tmp_path):
    process = start(tmp_path / "cut", tmp_path / "cut.npz")
    for line in process.stdout:
        if line.startswith("STEP 5"):
            break
    process.send_signal(signal.SIGINT)
    # Not `communicate`, which forgets the lines that were read ahead of the one looked at.
    steps = [5, *(int(line.split()[1]) for line in process.stdout if line.startswith("STEP"))]
    _, err = process.communicate(timeout=120)
    assert process.returncode != 0 and "KeyboardInterrupt" in err
    last = max(steps)
    with opened(tmp_path / "cut") as checkpoints:
        assert checkpoints.latest() == last
    assert not (tmp_path / "cut.npz").exists()
    assert not [name for name in os.listdir(tmp_path / "cut") if "tmp" in name]


def test_a_folder_of_something_else_is_not_overwritten(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="something else than saved parameters"):
        save_params(tmp_path, {"a": jnp.ones(3)})
    assert (tmp_path / "notes.txt").read_text() == "mine"
    save_params(tmp_path / "params", {"a": jnp.ones(3)})
    save_params(tmp_path / "params", {"a": jnp.zeros(3)})
    assert float(load_params(tmp_path / "params", {"a": jnp.ones(3)})["a"].sum()) == 0


@pytest.mark.parametrize(
    "name, value", [("jax_enable_x64", True), ("jax_default_matmul_precision", "bfloat16")]
)
def test_settings_of_jax_that_change_numbers_are_told(name, value):
    assert Runtime().changes == {}
    before = getattr(jax.config, name)
    jax.config.update(name, value)
    try:
        assert Runtime().changes == {name: str(value)}
    finally:
        jax.config.update(name, before)
