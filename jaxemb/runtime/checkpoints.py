"""Checkpoints: the only orbax import. Saved on any number of devices, restored on any other.

A checkpoint is a folder named by its step. It holds the arrays of a tree under flat names
(`params.encoder.block_0.kernel`), and a JSON page with the format, the arrays' shapes and digests,
and whatever the caller wants back. Orbax writes under another name and renames when all is there,
so that a half-written checkpoint is no checkpoint. The digests find what was damaged later.
"""

import contextlib
import functools
import gc
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped, UInt32

from jaxemb.config import UsageError
from jaxemb.config.files import discard, warn

FORMAT = 1


class DamagedCheckpoint(UsageError):
    """A checkpoint that was written whole and is not whole any more.

    Attributes:
        step: its step; None for parameters saved by themselves.
        previous: the step of the checkpoint before it, or None.
        damage: the folder and what is wrong with it, without advice.
    """

    def __init__(self, folder: Path, reason: str, step: int | None, previous: int | None):
        advice = "there is no earlier one: delete it to start again."
        if previous is not None:
            advice = f"delete that folder to go on from step {previous}."
        if step is None:
            advice = "save it again."
        self.damage = f"The checkpoint {folder} is damaged ({reason})"
        super().__init__(f"{self.damage}; {advice}")
        self.step, self.previous = step, previous


class Checkpoints:
    """States of one training run, saved in the background, the last `keep` of them kept.

    Args:
        folder: made if it does not exist; on several machines, one that they share.
        every: steps between saves, for the loop to read.
        keep: how many stay.

    Raises:
        UsageError: the folder cannot be written (no permission, no space).

    Example:
        >>> with contextlib.closing(Checkpoints("run/checkpoints", every=100)) as checkpoints:
        ...     model = train(model, stage, key=key, seed=0, checkpoints=checkpoints)
    """

    def __init__(self, folder: str | os.PathLike, every: int = 100, keep: int = 2):
        if every < 1 or keep < 1:
            raise UsageError(f"every={every} and keep={keep} must be at least 1.")
        self.folder, self.every = Path(folder).absolute(), every
        ocp = _orbax()
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep, create=True, cleanup_tmp_directories=True, save_interval_steps=1
        )
        with _writing(self.folder):
            self._manager = ocp.CheckpointManager(self.folder, options=options)

    def latest(self) -> int | None:
        """The last step that was saved whole, or None."""
        return self._manager.latest_step()

    def save(self, step: int, state: Any, extra: dict[str, Any]) -> None:
        """Copies the state off the devices and writes it in the background.

        Args:
            step: must be later than every step saved before.
            state: a tree of arrays, sharded in any way.
            extra: JSON to be given back with it.
        """
        with _writing(self.folder):
            self._manager.save(step, args=_contents(state, extra, step))

    def restore(self, step: int, like: Any) -> tuple[Any, dict[str, Any]]:
        """`(state, extra)` of a step, each array on the devices that `like` asks for.

        Args:
            like: a tree of arrays, or of `jax.ShapeDtypeStruct` with shardings.

        Raises:
            DamagedCheckpoint: it cannot be read, or an array is not the one that was saved.
            UsageError: a newer format, or a tree of other arrays.
        """
        args = _orbax().args
        folder = self.folder / str(step)

        def read(item: str, how: Any) -> Any:
            return self._manager.restore(step, args=args.Composite(**{item: how}))[item]

        earlier = [other for other in self._manager.all_steps() if other < step]
        return _read(folder, like, read, step, max(earlier, default=None))

    def resume(self, like: Any) -> tuple[int, Any, dict[str, Any]] | None:
        """`(step, state, extra)` of the latest checkpoint that is whole; None where there is none.

        A damaged one is removed with a warning, and the one before it is read.

        Raises:
            UsageError: a newer format, or a tree of other arrays.
        """
        while (step := self.latest()) is not None:
            try:
                return (step, *self.restore(step, like))
            except DamagedCheckpoint as error:
                before = "the first step" if error.previous is None else f"step {error.previous}"
                warn(f"{error.damage}: it is removed, and training goes on from {before}.")
                discard(self.folder / str(step))
                self._manager.reload()
        return None

    def wait(self) -> None:
        """Until what was saved is on disk."""
        with _writing(self.folder):
            self._manager.wait_until_finished()

    def close(self) -> None:
        """Wait, and end the threads that write."""
        with _writing(self.folder):
            self._manager.close()


