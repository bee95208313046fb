"""Checkpoints: the only orbax import. Saved on any number of devices, restored on any other.

A checkpoint is a folder named by its step. It holds the arrays of a tree under flat names
(`params.encoder.block_0.kernel`), and a JSON page with the format, the arrays' shapes and digests,
and whatever the caller wants back. Orbax writes under another name and renames when all is there,
so that a half-written checkpoint is no checkpoint. The digests find what was damaged later.
"""

import contextlib
import functools
import gc
import os
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxemb.config import UsageError
from jaxemb.config.files import discard, warn
from jaxemb.runtime.digests import digests_of
from jaxemb.runtime.disk import writing_checkpoint
from jaxemb.runtime.pages import (
    check_same_arrays,
    flat,
    kind_of,
    opened_page,
    sealed_page,
    target_of,
)


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
        with writing_checkpoint(self.folder):
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
        with writing_checkpoint(self.folder):
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
        with writing_checkpoint(self.folder):
            self._manager.wait_until_finished()

    def close(self) -> None:
        """Wait, and end the threads that write."""
        with writing_checkpoint(self.folder):
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
    with writing_checkpoint(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with writing_checkpoint(folder), contextlib.closing(_checkpointer()) as checkpointer:
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
    return jax.tree.map(lambda x, to: _placed(x, target_of(to)), found, like)


def _contents(tree: Any, extra: dict[str, Any], step: int | None = None) -> Any:
    args = _orbax().args
    arrays = flat(tree)
    page = {
        "arrays": {name: kind_of(x) for name, x in arrays.items()},
        "digests": {name: int(x) for name, x in jax.device_get(digests_of(arrays)).items()},
        "extra": extra,
        "step": step,
    }
    written = {name: x for name, x in arrays.items() if x.size}  # Orbax refuses empty arrays.
    return args.Composite(state=args.StandardSave(written), page=args.JsonSave(sealed_page(page)))


def _read(folder: Path, like: Any, read: Any, step: int | None, previous: int | None) -> Any:
    args = _orbax().args
    try:
        page = opened_page(folder, read("page", args.JsonRestore()))
        if page.get("step", step) != step:
            raise ValueError(f"it was saved at step {page['step']}")
        wanted = {name: target_of(x) for name, x in flat(like).items()}
        check_same_arrays(folder, page["arrays"], wanted)
        arrays = {
            name: jnp.zeros(x.shape, x.dtype, device=getattr(x, "sharding", None))
            for name, x in wanted.items()
            if not x.size
        }
        arrays |= read("state", args.StandardRestore({n: x for n, x in wanted.items() if x.size}))
        digests = jax.device_get(digests_of(arrays))
        changed = [name for name, digest in digests.items() if int(digest) != page["digests"][name]]
        reason = f"the array {changed[0]} is not what was saved" if changed else None
    except UsageError:
        raise
    except Exception as error:  # Orbax and TensorStore raise many kinds for one broken file.
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    if reason is not None:
        _forget_unfinished_reads()
        raise DamagedCheckpoint(folder, reason, step, previous)
    leaves = [arrays[name] for name in flat(like)]
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
