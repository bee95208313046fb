"""What a person watching wants to know of a step: speed in real tokens, padding, time left."""

import collections
import time
from typing import Any

import jax
import numpy as np

from jaxemb.text import TextBatch

WINDOW = 20  # steps that rates are averaged over


class Meter:
    """Rates over the last steps; time spent compiling, evaluating or saving is left out.

    `peak` is what the devices could do together, in FLOP/s; None where that is not known.
    """

    def __init__(self, steps: int, peak: float | None = None):
        self.steps, self._peak = steps, peak
        self._recent: collections.deque = collections.deque(maxlen=WINDOW)
        self._last = time.perf_counter()

    def skip(self) -> None:
        """The time since the last step was spent on something else."""
        self._last = time.perf_counter()

    def measure(self, step: int, tokens: int, slots: int, flops: int) -> dict[str, float]:
        """Rates once `step` is done, which embedded `tokens` real tokens in `slots` positions."""
        now = time.perf_counter()
        self._recent.append((now - self._last, tokens, slots, flops))
        self._last = now
        seconds, tokens, slots, flops = (sum(column) for column in zip(*self._recent, strict=True))
        pace = len(self._recent) / max(seconds, 1e-9)
        utilization = {"mfu": flops / max(seconds, 1e-9) / self._peak} if self._peak else {}
        return {
            **utilization,
            "steps_per_second": pace,
            "tokens_per_second": tokens / max(seconds, 1e-9),
            "padding_efficiency": tokens / max(slots, 1),
            "flops_per_second": flops / max(seconds, 1e-9),
            "seconds_left": (self.steps - step) / pace,
        }


def count_tokens(batch: dict[str, Any]) -> tuple[int, int]:
    """Real tokens and positions of a host batch; of several processes, as if all had this one's."""
    masks, count = [x.mask for x in batch.values() if isinstance(x, TextBatch)], jax.process_count()
    real, every = sum(int(np.sum(mask)) for mask in masks), sum(mask.size for mask in masks)
    return count * real, count * every


def fetch(metrics: dict[str, Any]) -> dict[str, float]:
    """Device scalars as floats; waits for the step that makes them."""
    return {name: float(value) for name, value in jax.device_get(metrics).items()}
