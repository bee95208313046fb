"""Examples → shuffled, tokenised, padded batches, with a state that resumes exactly."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxemb.config import UsageError
from jaxemb.data.base import Batches
from jaxemb.data.chain import Chain, digest_of_examples
from jaxemb.data.collation import Batch, Collator
from jaxemb.data.orders import Order, Sequel, Shuffled
from jaxemb.data.shares import part_of
from jaxemb.text import TextBatch

_SHUFFLED = Shuffled()
_SAMPLED = 16  # batches by which the lengths of all are chosen
_AHEAD = 4  # batches prepared before they are asked for
_THREADS = max(1, min(_AHEAD, (os.cpu_count() or 1) // 4))  # that tokenise ahead of the step
_REMEMBERED = 200_000  # examples; the ids of larger data are not kept in memory


@dataclass(frozen=True)
class BatchStats:
    """How full a batch is: real tokens, and the tokens of its padded shapes."""

    tokens: int
    padded: int

    @property
    def efficiency(self) -> float:
        """Share of the padded tokens that are real."""
        return self.tokens / self.padded if self.padded else 0.0


class BatchIterator(Batches):
    """An endless iterator of batches, each epoch in its own order.

    A batch is a dict of columns: `TextBatch` `[batch, tokens]` (`[batch, k, tokens]` for
    negatives) at one of a few lengths, and numpy arrays. `stats` tells of the last batch, and
    `digest` of all that were handed out.

    Example:
        >>> batches = Pairs(batch_size=2).batches(tokenizer, seed=0)  # doctest: +SKIP
        >>> next(batches)["query"].ids.shape                          # doctest: +SKIP
        (2, 16)
    """

    def __init__(
        self,
        make: Callable[[np.ndarray], Batch],
        order: Sequel,
        about: dict[str, Any],
        chain: Chain,
    ):
        import grain

        options = grain.ReadOptions(num_threads=_THREADS, prefetch_buffer_size=_AHEAD)
        self._rows = _Rows()
        made = order.map(lambda places: (places, make(self._rows(places))))
        self._iterator = iter(made.to_iter_dataset(options))
        self._order, self._about, self._chain = order, about, chain
        self.stats = BatchStats(0, 0)

    @property
    def digest(self) -> str:
        return self._chain.digest

    def __next__(self) -> Batch:
        places, batch = next(self._iterator)
        self._chain.add(places)
        self.stats = _stats(batch)
        return batch

    def share(self, part: int, parts: int) -> bool:
        """Read and tokenise only the rows of one part of every batch."""
        self._rows.part = part, parts
        return True

    def get_state(self) -> dict[str, Any]:
        """Where the iterator stands: JSON, the same whatever was prefetched."""
        position = {"grain": self._iterator.get_state(), "chain": self._chain.state()}
        return {**self._about, **position}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a state: the batches that follow are those that followed then.

        Raises:
            UsageError: the state is of other data, another batch size or another seed, or the data
                changed since.
        """
        for key, value in self._about.items():
            if _plain(state.get(key)) != _plain(value):
                raise UsageError(
                    f"the saved position is of data with {key}={state.get(key)}, "
                    f"this has {key}={value}"
                )
        position = state["grain"]["next_index"]
        self._chain.resume(state.get("chain"), position, self._order.__getitem__)
        self._iterator.set_state(state["grain"])

    def close(self) -> None:
        """Stop preparing batches; the iterator cannot be used afterwards."""
        self._iterator.close()


def _plain(value: Any) -> Any:
    """What is known of an order, without slots that it did not have when older states were written."""
    return re.sub(r"(, )?inner=Shuffled\(\)", "", value) if isinstance(value, str) else value


class _Rows:
    """The numbers of a batch's examples to those that are read here: all, or one part of them."""

    def __init__(self) -> None:
        self.part = 0, 1

    def __call__(self, indices: np.ndarray) -> np.ndarray:
        return part_of(indices, *self.part)


def batches(
    examples: Sequence[Any],
    columns: Sequence[str],
    model: Any,
    *,
    batch_size: int,
    seed: int,
    order: Order = _SHUFFLED,
) -> BatchIterator:
    """Batches of examples in an order.

    Args:
        model: says by `tokenizer_of(column)` how a column's texts become ids: a `Model`, or a
            `Tokenizer`, which reads every column alike.

    Raises:
        UsageError: there are fewer examples than a batch holds.
    """
    if len(examples) < batch_size:
        raise UsageError(
            f"the data has {len(examples)} examples, fewer than batch_size={batch_size}"
        )

    collate = Collator(columns, model, remember=len(examples) <= _REMEMBERED)
    collate.settle(_sample(examples, order, batch_size))

    def make(indices: np.ndarray) -> Batch:
        return collate([examples[i] for i in indices.tolist()])

    about = {"size": len(examples), "batch": batch_size, "seed": seed, **order.about}
    sequel = order(examples, np.arange(len(examples)), batch_size, seed)
    return BatchIterator(make, sequel, about, Chain(digest_of_examples(examples, columns)))


def _sample(examples: Sequence[Any], order: Order, batch_size: int) -> list[list[Any]]:
    """A few batches that are like all others, whatever the seed; none where the order needs more."""
    step = max(1, len(examples) // (_SAMPLED * batch_size))
    places = np.arange(0, len(examples), step)
    try:
        sequel = order(examples, places, batch_size, 0)
    except UsageError:  # too few examples of a stratum, for one
        return []
    return [[examples[i] for i in sequel[n].tolist()] for n in range(_SAMPLED)]


def _stats(batch: Batch) -> BatchStats:
    texts = [column for column in batch.values() if isinstance(column, TextBatch)]
    tokens = sum(int(text.mask.sum()) for text in texts)
    return BatchStats(tokens, sum(text.mask.size for text in texts))