def save_params(folder: str | os.PathLike, params: Any) -> None:
    """Writes parameters by themselves; returns when they are on disk.

    Of several processes, any may do so for itself: no other one is waited for.

    Raises:
        UsageError: the folder holds something else than saved parameters, or cannot be written.
    """
    folder = Path(folder).absolute()
    if folder.exists() and not _is_ours(folder):
        raise UsageError(
            f"{folder} holds something else than saved parameters; give another folder."
        )
    with _writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with _writing(folder), contextlib.closing(_checkpointer()) as checkpointer:
        checkpointer.save(folder, args=_contents(_by_itself(params), {}), force=True)


def _is_ours(folder: Path) -> bool:
    """Whether a folder is empty, or one that parameters were saved to."""
    return folder.is_dir() and (
        not any(folder.iterdir()) or (folder / "_CHECKPOINT_METADATA").exists()
    )


def load_params(folder: str | os.PathLike, like: Any) -> Any:
    """Parameters that `save_params` wrote, on this process's first device or where `like` says.

    Args:
        like: a tree of arrays or `jax.ShapeDtypeStruct`, such as `embedder.shapes()`.

    Raises:
        DamagedCheckpoint: they cannot be read, or an array is not the one that was saved.
        UsageError: nothing there, a newer format, or a tree of other arrays.
    """
    args = _orbax().args
    folder = Path(folder).absolute()
    if not folder.is_dir():
        raise UsageError(f"There are no parameters at {folder}.")
    with contextlib.closing(_checkpointer()) as checkpointer:

        def read(item: str, how: Any) -> Any:
            return checkpointer.restore(folder, args=args.Composite(**{item: how}))[item]

        found = _read(folder, _by_itself(like), read, None, None)[0]
    if jax.process_count() == 1:
        return found
    return jax.tree.map(lambda x, to: _placed(x, _target(to)), found, like)


# --- contents


def _contents(tree: Any, extra: dict[str, Any], step: int | None = None) -> Any:
    args = _orbax().args
    arrays = _flat(tree)
    page = {
        "arrays": {name: _kind(x) for name, x in arrays.items()},
        "digests": {name: int(x) for name, x in jax.device_get(_digests(arrays)).items()},
        "extra": extra,
        "step": step,
    }
    written = {name: x for name, x in arrays.items() if x.size}  # Orbax refuses empty arrays.
    return args.Composite(state=args.StandardSave(written), page=args.JsonSave(_sealed(page)))


def _read(folder: Path, like: Any, read: Any, step: int | None, previous: int | None) -> Any:
    args = _orbax().args
    try:
        page = _opened(folder, read("page", args.JsonRestore()))
        if page.get("step", step) != step:
            raise ValueError(f"it was saved at step {page['step']}")
        wanted = {name: _target(x) for name, x in _flat(like).items()}
        _check_same(folder, page["arrays"], wanted)
        arrays = {
            name: jnp.zeros(x.shape, x.dtype, device=getattr(x, "sharding", None))
            for name, x in wanted.items()
            if not x.size
        }
        arrays |= read("state", args.StandardRestore({n: x for n, x in wanted.items() if x.size}))
        digests = jax.device_get(_digests(arrays))
        changed = [name for name, digest in digests.items() if int(digest) != page["digests"][name]]
        reason = f"the array {changed[0]} is not what was saved" if changed else None
    except UsageError:
        raise
    except Exception as error:  # Orbax and TensorStore raise many kinds for one broken file.
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    if reason is not None:
        _forget_unfinished_reads()
        raise DamagedCheckpoint(folder, reason, step, previous)
    leaves = [arrays[name] for name in _flat(like)]
    return jax.tree.unflatten(jax.tree.structure(like), leaves), page["extra"]


def _forget_unfinished_reads() -> None:
    """Where one array cannot be read, the reads of the others are left behind by Orbax.

    Python would print an error for each whenever it next collects them, long after the sentence
    that matters.
    """
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        gc.collect()
    finally:
        sys.unraisablehook = hook


def _sealed(page: dict[str, Any]) -> dict[str, Any]:
    return {"format": FORMAT, "sha256": _hash(page), "page": page}


def _opened(folder: Path, sealed: dict[str, Any]) -> dict[str, Any]:
    if sealed["format"] > FORMAT:
        raise UsageError(
            f"{folder} has the format {sealed['format']}, and this jaxemb reads up to {FORMAT}: "
            "install a newer jaxemb."
        )
    if sealed["sha256"] != _hash(sealed["page"]):
        raise ValueError("its page is not what was saved")
    return sealed["page"]


