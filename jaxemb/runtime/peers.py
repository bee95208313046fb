"""The connections between processes that make one run, and what a closed one means."""

import contextlib
import json
import os
import queue
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxemb.config import UsageError

ENDED = 3
"""The exit code of a process that ends because another one did."""
START = 300
"""Seconds that processes wait for each other at the start."""
_FAREWELL = 10.0
_LETTER = 512  # bytes
_LOCAL = ("127.0.0.1", "localhost", "::1")


class Link:
    """A connection to one process: a JSON line for each message, read by a thread of its own."""

    def __init__(self, connection: socket.socket, number: int, told: "Peers"):
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


class Peers:
    """The other processes, as the first one sees them; to the others, the first one alone."""

    def __init__(self, connections: Mapping[int, socket.socket]):
        self._leaving = threading.Event()
        self._timer: threading.Timer | None = None
        self._links: dict[int, Link] = {}
        for number, connection in connections.items():
            self._links[number] = Link(connection, number, self)

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


def connected(coordinator: str | None) -> Peers:
    """A connection from each process to the first, which tells the others by JAX where it listens."""
    from jax.experimental.multihost_utils import broadcast_one_to_all

    host = (coordinator or "").rpartition(":")[0].strip("[]")
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
            return Peers(_accepted(server, token))
    connection = _reached(hosts, port)
    connection.sendall(f"{token} {jax.process_index()}\n".encode())
    return Peers({0: connection})


def _accepted(server: socket.socket, token: str) -> dict[int, socket.socket]:
    """A connection from each of the other processes; who does not know the token is no process."""
    found: dict[int, socket.socket] = {}
    server.settimeout(START)
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
def filtered() -> Iterator[None]:
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
