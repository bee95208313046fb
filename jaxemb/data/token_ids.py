"""Token ids of texts, by column and role; texts of small data are tokenised once."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxemb.text import Chunked, Tokenizer


class ColumnTokenIds:
    """What encodes each column; columns with one tokenizer share what was tokenised."""

    def __init__(self, model: Any, *, remember: bool):
        self._model, self._remember = model, remember
        self._by_tokenizer: dict[int, TokenIds] = {}

    def __getitem__(self, column: str) -> "TokenIds":
        tokenizer = self._model.tokenizer_of(column)
        made = TokenIds(tokenizer, remember=self._remember)
        return self._by_tokenizer.setdefault(id(tokenizer), made)

    def prompts(self, column: str, roles: Sequence[str]) -> list[int] | None:
        """How many first tokens of a text in each role are its prompt's; None if nobody asks."""
        # What is but a tokenizer has no pooling that could ask.
        asks = getattr(self._model, "counts_prompt", None)
        if asks is None or not asks(column):
            return None
        counted = {role: self[column].prompt_tokens(role) for role in dict.fromkeys(roles)}
        return [counted[role] for role in roles]


class TokenIds:
    """Token ids of texts by role; texts of small data are tokenised once, not once per epoch."""

    def __init__(self, tokenizer: Tokenizer, *, remember: bool):
        self.max_tokens = tokenizer.text.max_tokens
        self._tokenizer = tokenizer
        self._remember = remember
        self._known: dict[tuple[str, str], np.ndarray] = {}

    def __call__(self, texts: Sequence[str], roles: Sequence[str]) -> list[np.ndarray]:
        """The ids of each text in its role; a batch has few different roles, mostly one."""
        found: list[np.ndarray] = [None] * len(texts)
        for role in dict.fromkeys(roles):
            places = [n for n, other in enumerate(roles) if other == role]
            for n, ids in zip(places, self._of(role, [texts[n] for n in places]), strict=True):
                found[n] = ids
        return found

    def prompt_tokens(self, role: str) -> int:
        """How many first tokens of a text are its prompt's."""
        return self._tokenizer.prompt_tokens(role=role)

    def limit(self, roles: Sequence[str]) -> int:
        """Tokens that no text exceeds in these roles."""
        return max(map(self._tokenizer.text.limit, dict.fromkeys(roles)))

    def chunks(self, values: Sequence[Chunked], role: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """Ids of each text and the masks of its chunks."""
        return self._tokenizer.chunks(values, role=role)

    def _of(self, role: str, texts: Sequence[str]) -> list[np.ndarray]:
        if not self._remember:
            return self._tokenizer.encode(texts, role=role)
        new = [text for text in dict.fromkeys(texts) if (role, text) not in self._known]
        # Ids fit in 16 bits for nearly every text; the memory of an epoch is halved.
        ids = self._tokenizer.encode(new, role=role)
        known = {(role, text): _small(i) for text, i in zip(new, ids, strict=True)}
        self._known.update(known)
        return [self._known[role, text] for text in texts]


def _small(ids: np.ndarray) -> np.ndarray:
    return ids.astype(np.uint16) if ids.max(initial=0) < 1 << 16 else ids
