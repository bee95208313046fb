"""What a call of `Model.encode` asks for, and the vectors of texts window by window."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from jaxemb.config import UsageError
from jaxemb.model.batches import Params, Report, embed
from jaxemb.model.windows import Tokenise, tokenised


@dataclasses.dataclass(frozen=True, kw_only=True)
class Encoding:
    """How texts are to be encoded; `Model.encode` says what each field means."""

    dim: int | None
    layers: int | None
    batch_size: int | None
    batch_tokens: int | None
    max_tokens: int | None
    prompt: str | None
    role: str
    normalize: bool

    def check(self, model: Any) -> None:
        """Raises UsageError where a number is out of range for a model."""
        check_least("batch_size", self.batch_size, 1)
        check_least("batch_tokens", self.batch_tokens, 1)
        check_least("max_tokens", self.max_tokens, 3)
        if self.dim is not None and not 1 <= self.dim <= model.dim:
            raise UsageError(
                f"dim={self.dim} is out of range: this model's vectors have 1 to {model.dim}."
            )


def check_least(name: str, value: int | None, least: int) -> None:
    """Raises UsageError where a number is given and is too small."""
    if value is not None and value < least:
        raise UsageError(f"{name}={value} must be at least {least}.")


def encoded(
    tower: Any,
    params_on: Callable[[int], Params],
    windows: Iterable[Sequence[str]],
    tokenise: Tokenise,
    asked: Encoding,
    report: Report | None,
    prompts: Sequence[int],
) -> Iterator[np.ndarray | list[np.ndarray]]:
    """The vectors of each window as the tower gives them, meaned over the ways of a template.

    Args:
        params_on: the tower's parameters on so many of this process's devices.
        prompts: how many first tokens of each text are the prompt's, for each way.
    """
    for texts, ways in tokenised(windows, tokenise):
        # A text by itself is for one device, and so is each of strict ones.
        alone = asked.batch_size == 1 or len(texts) < 2
        devices = 1 if alone else jax.local_device_count()
        params = params_on(devices)
        found = [
            embed(tower, params, ids, asked.batch_size, asked.batch_tokens, devices, report, prompt)
            for ids, prompt in zip(ways, prompts, strict=True)
        ]
        yield found[0] if len(found) == 1 else np.mean(found, axis=0)
