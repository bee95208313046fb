"""Several processes that make one run: how they start, agree, and end together.

Every process does the same, in the same order: JAX lets them compute together. What depends on more
than the recipe (files, a signal, lengths of texts that only one of them read) they agree on here,
over one connection from each process to the first. A connection that closes without a farewell is a
process that died: the others then end with one sentence, instead of waiting for it for good.
"""

import atexit
import contextlib
import dataclasses
import json
import os
import queue
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np

from jaxemb.config import UsageError

Value = TypeVar("Value")
ENDED = 3
"""The exit code of a process that ends because another one did."""
PATIENCE = 60.0
"""Seconds that the others have to fail as well, before a process that failed alone ends the run."""
_START = 300
_FAREWELL = 10.0
_LETTER = 512  # bytes
_LOCAL = ("127.0.0.1", "localhost", "::1")


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
def joined(place: Place | None, *, seconds: int = _START) -> Iterator[None]:
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
    with contextlib.nullcontext() if jax.process_index() == 0 else _filtered():
        _peers = _connected(place)
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


# --- connections


class _Link:
    """A connection to one process: a JSON line for each message, read by a thread of its own."""

    def __init__(self, connection: socket.socket, number: int, told: "_Peers"):
        self.number, self._connection, self._peers = number, connection, told
        self._values: queue.SimpleQueue = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def send(self, kind: str, value: Any = None, patience: float | None = None) -> None:
        # A process that has gone is found by the thread that reads.
        with contextlib.suppress(OSError):
            self._connection.sendall(
                json.dumps([kind, value, patience], default=float).encode() + b"\n"
            )

    def take(self) -> Any:
        """The next value that the process sends."""
        return self._values.get()

    def wait(self, seconds: float) -> None:
        """Until the process has closed the connection."""
        self._thread.join(seconds)

    def drain(self, seconds: float) -> None:
        """The same, where the thread that reads is the one that waits."""
        with contextlib.suppress(OSError):
            self._connection.settimeout(seconds)
            while self._connection.recv(_LETTER):
                pass

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in self._connection.makefile(encoding="utf-8"):
                kind, value, patience = json.loads(line)
                if kind == "value":
                    self._peers.expect(self.number, value, patience)
                    self._values.put(value)
                elif kind == "ended":
                    self._peers.lost(self.number, value)
                elif kind == "farewell":
                    return
        self._peers.lost(self.number, None)


class _Peers:
    """The other processes, as the first one sees them; to the others, the first one alone."""

    def __init__(self, connections: Mapping[int, socket.socket]):
        self._leaving = threading.Event()
        self._timer: threading.Timer | None = None
        self._links = {n: _Link(one, n, self) for n, one in connections.items()}

    def gather(self, value: Any, patience: float | None) -> list[Any]:
        if jax.process_index() != 0:
            (first,) = self._links.values()
            first.send("value", value, patience)
            return first.take()
        self.expect(0, value, patience)
        found = [value, *(link.take() for link in self._links.values())]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for link in self._links.values():
            link.send("value", found)
        return found

    def expect(self, number: int, value: Any, patience: float | None) -> None:
        """Give the others so many seconds, from the first one that failed."""
        if patience is not None and self._timer is None:
            told = f"{value} (and the others did not fail so)"
            self._timer = threading.Timer(patience, self.lost, (number, told))
            self._timer.daemon = True
            self._timer.start()

    def lost(self, number: int, why: str | None) -> None:
        """End this process, and by that all others, because one has ended."""
        if self._leaving.is_set():
            return
        self._leaving.set()
        reason = why or f"process {number} of this run has ended without a word"
        if why is not None and not why.startswith("process "):
            reason = f"process {number} of this run has ended: {why.rstrip('.')}"
        for link in self._links.values():
            link.send("ended", reason)
        told = f"error: {reason}; this one ends with it, and the same command goes on from there."
        print(told, file=sys.stderr, flush=True)
        if jax.process_index() == 0:
            # JAX would end the others with a page of its own if its coordinator went before them.
            for link in self._links.values():
                link.drain(_FAREWELL)
        os._exit(ENDED)

    def end(self, why: str) -> None:
        """Tell the others why this process ends; the first one goes when they have gone."""
        if self._leaving.is_set():
            return
        self._leaving.set()
        for link in self._links.values():
            link.send("ended", why)
        if jax.process_index() == 0:
            for link in self._links.values():
                link.wait(_FAREWELL)

    def leave(self) -> None:
        """Go when all are ready to."""
        self.gather(None, None)
        self._leaving.set()
        for link in self._links.values():
            link.send("farewell")


