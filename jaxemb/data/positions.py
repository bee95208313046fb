"""Each token of a text, to be foreseen from the text and the tokens around it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Int

from jaxemb.config import AtLeast, UsageError, fingerprint
from jaxemb.data.base import Batches, Dataset, Source
from jaxemb.data.chain import Chain, digest_of_tokens
from jaxemb.data.examples import DOCUMENT, document
from jaxemb.data.pydocs import PyDocs
from jaxemb.text import TextBatch


@dataclass(frozen=True, kw_only=True)
class Positions(Dataset):
    """Random positions of random texts, against the whole vocabulary.

    A batch is one row of `batch_size` positions, so that one softmax over the vocabulary serves
    them all (`MultiplePositives`). Text `n` is a token itself, of the id `vocabulary + n`.

    Columns `query` `[1, positions]` (the text's token and those within `window` of the position, the
    position itself left out), `paragraph` `[1, positions]` (the text's token alone), `document`
    `[1, vocabulary]` (every token) and `relevant` `[1, positions, vocabulary]` (which one stands
    there).

    Attributes:
        source: where the texts are.
        fields: of a record, joined to one text.
        split: which records.
        window: tokens to either side; 0 for the text alone.
        batch_size: positions.

    Raises:
        UsageError: `window` is negative, `batch_size` is below 1, or the texts have no token.

    Reference: Le and Mikolov, Distributed Representations of Sentences and Documents,
    arXiv:1405.4053.
    """

    source: Source = PyDocs()
    fields: tuple[str, ...] = DOCUMENT
    split: str = "train"
    window: Annotated[int, AtLeast(0)] = 0
    batch_size: Annotated[int, AtLeast(1)] = 2048

    def __post_init__(self) -> None:
        if self.window < 0 or self.batch_size < 1:
            raise UsageError(
                f"window={self.window} must be at least 0 and batch_size={self.batch_size} at least 1."
            )

    @property
    def columns(self) -> tuple[str, ...]:
        return ("query", "paragraph", "document", "relevant")

    def __len__(self) -> int:
        return len(self.source.records(self.split))

    def texts(self) -> Iterator[str]:
        for number, record in enumerate(self.source.records(self.split)):
            yield document(record, self.fields, number)

    def batches(self, model: Any, *, seed: int) -> "PositionBatches":
        tokenizer = model.tokenizer_of("document")
        ids = tokenizer.encode(list(self.texts()))
        return PositionBatches(self, ids, tokenizer.text.vocabulary, seed)

    def fingerprint(self) -> str:
        return fingerprint(self, [self.source.fingerprint()])


class PositionBatches(Batches):
    """Batch `n` depends on the seed and `n` alone."""

    def __init__(
        self, data: Positions, texts: list[Int[np.ndarray, "_"]], vocabulary: int, seed: int
    ):
        self.data, self.vocabulary, self.seed, self.position = data, vocabulary, seed, 0
        lengths = [len(ids) for ids in texts]
        # Texts stand `window` apart, so that no token sees another text's.
        gap = np.full(data.window, -1, np.int32)
        self._ids = np.concatenate([gap, *(part for ids in texts for part in (ids, gap))])
        starts = data.window + np.cumsum([0, *lengths[:-1]]) + data.window * np.arange(len(texts))
        self._text = np.repeat(np.arange(len(texts), dtype=np.int32), lengths)
        inside = np.arange(len(self._text)) - np.repeat(np.cumsum([0, *lengths[:-1]]), lengths)
        self._place = np.repeat(starts, lengths) + inside
        if not len(self._text):
            raise UsageError("the texts have no token to foresee")
        every = np.arange(vocabulary, dtype=np.int32)[None, :, None]
        self._every = TextBatch(every, np.ones(every.shape, bool))
        near = np.arange(-data.window, data.window + 1)
        self._near = near[near != 0]
        self._chain = Chain(digest_of_tokens(self._ids))

    @property
    def digest(self) -> str:
        return self._chain.digest

    def _at(self, number: int) -> Int[np.ndarray, " batch"]:
        """The positions of a batch."""
        draw = np.random.default_rng((self.seed, number))
        return draw.integers(len(self._text), size=self.data.batch_size)

    def __next__(self) -> dict[str, Any]:
        picks = self._at(self.position)
        self._chain.add(picks)
        self.position += 1
        own, places = self.vocabulary + self._text[picks][:, None], self._place[picks]
        around = self._ids[places[:, None] + self._near]
        read = np.concatenate([own, around], axis=1).astype(np.int32)
        relevant = np.zeros((1, len(picks), self.vocabulary), bool)
        relevant[0, np.arange(len(picks)), self._ids[places]] = True
        return {
            "query": TextBatch(np.maximum(read, 0)[None], (read >= 0)[None]),
            "paragraph": TextBatch(own.astype(np.int32)[None], np.ones((1, len(own), 1), bool)),
            "document": self._every,
            "relevant": relevant,
        }

    def get_state(self) -> dict[str, Any]:
        place = {"position": self.position, "chain": self._chain.state()}
        return {**place, "seed": self.seed, "tokens": len(self._text)}

    def set_state(self, state: dict[str, Any]) -> None:
        if (state.get("seed"), state.get("tokens")) != (self.seed, len(self._text)):
            raise UsageError("the saved position is of other data or of another seed")
        self._chain.resume(state.get("chain"), state["position"], self._at)
        self.position = state["position"]
