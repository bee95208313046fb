"""What a run costs the machine: programs compiled, seconds to its first step, memory at its peak."""

import functools
import resource
import sys
import time

COMPILED = "/jax/core/compile/backend_compile_duration"


class RunningCosts:
    """Watches one run of a process.

    Example:
        >>> costs = RunningCosts()
        >>> costs.step()
        >>> sorted(costs.summary())
        ['peak_memory_bytes', 'programs', 'seconds_to_first_step']
    """

    def __init__(self) -> None:
        self._started, self._first = time.perf_counter(), None
        self._programs = _programs()[0]

    def step(self) -> None:
        """A training step has been read; only the first one counts."""
        if self._first is None:
            self._first = time.perf_counter() - self._started

    def summary(self) -> dict[str, int | float | None]:
        """`programs` are those that XLA compiled or read from its cache since the watch began, for
        training and scoring alike; `peak_memory_bytes` is the process's own, with earlier runs of it;
        `seconds_to_first_step` has fitting and compilation in it, and is None where nothing trained.
        """
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {
            "programs": _programs()[0] - self._programs,
            "seconds_to_first_step": None if self._first is None else round(self._first, 2),
            "peak_memory_bytes": peak if sys.platform == "darwin" else peak * 1024,
        }


@functools.cache
def _programs() -> list[int]:
    """How many programs this process has had compiled, in a cell that JAX's monitoring adds to."""
    import jax

    count = [0]

    def add(event: str, seconds: float, **about: object) -> None:
        count[0] += event == COMPILED

    jax.monitoring.register_event_duration_secs_listener(add)
    return count
