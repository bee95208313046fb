"""Pieces that come with a model's weights."""

from collections.abc import Iterable
from dataclasses import dataclass

from jaxemb.config import UsageError
from jaxemb.text.base import Text, Tokenizer


@dataclass(frozen=True, kw_only=True)
class GivenPieces(Text):
    """A tokenizer that was made with the weights it serves: it is read with them, never trained.

    `vocabulary` is the number of rows of the weights' token table.
    """

    def train(self, texts: Iterable[str]) -> Tokenizer:
        """Refuses.

        Raises:
            UsageError: always: other pieces would not fit the weights.
        """
        raise UsageError(
            "given_pieces is a tokenizer that came with its weights; leave out the stage that "
            "trains a vocabulary, or choose another text, such as word_piece."
        )
