"""Bytes as tokens: a vocabulary that nothing has to be fitted for."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from jaxemb.config import AtLeast, UsageError
from jaxemb.text.base import SPECIALS, Text, Tokenizer

_BYTES = 256


@dataclass(frozen=True, kw_only=True)
class Bytes(Text):
    """One token for each byte of the text in UTF-8; its id is 5 more than the byte.

    Ids 0 to 4 are the special pieces, of which none is written: an empty text has no tokens.

    Raises:
        UsageError: the vocabulary has no room for all bytes.

    Example:
        >>> Bytes().train([]).encode(["aé"])[0].tolist()
        [102, 200, 174]

    Reference: Xue et al., ByT5, arXiv:2105.13626.
    """

    vocabulary: Annotated[int, AtLeast(1)] = len(SPECIALS) + _BYTES
    max_tokens: Annotated[int, AtLeast(1)] = 256

    def __post_init__(self):
        super().__post_init__()
        if self.vocabulary < len(SPECIALS) + _BYTES:
            raise UsageError(
                f"vocabulary={self.vocabulary} has no room for {_BYTES} bytes beside the "
                f"{len(SPECIALS)} special pieces: it must be at least {len(SPECIALS) + _BYTES}"
            )

    def train(self, texts: Iterable[str] = ()) -> Tokenizer:
        """The tokenizer, which is the same for all texts."""
        from tokenizers import Tokenizer as Backend
        from tokenizers import models, pre_tokenizers

        pieces = [*SPECIALS, *letters_of_bytes()]
        vocabulary = {piece: number for number, piece in enumerate(pieces)}
        backend = Backend(models.BPE(vocabulary, []))
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        return Tokenizer(backend, self)


def letters_of_bytes() -> list[str]:
    """The letter that the library writes for each byte, in the order of bytes.

    Printable characters of Latin-1 stand for themselves, all others for letters from 256 on.

    Example:
        >>> letters = letters_of_bytes()
        >>> letters[ord("a")], letters[ord(" ")], len(set(letters))
        ('a', 'Ġ', 256)
    """
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(_BYTES)]