_peers: _Peers | None = None


def _connected(place: Place) -> _Peers:
    """A connection from each process to the first, which tells the others by JAX where it listens."""
    from jax.experimental.multihost_utils import broadcast_one_to_all

    host = (place.coordinator or "").rpartition(":")[0].strip("[]")
    letter, server = b"", None
    if jax.process_index() == 0:
        server = socket.create_server(("127.0.0.1" if host in _LOCAL else "", 0))
        names = [host, socket.gethostname(), _own_address()]
        told = [secrets.token_hex(8), server.getsockname()[1], [n for n in names if n]]
        letter = json.dumps(told).encode()
    page = np.frombuffer(letter.ljust(_LETTER), np.uint8)
    token, port, hosts = json.loads(bytes(np.asarray(broadcast_one_to_all(page), np.uint8)))
    if server is not None:
        with server:
            return _Peers(_accepted(server, token))
    connection = _reached(hosts, port)
    connection.sendall(f"{token} {jax.process_index()}\n".encode())
    return _Peers({0: connection})


def _accepted(server: socket.socket, token: str) -> dict[int, socket.socket]:
    """A connection from each of the other processes; who does not know the token is no process."""
    found: dict[int, socket.socket] = {}
    server.settimeout(_START)
    while len(found) < jax.process_count() - 1:
        connection, _ = server.accept()
        connection.settimeout(_FAREWELL)
        words = _first_line(connection).split()
        if len(words) == 2 and words[0] == token:
            connection.settimeout(None)
            found[int(words[1])] = connection
        else:
            connection.close()
    return dict(sorted(found.items()))


def _first_line(connection: socket.socket) -> str:
    """Read byte by byte: what follows belongs to another reader."""
    line = b""
    with contextlib.suppress(OSError):
        while len(line) < 64 and not line.endswith(b"\n"):
            byte = connection.recv(1)
            if not byte:
                break
            line += byte
    return line.decode("ascii", "replace")


def _reached(hosts: list[str], port: int) -> socket.socket:
    for host in hosts:
        with contextlib.suppress(OSError):
            connection = socket.create_connection((host, port), timeout=_FAREWELL)
            connection.settimeout(None)
            return connection
    raise UsageError(
        f"Process {jax.process_index()} does not reach process 0 at port {port} of "
        f"{' or '.join(hosts)}: the machines of a run must let each other connect."
    )


def _own_address() -> str:
    with contextlib.suppress(OSError):
        return socket.gethostbyname(socket.gethostname())
    return ""


@contextlib.contextmanager
def _filtered() -> Iterator[None]:
    """Standard error by way of `last_words`, below Python: what C++ prints goes there as well.

    After an error it stays so to the end of the process.
    """
    program = Path(__file__).with_name("last_words.py")
    reader = subprocess.Popen(
        [sys.executable, "-S", str(program)], stdin=subprocess.PIPE, start_new_session=True
    )
    sys.stderr.flush()
    before = os.dup(2)
    os.dup2(reader.stdin.fileno(), 2)
    reader.stdin.close()
    yield
    sys.stderr.flush()
    os.dup2(before, 2)
    os.close(before)
    reader.wait()