def _hash(page: dict[str, Any]) -> str:
    # Through JSON and back first, which makes lists of tuples and text of keys.
    text = json.dumps(json.loads(json.dumps(page)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _check_same(folder: Path, saved: dict[str, str], wanted: dict[str, Any]) -> None:
    expected = {name: _kind(x) for name, x in wanted.items()}
    names = [name for name in expected | saved if expected.get(name) != saved.get(name)]
    if names:
        raise UsageError(
            f"{folder} belongs to another recipe: {names[0]} is {saved.get(names[0], 'absent')} "
            f"there and {expected.get(names[0], 'absent')} here."
        )


def _flat(tree: Any) -> dict[str, Any]:
    """Arrays by flat name: empty branches and kinds of containers are no part of a checkpoint."""
    return {_name(keys): x for keys, x in jax.tree.leaves_with_path(tree)}


def _name(keys: tuple) -> str:
    return ".".join(str(getattr(k, "key", getattr(k, "name", getattr(k, "idx", k)))) for k in keys)


def _kind(x: Any) -> str:
    return f"{jnp.dtype(x.dtype).name}{list(x.shape)}"


def _target(x: Any) -> jax.ShapeDtypeStruct | np.ndarray:
    if isinstance(x, np.ndarray) and jax.process_count() > 1:
        return x
    sharding = getattr(x, "sharding", None)
    if sharding is None:
        sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding)


@jax.jit
def _digests(arrays: dict[str, Shaped[Array, "..."]]) -> dict[str, UInt32[Array, ""]]:
    """A number an array: its words, each multiplied by an odd number of its place, summed.

    Sums of integers do not depend on order, so the digest is the same on any sharding.
    """
    return {name: _digest(x) for name, x in arrays.items()}


def _digest(x: Shaped[Array, "..."]) -> UInt32[Array, ""]:
    if x.dtype == jnp.bool_:
        x = x.astype(jnp.uint8)
    words = {1: jnp.uint8, 2: jnp.uint16, 4: jnp.uint32, 8: jnp.uint32}[x.dtype.itemsize]
    words = jax.lax.bitcast_convert_type(x, words).astype(jnp.uint32)
    place = jnp.zeros(words.shape, jnp.uint32)
    for axis, size in enumerate(words.shape):
        place = place * jnp.uint32(size) + jax.lax.broadcasted_iota(jnp.uint32, words.shape, axis)
    odd = place * jnp.uint32(2 * 0x9E3779B1 % 2**32) + jnp.uint32(0x85EBCA6B)
    return jnp.sum(words * odd, dtype=jnp.uint32)


# --- orbax


@functools.cache
def _orbax() -> Any:
    import orbax.checkpoint

    return orbax.checkpoint


def _placed(x: Any, like: Any) -> Any:
    return jax.device_put(x, getattr(like, "sharding", jax.local_devices()[0]))


def _checkpointer() -> Any:
    """Writes and reads for this process alone."""
    ocp = _orbax()
    if jax.process_count() == 1:
        return ocp.Checkpointer(ocp.CompositeCheckpointHandler("state", "page"))
    own = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(
        primary_host=own, active_processes={own}, barrier_sync_key_prefix=f"process_{own}"
    )
    options = ocp.CompositeOptions(multiprocessing_options=alone)
    handler = ocp.CompositeCheckpointHandler("state", "page", composite_options=options)
    return ocp.Checkpointer(handler, multiprocessing_options=alone)


def _by_itself(tree: Any) -> Any:
    """Arrays of one process as Orbax takes them where there are others: as numpy."""
    if jax.process_count() == 1:
        return tree

    def plain(x: Any) -> np.ndarray:
        return np.zeros(x.shape, x.dtype) if isinstance(x, jax.ShapeDtypeStruct) else np.asarray(x)

    return jax.tree.map(plain, tree)


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """A full or forbidden disk as one sentence; every other error as it is."""
    try:
        yield
    except Exception as error:
        reason = _disk_reason(error)
        if reason is None:
            raise
        free = _free(folder)
        raise UsageError(
            f"The checkpoint in {folder} cannot be written: {reason}{free}."
        ) from error


_DISK_REASONS = (
    "No space left on device", "Permission denied", "Operation not permitted", "Not a directory",
    "Read-only file system", "Disk quota exceeded", "File too large", "File exists",
)  # fmt: skip


def _disk_reason(error: BaseException | None) -> str | None:
    """What the system said, wherever in the chain of errors it said it."""
    while error is not None:
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        for reason in _DISK_REASONS:
            if reason.lower() in str(error).lower():
                return reason
        error = error.__cause__ or error.__context__
    return None


def _free(folder: Path) -> str:
    with contextlib.suppress(OSError):
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        return f" ({shutil.disk_usage(existing).free / 1e6:.0f} MB are free)"
    return ""
