"""Whole words as tokens."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from jaxemb.config import AtLeast, UsageError
from jaxemb.text.base import SPECIALS, UNK, Text, Tokenizer

if TYPE_CHECKING:
    import tokenizers


@dataclass(frozen=True, kw_only=True)
class Words(Text):
    """The most frequent words, the commonest first; every other word is `[UNK]`.

    A mark of punctuation is a word of its own. Ids 0 to 4 are `[PAD] [UNK] [CLS] [SEP] [MASK]`; none is
    written around a text, so an empty one has no tokens.

    Attributes:
        lowercase: whether words are lower-cased, and their accents left out.
        least: how often a word has to occur.

    Example:
        >>> tokenizer = Words(vocabulary=8).train(["sort a list", "sort a set", "sort it"])
        >>> tokenizer.pieces()[5:], tokenizer.encode(["A sort!"])[0].tolist()
        (['sort', 'a', 'it'], [6, 5, 1])

    Reference: Mikolov et al., Efficient Estimation of Word Representations in Vector Space,
    arXiv:1301.3781.
    """

    lowercase: bool = True
    least: Annotated[int, AtLeast(0)] = 1

    def train(self, texts: Iterable[str]) -> Tokenizer:
        """Count the words; ties are broken by the alphabet.

        Raises:
            UsageError: no word occurs often enough.
        """
        backend = self._empty({})
        counts = Counter(word for text in texts for word in _words(backend, text))
        often = [word for word, count in counts.items() if count >= self.least]
        if not often:
            raise UsageError(f"no word of the texts occurs {self.least} times")
        often.sort(key=lambda word: (-counts[word], word))
        pieces = [*SPECIALS, *(word for word in often if word not in SPECIALS)]
        vocabulary = {piece: number for number, piece in enumerate(pieces[: self.vocabulary])}
        return Tokenizer(self._empty(vocabulary), self)

    def _empty(self, vocabulary: dict[str, int]) -> "tokenizers.Tokenizer":
        from tokenizers import Tokenizer as Backend
        from tokenizers import models, normalizers, pre_tokenizers

        backend = Backend(models.WordLevel(vocabulary, unk_token=SPECIALS[UNK]))
        backend.normalizer = normalizers.BertNormalizer(lowercase=self.lowercase)
        backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        return backend


def _words(backend: "tokenizers.Tokenizer", text: str) -> list[str]:
    """The words of a text as the tokenizer cuts it."""
    clean = text.encode("utf-8", "replace").decode("utf-8")  # lone surrogates have no UTF-8 form
    normal = backend.normalizer.normalize_str(clean)
    return [word for word, _ in backend.pre_tokenizer.pre_tokenize_str(normal)]
