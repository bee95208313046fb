"""Arms in parallel: worker processes that share the trials and seeds of every job.

`python -m jaxemb.study.workers` is one of them; `run_jobs` starts them and sends them work.
"""

import contextlib
import ctypes
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from jaxemb.config import UsageError
from jaxemb.runtime.memory import KEEP_MEMORY
from jaxemb.study.jobs import Job, shares
from jaxemb.study.runs import run_arm
from jaxemb.study.tuning import forget_tuning

Emit = Callable[[dict], None]


def default_jobs() -> int:
    """Worker processes: one per core without an accelerator, where small models scale worst."""
    import jax

    return len(_cores()) if jax.default_backend() == "cpu" else 1


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def run_jobs(jobs: Sequence[Job], workers: int, emit: Emit) -> None:
    """Run jobs, in `workers` processes that each keep to their own cores and share every job.

    With one worker they run in this process. On Ctrl-C the workers finish the write they are in.
    """
    for job in jobs:
        if job.again:
            forget_tuning(job)
    if workers <= 1:
        for job in jobs:
            run_arm(job, lambda event, arm=job.arm: emit({"arm": arm, **event}))
        return
    pool = _Pool(jobs, emit)
    cores = _cores()
    count = min(workers, sum(len(job.seeds) for job in jobs))
    threads = [
        threading.Thread(target=pool.serve, args=(tuple(cores[n::count]),), daemon=True)
        for n in range(count)
    ]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)
    except KeyboardInterrupt:
        pool.stop()
        for thread in threads:
            thread.join()
        raise
    if pool.refusals:
        raise UsageError(pool.refusals[0])


class Schedule:
    """Shares of jobs in order, to be taken by several threads.

    A thread keeps to an arm while it has shares, since its process has compiled the arm's programs;
    then it takes an arm that nobody is at, and at the end helps with those of others. The seeds of an
    arm come when its learning rates have been tried; until then other arms do.

    Example:
        >>> schedule, share = Schedule(jobs), None
        >>> while (share := schedule.take(near=share)) is not None:
        ...     schedule.done(share)
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._waiting = [share for job in jobs for share in shares(job)]
        trials = (share.folder for share in self._waiting if share.trial is not None)
        self._untried = Counter(trials)
        self._under_way: Counter[str] = Counter()
        self._changed = threading.Condition()

    def take(self, near: Job | None = None) -> Job | None:
        """The next share, of the arm of `near` if it can be; None at the end.

        Waits for trials under way where nothing else is left.
        """

        def distance(share: Job) -> int:
            if near is not None and share.folder == near.folder:
                return 0
            return 2 if self._under_way[share.folder] else 1

        with self._changed:
            while self._waiting:
                ready = [
                    share
                    for share in self._waiting
                    if share.trial is not None or not self._untried[share.folder]
                ]
                if ready:
                    share = min(ready, key=distance)
                    self._waiting.remove(share)
                    self._under_way[share.folder] += 1
                    return share
                self._changed.wait()
            return None

    def done(self, share: Job) -> None:
        """A share has been run, or has failed."""
        with self._changed:
            self._untried[share.folder] -= share.trial is not None
            self._under_way[share.folder] -= 1
            self._changed.notify_all()

    def drop(self, folder: str | None = None) -> None:
        """Leave out what is still waiting: of one arm, or everything."""
        with self._changed:
            self._waiting = [s for s in self._waiting if folder not in (None, s.folder)]
            self._changed.notify_all()


class _Pool:
    """Threads that take shares from a schedule and watch one worker process each."""

    def __init__(self, jobs: Sequence[Job], emit: Emit) -> None:
        self.schedule, self.refusals = Schedule(jobs), []
        self._emit, self._lock, self._stopped = emit, threading.Lock(), False
        self._processes: set[subprocess.Popen] = set()

    def serve(self, cores: tuple[int, ...]) -> None:
        """Run shares until there are none; a process that died is replaced for the next share."""
        process = share = None
        while (share := self.schedule.take(near=share)) is not None:
            try:
                process = process or self._start(cores, Path(share.folder))
                if not self._run(share, process):
                    self._end(process, share)
                    process = None
            finally:  # others may wait for this one
                self.schedule.done(share)
        if process is not None:
            self._end(process)

    def stop(self) -> None:
        self._stopped = True
        self.schedule.drop()
        for process in list(self._processes):
            _interrupt(process)

    def emit(self, event: dict) -> None:
        with self._lock:
            self._emit(event)

    def _start(self, cores: tuple[int, ...], folder: Path) -> subprocess.Popen:
        folder.mkdir(parents=True, exist_ok=True)
        listed = [",".join(map(str, cores))] if cores else []
        with (folder / "log.txt").open("a", encoding="utf-8") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "jaxemb.study.workers", *listed],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                start_new_session=True,
                env={**KEEP_MEMORY, **os.environ},
            )
        self._processes.add(process)
        if self._stopped:  # while it was being started
            _interrupt(process)
        return process

    def _run(self, share: Job, process: subprocess.Popen) -> bool:
        """Send a share and pass its events on; False if the process ended before it was ready."""
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(dataclasses.asdict(share)) + "\n")
            process.stdin.flush()
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "ready":
                return True
            if event["event"] == "refused":
                self.refusals.append(event["error"])
                self.schedule.drop(share.folder)
            self.emit(event)
        return False

    def _end(self, process: subprocess.Popen, share: Job | None = None) -> None:
        """Wait for a process; if it died over a seed's share, tell."""
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        code = process.wait()
        process.stdout.close()
        self._processes.discard(process)
        if share is not None and share.trial is None and not self._stopped:
            log = Path(share.folder) / "log.txt"
            error = f"the worker process ended with code {code}; see {log}"
            seed = share.seeds[0]
            self.emit({"event": "failed", "arm": share.arm, "seed": seed, "error": error})


