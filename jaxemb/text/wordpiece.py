"""WordPiece: words cut greedily into the longest known pieces."""

import string
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jaxemb.config import UsageError
from jaxemb.text.base import CLS, SEP, SPECIALS, UNK, Text, Tokenizer

if TYPE_CHECKING:
    import tokenizers

_CONTINUES = "##"
_MOST_CHARACTERS = 1000


@dataclass(frozen=True, kw_only=True)
class WordPiece(Text):
    """Pieces merged from characters by frequency; a word is read as its longest pieces.

    Ids 0 to 4 are `[PAD] [UNK] [CLS] [SEP] [MASK]`. A small corpus may give fewer pieces than
    `vocabulary`. The special pieces never come out of a text, even one that spells "[MASK]".

    Example:
        >>> tokenizer = WordPiece(vocabulary=64).train(["sort an array", "sort a list"])
        >>> tokenizer.encode(["Sort"])[0].tolist() == tokenizer.encode(["sort"])[0].tolist()
        True

    Reference: Wu et al., "Google's Neural Machine Translation System", arXiv:1609.08144;
    Devlin et al., "BERT", arXiv:1810.04805.
    """

    lowercase: bool = True

    def train(self, texts: Iterable[str]) -> Tokenizer:
        """Fit the pieces to texts; equal texts give an equal tokenizer, in any process.

        Raises:
            UsageError: there is no text.
        """
        from tokenizers import trainers

        texts = list(texts)
        backend = self._empty({})
        alphabet = self._alphabet(backend, texts)
        if not alphabet:
            raise UsageError("there is no text to train the tokenizer on")
        # The library numbers characters in the order of a randomly seeded hash map and breaks
        # ties between merges by number, so its result differs from run to run. Giving every
        # character and continuation its number beforehand, as "special" tokens, fixes both.
        numbered = [*SPECIALS, *alphabet]
        numbered += [_CONTINUES + c for c in alphabet if c not in string.punctuation]
        backend.train_from_iterator(
            texts,
            trainers.WordPieceTrainer(
                vocab_size=self.vocabulary,
                special_tokens=numbered,
                initial_alphabet=alphabet,
                limit_alphabet=len(alphabet),
                show_progress=False,
            ),
            length=len(texts),
        )
        return Tokenizer(self._empty(backend.get_vocab(with_added_tokens=False)), self)

    def _alphabet(self, backend: "tokenizers.Tokenizer", texts: list[str]) -> list[str]:
        """The characters that get pieces of their own: the most frequent, ties by code point."""
        raw = Counter()
        for text in texts:
            raw.update(text)
        counts = Counter()
        for character, count in raw.items():  # far fewer than the texts to normalise
            counts.update(dict.fromkeys(backend.normalizer.normalize_str(character), count))
        most = min(_MOST_CHARACTERS, (self.vocabulary - len(SPECIALS)) // 2)
        found = sorted((c for c in counts if not c.isspace()), key=lambda c: (-counts[c], c))
        return sorted(found[:most])

    def _empty(self, vocabulary: dict[str, int]) -> "tokenizers.Tokenizer":
        """A tokenizer with this vocabulary, in which special pieces are not read from text."""
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

        backend = Tokenizer(models.WordPiece(vocabulary, unk_token=SPECIALS[UNK]))
        backend.normalizer = normalizers.BertNormalizer(lowercase=self.lowercase)
        backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        backend.post_processor = processors.TemplateProcessing(
            single=f"{SPECIALS[CLS]} $A {SPECIALS[SEP]}",
            special_tokens=[(SPECIALS[CLS], CLS), (SPECIALS[SEP], SEP)],
        )
        return backend
