"""Words with the words around them: what tables of word vectors are trained on."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float, Int

from jaxemb.config import AtLeast, UsageError, fingerprint
from jaxemb.data.base import Batches, Dataset, Source
from jaxemb.data.chain import Chain, digest_of_tokens
from jaxemb.data.examples import DOCUMENT, document
from jaxemb.data.pydocs import PyDocs
from jaxemb.text import TextBatch


@dataclass(frozen=True, kw_only=True)
class Windows(Dataset):
    """Each token with one of its neighbours, and `negatives` tokens drawn by their frequency.

    A token at `i` meets those at `i - w` to `i + w` of its text, `w` drawn from 1 to `window` for
    each token anew, so that near neighbours count more. A frequent token of share `f` is left out
    with the probability `1 - √(t / f)`. Negatives are drawn with probability proportional to
    `f^power`.

    Columns `query`, `positive` (one token each) and `negatives` `[negatives, 1]`.

    Attributes:
        source: where the texts are.
        fields: of a record, joined to one text.
        split: which records.
        window: the largest distance.
        negatives: how many for each pair.
        power: of the frequency that negatives are drawn by.
        threshold: `t`; 0 keeps every token.
        batch_size: pairs.

    Raises:
        UsageError: `window`, `negatives` or `batch_size` is below 1.

    Reference: Mikolov et al., Distributed Representations of Words and Phrases and their
    Compositionality, arXiv:1310.4546.
    """

    source: Source = PyDocs()
    fields: tuple[str, ...] = DOCUMENT
    split: str = "train"
    window: Annotated[int, AtLeast(1)] = 5
    negatives: Annotated[int, AtLeast(0)] = 5
    power: Annotated[float, AtLeast(0)] = 0.75
    threshold: Annotated[float, AtLeast(0)] = 1e-3
    batch_size: Annotated[int, AtLeast(1)] = 1024

    def __post_init__(self) -> None:
        for name in ("window", "negatives", "batch_size"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name}={getattr(self, name)} must be at least 1.")

    @property
    def columns(self) -> tuple[str, ...]:
        return ("query", "positive", "negatives")

    def __len__(self) -> int:
        return len(self.source.records(self.split))

    def texts(self) -> Iterator[str]:
        for number, record in enumerate(self.source.records(self.split)):
            yield document(record, self.fields, number)

    def batches(self, model: Any, *, seed: int) -> "WindowBatches":
        tokenizer = model.tokenizer_of("query")
        ids = tokenizer.encode(list(self.texts()), max_tokens=tokenizer.text.max_tokens)
        return WindowBatches(self, ids, seed)

    def fingerprint(self) -> str:
        return fingerprint(self, [self.source.fingerprint()])


class WindowBatches(Batches):
    """Batch `n` of epoch `e` depends on the seed, `e` and `n` alone."""

    def __init__(self, data: Windows, texts: list[Int[np.ndarray, "_"]], seed: int):
        self.data, self.seed, self.position = data, seed, 0
        self._ids = np.concatenate([*texts, np.zeros(0, np.int32)]).astype(np.int32)
        self._text = np.repeat(np.arange(len(texts)), [len(ids) for ids in texts])
        counts = np.bincount(self._ids).astype(np.float64)
        self._share = counts / max(counts.sum(), 1)
        drawn = np.cumsum(self._share**data.power * (counts > 0))
        self._cumulated: Float[np.ndarray, _] = drawn / drawn[-1] if len(drawn) else drawn
        self._epoch = functools.lru_cache(maxsize=1)(self._pairs)
        self._wholes: dict[int, int] = {}
        if len(self._epoch(0)[0]) < data.batch_size:
            raise UsageError(
                f"the texts give {len(self._epoch(0)[0])} pairs, fewer than "
                f"batch_size={data.batch_size}"
            )
        self._chain = Chain(digest_of_tokens(self._ids))

    @property
    def digest(self) -> str:
        return self._chain.digest

    def _at(self, number: int) -> Int[np.ndarray, "2 batch"]:
        """Both sides of the pairs of a batch."""
        epoch = 0
        while number >= (whole := self._whole(epoch)):
            epoch, number = epoch + 1, number - whole
        rows = slice(number * self.data.batch_size, (number + 1) * self.data.batch_size)
        return np.stack([column[rows] for column in self._epoch(epoch)])

    def _whole(self, epoch: int) -> int:
        """How many batches an epoch has; an epoch is drawn once for that."""
        if epoch not in self._wholes:
            self._wholes[epoch] = len(self._epoch(epoch)[0]) // self.data.batch_size
        return self._wholes[epoch]

    def __next__(self) -> dict[str, Any]:
        query, positive = pair = self._at(self.position)
        self._chain.add(pair)
        draw = np.random.default_rng((self.seed, self.position, 1))
        shape = (len(query), self.data.negatives)
        negatives = np.searchsorted(self._cumulated, draw.random(shape)).astype(np.int32)
        self.position += 1
        return {"query": _one(query), "positive": _one(positive), "negatives": _one(negatives)}

    def _pairs(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """All pairs of an epoch in its order."""
        draw = np.random.default_rng((self.seed, epoch, 0))
        keep = np.ones(len(self._ids), bool)
        if self.data.threshold:
            share = self._share[self._ids]
            keep = draw.random(len(share)) < np.sqrt(self.data.threshold / share)
        ids, text = self._ids[keep], self._text[keep]
        reach = draw.integers(1, self.data.window + 1, len(ids))
        found = [_at_distance(ids, text, reach, d) for d in range(1, self.data.window + 1)]
        query, positive = (np.concatenate(side) for side in zip(*found, strict=True))
        order = draw.permutation(len(query))
        return query[order], positive[order]

    def get_state(self) -> dict[str, Any]:
        place = {"position": self.position, "chain": self._chain.state()}
        return {**place, "seed": self.seed, "tokens": len(self._ids)}

    def set_state(self, state: dict[str, Any]) -> None:
        if (state.get("seed"), state.get("tokens")) != (self.seed, len(self._ids)):
            raise UsageError("the saved position is of other data or of another seed")
        self._chain.resume(state.get("chain"), state["position"], self._at)
        self.position = state["position"]


def _at_distance(
    ids: np.ndarray, text: np.ndarray, reach: np.ndarray, distance: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of tokens so far apart in one text, from the side of each whose window reaches so far."""
    left, right = slice(None, -distance), slice(distance, None)
    together = text[left] == text[right]
    from_left = together & (reach[left] >= distance)
    from_right = together & (reach[right] >= distance)
    query = np.concatenate([ids[left][from_left], ids[right][from_right]])
    return query, np.concatenate([ids[right][from_left], ids[left][from_right]])


def _one(ids: np.ndarray) -> TextBatch:
    """Texts of one token."""
    ids = ids[..., None].astype(np.int32)
    return TextBatch(ids, np.ones(ids.shape, bool))