def _interrupt(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)


_DEATH_OF_PARENT = 1  # PR_SET_PDEATHSIG of Linux


def _die_with(parent: int) -> None:
    """End when the parent does, however it ends; on Linux at once, elsewhere within a second."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_DEATH_OF_PARENT, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(130)

    threading.Thread(target=watch, daemon=True).start()


def main(argv: list[str]) -> int:
    """A worker process: reads one job per line, writes one event per line.

    After each job comes the event "ready". The argument names the cores to keep to: `0,2`.
    """
    _die_with(os.getppid())
    # A process that was started in the background inherits that Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if argv and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [int(core) for core in argv[0].split(",")])
    # Only events may reach the pipe, whatever a library prints, be it below Python.
    sys.stdout.flush()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr

    def emit(event: dict) -> None:
        out.write(json.dumps(event, default=float) + "\n")
        out.flush()

    worker = _Worker(emit)
    try:
        for line in sys.stdin:
            worker.take(Job(**json.loads(line)))
            emit({"event": "ready"})
    except (KeyboardInterrupt, BrokenPipeError):  # a reader that has gone is nobody's failure
        return 130
    return 0


class _Worker:
    """What a worker process keeps between jobs: the files it has loaded, the arm it was at."""

    def __init__(self, emit: Emit) -> None:
        self._emit, self._loaded, self._folder = emit, set(), ""

    def take(self, job: Job) -> None:
        from jaxemb.study.experiment_files import load_file

        try:
            self._turn_to(job)
            if job.file not in self._loaded:
                load_file(job.file)
                self._loaded.add(job.file)
            run_arm(job, lambda event: self._emit({"arm": job.arm, **event}))
        except UsageError as error:
            self._emit({"event": "refused", "arm": job.arm, "error": str(error)})
        except (
            OSError
        ) as error:  # a seed's own errors are set apart in its folder: this one cannot be
            told = f"{job.folder} cannot be written: {error.strerror or error}."
            self._emit({"event": "refused", "arm": job.arm, "error": told})

    def _turn_to(self, job: Job) -> None:
        """Another arm: its own log, and no programs left of the one before."""
        if job.folder == self._folder:
            return
        if self._folder:
            import jax

            jax.clear_caches()
        self._folder = job.folder
        Path(job.folder).mkdir(parents=True, exist_ok=True)
        sys.stderr.flush()
        with (Path(job.folder) / "log.txt").open("a", encoding="utf-8") as log:
            os.dup2(log.fileno(), 2)
            os.dup2(log.fileno(), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
