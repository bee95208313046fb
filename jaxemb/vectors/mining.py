"""Hard negatives that the model under training finds, again every so many steps."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from jaxemb.config import UsageError, fingerprint
from jaxemb.data import Batches, Dataset, Pairs
from jaxemb.data.pipeline import maker


@dataclass(frozen=True, kw_only=True)
class Mined(Dataset):
    """The inner pairs with `count` negatives each, searched among all positives by the model itself.

    Before the first step and after every `every` steps, all texts are embedded by the model as it
    is then, and each query gets the positives of ranks `skip + 1` to `skip + count` that are no
    answer of it: neither its own positive, nor one of an equal query, nor a text equal to its own.

    Args:
        inner: pairs of `query` and `positive` with their ids.
        count: negatives for each pair.
        every: steps between searches.
        skip: best candidates that are left out, since they may be answers that nobody marked.

    Raises:
        UsageError: the inner data has no ids of texts, or a number is out of range.

    Reference: Xiong et al., Approximate Nearest Neighbor Negative Contrastive Learning for Dense
    Text Retrieval, arXiv:2007.00808.
    """

    inner: Pairs = Pairs()
    count: int = 1
    every: int = 100
    skip: int = 0

    def __post_init__(self) -> None:
        if self.count < 1 or self.every < 1 or self.skip < 0:
            raise UsageError("Mined takes count and every of at least 1, and skip of at least 0.")
        missing = {"query", "positive", "query_id", "positive_id"} - set(self.inner.columns)
        if missing:
            raise UsageError(f"Mined needs the column {min(missing)!r} of the inner data.")

    @property
    def batch_size(self) -> int:
        """The inner data's."""
        return self.inner.batch_size

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.inner.columns, "negatives", "negatives_id")

    def __len__(self) -> int:
        return len(self.inner)

    def texts(self) -> Iterator[str]:
        return self.inner.texts()

    def batches(self, model: Any, *, seed: int) -> "MinedBatches":
        return MinedBatches(self, self.inner.examples(), model, seed)

    def fingerprint(self) -> str:
        return fingerprint(self, [self.inner.fingerprint()])


class MinedBatches(Batches):
    """Shuffled batches whose negatives are those of the last search; the search is in the state."""

    def __init__(self, data: Mined, examples: Sequence[dict[str, Any]], model: Any, seed: int):
        if len(examples) < data.batch_size:
            raise UsageError(
                f"the data has {len(examples)} examples, fewer than batch_size={data.batch_size}"
            )
        self.data, self.examples, self.seed, self.position = data, examples, seed, 0
        self.mined: Int[np.ndarray, "examples count"] | None = None
        self._make = maker(data.columns, model, remember=True)
        self._order = Shuffled()(len(examples), data.batch_size, seed)

    def __next__(self) -> dict[str, Any]:
        places = np.asarray(self._order[self.position]).tolist()
        self.position += 1
        return self._make([self._example(place) for place in places])

    def _example(self, place: int) -> dict[str, Any]:
        others = [self.examples[number] for number in self._negatives(place)]
        return {
            **self.examples[place],
            "negatives": tuple(other["positive"] for other in others),
            "negatives_id": tuple(other["positive_id"] for other in others),
        }

    def _negatives(self, place: int) -> list[int]:
        """What the last search found; before the first one, the examples that follow."""
        if self.mined is None:
            return [(place + n) % len(self.examples) for n in range(1, self.data.count + 1)]
        return self.mined[place].tolist()

    def renew(self, step: int, model: Callable[[], Any]) -> None:
        """Search again where it is due."""
        if self.mined is None or (step and step % self.data.every == 0):
            self.mined = mine(self.examples, model(), self.data.count, self.data.skip)

    def get_state(self) -> dict[str, Any]:
        mined = None if self.mined is None else self.mined.tolist()
        return {"position": self.position, "seed": self.seed, "mined": mined}

    def set_state(self, state: dict[str, Any]) -> None:
        if state.get("seed") != self.seed:
            raise UsageError("the saved position is of another seed")
        self.position = state["position"]
        self.mined = None if state["mined"] is None else np.array(state["mined"], np.int32)


def mine(
    examples: Sequence[dict[str, Any]], model: Any, count: int, skip: int = 0
) -> Int[np.ndarray, "examples count"]:
    """For each example, the numbers of the examples whose positives are its hardest negatives.

    Args:
        examples: with `query`, `positive`, `query_id` and `positive_id`.
        model: has `index`, as `jaxemb.model.Model`.
        count: how many.
        skip: best candidates that are left out.

    Raises:
        UsageError: an example has fewer than `count` candidates that are no answer of it.
    """
    first: dict[int, int] = {}
    answers: dict[int, set[int]] = {}
    for number, example in enumerate(examples):
        first.setdefault(example["positive_id"], number)
        answers.setdefault(example["query_id"], {example["query_id"]}).add(example["positive_id"])
    numbers = list(first.values())
    most = max(len(found) for found in answers.values())
    index = model.index([examples[number]["positive"] for number in numbers])
    queries = {example["query_id"]: example["query"] for example in examples}
    ids, _ = index.search(list(queries.values()), skip + count + most)
    ranked = dict(zip(queries, ids.tolist(), strict=True))
    mined = np.zeros((len(examples), count), np.int32)
    for row, example in enumerate(examples):
        known = answers[example["query_id"]]
        order = (numbers[place] for place in ranked[example["query_id"]])
        hard = [n for n in order if examples[n]["positive_id"] not in known][skip : skip + count]
        if len(hard) < count:
            raise UsageError(
                f"Example {row} has fewer than {count} texts that are no answer of it."
            )
        mined[row] = hard
    return mined
