"""Several processes that make one run: how they start, agree, and end together.

Every process does the same, in the same order: JAX lets them compute together. What depends on more
than the recipe (files, a signal, lengths of texts that only one of them read) they agree on here,
over one connection from each process to the first. A connection that closes without a farewell is a
process that died: the others then end with one sentence, instead of waiting for it for good.
"""

import atexit
import contextlib
import dataclasses
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import jax

from jaxemb.config import UsageError
from jaxemb.runtime.peers import START, Peers, connected, filtered

Value = TypeVar("Value")
_peers: Peers | None = None
PATIENCE = 60.0
"""Seconds that the others have to fail as well, before a process that failed alone ends the run."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """Where a process stands in a run: the address of process 0, how many there are, its own number.

    What is None is asked of the cluster that started the process: SLURM, a TPU pod, Open MPI,
    Kubernetes.
    """

    coordinator: str | None = None
    processes: int | None = None
    process_id: int | None = None

    def check(self) -> None:
        """Raises UsageError where the three do not go together."""
        if self.coordinator is not None and not _is_address(self.coordinator):
            raise UsageError(f"--coordinator {self.coordinator}: write HOST:PORT of process 0.")
        if self.processes is not None and self.processes < 1:
            raise UsageError(f"--processes {self.processes} must be at least 1.")
        if self.process_id is None:
            return
        if self.processes is None:
            raise UsageError("--process-id needs --processes: how many there are altogether.")
        if not 0 <= self.process_id < self.processes:
            raise UsageError(
                f"--process-id {self.process_id} must be from 0 to {self.processes - 1}, "
                f"as there are {self.processes} processes."
            )


_VARIABLES = {
    "coordinator": "JAX_COORDINATOR_ADDRESS",
    "processes": "JAX_NUM_PROCESSES",
    "process_id": "JAX_PROCESS_ID",
}


def asked(
    *,
    cluster: bool = False,
    coordinator: str | None = None,
    processes: int | None = None,
    process_id: int | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Place | None:
    """The place that options ask for, or else JAX's variables; None for a process by itself.

    Args:
        cluster: the cluster tells what is not given.

    Raises:
        UsageError: an address without a number of processes or of this one, a variable that is no
            number, or a number out of range.

    Example:
        >>> asked(environment={}) is None
        True
        >>> asked(coordinator="10.0.0.1:1234", processes=2, process_id=1, environment={}).process_id
        1
    """
    given = {"coordinator": coordinator, "processes": processes, "process_id": process_id}
    for name, variable in _VARIABLES.items():
        text = environment.get(variable)
        if given[name] is None and text:
            given[name] = text if name == "coordinator" else _number(variable, text)
    place = Place(**given)
    if not cluster and all(value is None for value in given.values()):
        return None
    place.check()
    missing = [name for name, value in given.items() if value is None]
    if not cluster and missing and not _in_cluster(environment):
        raise UsageError(_incomplete(missing))
    return place


def _incomplete(missing: list[str]) -> str:
    options = {name: f"--{name.replace('_', '-')} ({_VARIABLES[name]})" for name in _VARIABLES}
    given = [text for name, text in options.items() if name not in missing]
    absent = [text for name, text in options.items() if name in missing]
    return (
        f"{' and '.join(given)} {'is' if len(given) == 1 else 'are'} given without "
        f"{' and '.join(absent)}: every process of a run gets all three, or --cluster "
        "where SLURM, a TPU pod or Open MPI started it."
    )


def _in_cluster(environment: Mapping[str, str]) -> bool:
    started_by = ("SLURM_STEP_NODELIST", "OMPI_MCA_orte_hnp_uri", "TPU_WORKER_ID")
    return any(environment.get(name) for name in started_by)


def _number(variable: str, text: str) -> int:
    if not text.isdigit():
        raise UsageError(f"{variable}={text} must be a whole number.")
    return int(text)


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and port.isdigit() and 0 < int(port) < 65_536


# --- joining and leaving


@contextlib.contextmanager
def joined(place: Place | None, *, seconds: int = START) -> Iterator[None]:
    """Inside, this process makes one run with the others; None changes nothing.

    To be entered before JAX computes anything. An exception tells the others why this one ends.

    Args:
        seconds: how long to wait for the others at the start.

    Raises:
        UsageError: the others were not there in time, the port is taken, or no cluster is known.
    """
    global _peers
    if place is None:
        yield
        return
    _start(place, seconds)
    with contextlib.nullcontext() if jax.process_index() == 0 else filtered():
        _peers = connected(place.coordinator)
        try:
            yield
        except BaseException as error:
            _peers.end(_sentence(error))
            # JAX would wait at exit for the others, which have gone, and end with a page of its own.
            atexit.register(_exit, _code(error))
            raise
        else:
            _peers.leave()
            jax.distributed.shutdown()
        finally:
            _peers = None


def _start(place: Place, seconds: int) -> None:
    try:
        jax.distributed.initialize(
            place.coordinator,
            place.processes,
            place.process_id,
            initialization_timeout=seconds,
        )
    except Exception as error:  # ValueError, RuntimeError, and XLA's own
        raise UsageError(_not_started(place, seconds, error)) from error


def _not_started(place: Place, seconds: int, error: Exception) -> str:
    if place.coordinator is None:
        return (
            "No cluster tells this process where it stands: start it by srun, on a TPU pod or by "
            "mpirun, or give --coordinator, --processes and --process-id."
        )
    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    if place.process_id == 0 and "DEADLINE" not in reason:
        return f"Process 0 cannot listen at {place.coordinator}: {reason}"
    return (
        f"The {place.processes or ''} processes did not all meet at {place.coordinator} within "
        f"{seconds} seconds: start every one of them with the same address and its own number."
    )


def _code(error: BaseException) -> int:
    """The exit code of a process that ends by this, as the command line has them."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return {UsageError: 2, KeyboardInterrupt: 130}.get(type(error), 1)


def _exit(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _sentence(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted"
    if isinstance(error, SystemExit):
        return f"it ended with code {error.code}"
    text = " ".join(str(error).split())
    return text if isinstance(error, UsageError) else f"{type(error).__name__}: {text}"


# --- agreeing


def count() -> int:
    """How many processes make this run; 1 where this one was not `joined` with others."""
    return 1 if _peers is None else jax.process_count()


def is_first() -> bool:
    """Whether this process writes what the run leaves behind."""
    return _peers is None or jax.process_index() == 0


def gather(value: Value, patience: float | None = None) -> list[Value]:
    """JSON of every process, in their order, known to all; waits until all have come here.

    Args:
        patience: seconds that the others have; by default, as long as it takes them.

    Example:
        >>> gather("one process alone")
        ['one process alone']
    """
    return [value] if _peers is None else _peers.gather(value, patience)


def agree(value: Value) -> Value:
    """What process 0 says; JSON."""
    return gather(value)[0]


def lead(make: Callable[[], Value]) -> Value:
    """What process 0 makes, known to all; JSON. The others wait for it."""
    return agree(make() if is_first() else None)


@contextlib.contextmanager
def together() -> Iterator[None]:
    """What fails inside in one process fails in all, as soon as all are through.

    Raises:
        RuntimeError: another process failed, and this one did not.
    """
    try:
        yield
    except UsageError:  # ends the run
        raise
    except Exception as error:
        gather(_sentence(error), PATIENCE)
        raise
    outcomes = gather(None)
    failed = [f"process {n}: {told}" for n, told in enumerate(outcomes) if told is not None]
    if failed:
        raise RuntimeError(failed[0])
