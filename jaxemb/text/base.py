"""The slot "how text becomes ids", and the fitted tokenizer that fills it."""

import abc
import contextlib
import functools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np

from jaxemb.config import AtLeast, Part, UsageError, check_ranges, smaller
from jaxemb.text.spans import Chunked, token_spans
from jaxemb.text.templates import Template, side_of

# The tokenizers library warns (and may hang) when a process forks after it used its own threads.
# Batches are tokenised in the loader's threads, so its threads are off unless the user says so.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@contextlib.contextmanager
def _told_by_the_library() -> Iterator[None]:
    """What a damaged tokenizer makes the library raise (plain exceptions, panics) in a sentence."""
    try:
        yield
    except BaseException as error:
        if type(error) is not Exception and type(error).__name__ != "PanicException":
            raise
        raise UsageError(f"This tokenizer cannot read texts: {error}.") from None


PAD, UNK, CLS, SEP, MASK = range(5)
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

# A text is cut before it is tokenised where it has far more words than can be kept.
_WORD = re.compile(r"[^ \t\n\r]+")
_LETTERS = re.compile(r"[^\W_]+")
_ANY_LENGTH = 1 << 30
_LONG = 8  # characters a kept token; a longer text is cut first


@dataclass(frozen=True, kw_only=True)
class Text(Part, abc.ABC):
    """How text becomes ids: `train` fits a tokenizer of at most `vocabulary` pieces to texts.

    A text becomes at most `max_tokens` ids, the special ones at its ends included; in the role of a
    query, at most `query_tokens`, where that is given.

    Raises:
        UsageError: there is no room for text: `vocabulary` has to hold the special pieces and two
            more, `max_tokens` the special ids and one more; or `query_tokens` is above `max_tokens`.
    """

    vocabulary: Annotated[int, AtLeast(len(SPECIALS) + 2)] = 8192
    max_tokens: Annotated[int, AtLeast(3)] = 64
    query_tokens: Annotated[int, AtLeast(3)] | None = None
    template: Template = Template()

    def __post_init__(self):
        check_ranges(self)
        if self.query_tokens is not None and self.query_tokens > self.max_tokens:
            raise UsageError(
                f"query_tokens={self.query_tokens} must be None or at most "
                f"max_tokens={self.max_tokens}"
            )

    def limit(self, role: str) -> int:
        """The most tokens that a text keeps in a role."""
        return self.query_tokens or self.max_tokens if side_of(role) == "query" else self.max_tokens

    @abc.abstractmethod
    def train(self, texts: Iterable[str]) -> "Tokenizer":
        """Fit a tokenizer to texts; equal texts in equal order give an equal tokenizer."""

    def small(self) -> "Text":
        return smaller(self, vocabulary=512, max_tokens=16, query_tokens=16)


class Tokenizer:
    """A fitted tokenizer: `encode` gives `[CLS] pieces [SEP]`, cut to the text's `max_tokens`.

    Example:
        >>> tokenizer = WordPiece(max_tokens=8).train(["sort an array", "sort a list"])
        >>> [len(ids) for ids in tokenizer.encode(["sort", ""])]
        [3, 2]

    Built by `Text.train` or `Tokenizer.from_json`; `backend` is a `tokenizers.Tokenizer`.
    """

    def __init__(self, backend: Any, text: Text):
        backend.no_padding()  # batches are padded later, each to its own longest text
        backend.enable_truncation(max_length=text.max_tokens)
        self._backend = backend
        self.text = text

    @property
    def size(self) -> int:
        """Number of pieces, the special ones included; at most `text.vocabulary`."""
        return self._backend.get_vocab_size()

    @property
    def largest(self) -> int:
        """The largest id of a piece; -1 where there is none."""
        return max(self._backend.get_vocab(with_added_tokens=True).values(), default=-1)

    def pieces(self) -> list[str]:
        """The pieces in the order of their ids."""
        vocabulary = self._backend.get_vocab()
        return sorted(vocabulary, key=vocabulary.get)

    def words(self, text: str) -> list[str]:
        """The words of a text as the tokenizer reads them, lower-cased where it does so."""
        normalizer = self._backend.normalizer
        return _LETTERS.findall(text if normalizer is None else normalizer.normalize_str(text))

    def with_words(self, words: Sequence[str], text: Text) -> "Tokenizer":
        """The tokenizer of `text` in which these words have ids of their own, after all others.

        A word is only read where no letter, figure or underscore stands beside it, so every other
        text has the ids that it had.

        Raises:
            UsageError: `text` has no room for so many pieces.
        """
        from tokenizers import AddedToken
        from tokenizers import Tokenizer as Backend

        backend = Backend.from_str(self._backend.to_str())
        backend.add_tokens([AddedToken(word, single_word=True, normalized=True) for word in words])
        if backend.get_vocab_size() > text.vocabulary:
            raise UsageError(
                f"vocabulary={text.vocabulary} has no room for {backend.get_vocab_size()} pieces"
            )
        return type(self)(backend, text)

    def encode(
        self,
        texts: Sequence,
        *,
        role: str = "document",
        prompt: str | None = None,
        max_tokens: int | None = None,
    ) -> list[np.ndarray]:
        """Token ids of each string: int32 arrays `[tokens]`, at most the role's limit of them.

        An empty text gives `[CLS] [SEP]`; with pieces that put no marks at a text's ends, those of
        a space. `prompt`, where given, replaces the role's prefix, and a
        `max_tokens` below the role's limit lowers it.

        Raises:
            UsageError: a text is not a string (its position is named), or the role is unknown.
        """
        _check_strings(texts)
        template = self.text.template if prompt is None else Template(query=prompt, document=prompt)
        limit = self.text.limit(role)
        limit = limit if max_tokens is None else min(limit, max_tokens)
        texts, prefix = [template.spelled(text) for text in texts], template.prefix(role)
        if suffix := template.suffix(role):
            return self._surrounded(prefix, texts, suffix, limit)
        heads = [_head(prefix + text, limit) for text in texts]
        encoded = [np.asarray(ids, np.int32) for ids in self._ids(heads)]
        for i, (text, head) in enumerate(zip(texts, heads, strict=True)):
            # Characters that vanish in normalisation can leave a cut text short: encode it whole.
            if len(encoded[i]) < limit and len(head) < len(prefix) + len(text):
                encoded[i] = np.asarray(self._ids([prefix + text])[0], np.int32)
        return [self._cut(ids, limit) for ids in encoded]

    def read_as(self, text: Text) -> "Tokenizer":
        """The same pieces, with other limits and templates."""
        return type(self).from_json(self.to_json(), text)

    def _surrounded(
        self, prefix: str, texts: Sequence[str], suffix: str, limit: int
    ) -> list[np.ndarray]:
        """Ids of texts with what stands before and after them; where it is too long, the text is cut."""
        heads = [prefix + _head(text, limit) for text in texts]
        with _told_by_the_library():
            encodings = self.uncut._backend.encode_batch([head + suffix for head in heads])
        around = len(self.uncut._backend.encode(prefix + suffix).ids)
        if around >= limit and heads:
            raise UsageError(
                f"max_tokens={limit} leaves no room for a text in a prompt of {around} tokens."
            )
        found = []
        for head, encoding in zip(heads, encodings, strict=True):
            ids = np.asarray(encoding.ids, np.int32)
            if len(ids) > limit:
                after = sum(start >= len(head) for start, _ in encoding.offsets)
                after += self._is_closed
                ids = np.concatenate([ids[: limit - after], ids[len(ids) - after :]])
            found.append(ids)
        return found

    @functools.cached_property
    def ways(self) -> tuple["Tokenizer", ...]:
        """One tokenizer for each way in which the template writes a text; mostly itself alone."""
        ways = self.text.template.ways
        if ways == (self.text.template,):
            return (self,)
        return tuple(self.read_as(replace(self.text, template=way)) for way in ways)

    @functools.cached_property
    def uncut(self) -> "Tokenizer":
        """The same pieces, reading texts of any length whole."""
        return self.read_as(replace(self.text, max_tokens=_ANY_LENGTH, query_tokens=None))

    def tokenizer_of(self, column: str) -> "Tokenizer":
        """Itself: every column of a batch is read alike."""
        return self

    def prompt_tokens(
        self, *, role: str = "document", prompt: str | None = None, max_tokens: int | None = None
    ) -> int:
        """How many of a text's first tokens are those of its prompt; 0 where it has none.

        They are counted as sentence-transformers does: the tokens of the prompt by itself, the mark of
        the beginning included, that of the end left out. Where a piece joins the prompt's end to the
        text's beginning, the count is off by what that changes. What a template writes after a text
        is not counted. The arguments are those of `encode`.

        Example:
            >>> tokenizer = WordPiece(template=Template(query="sort ")).train(["sort an array"])
            >>> tokenizer.prompt_tokens(role="query"), tokenizer.prompt_tokens(role="document")
            (2, 0)
        """
        template = self.text.template if prompt is None else Template(query=prompt, document=prompt)
        prefix = template.prefix(role)
        if not prefix:
            return 0
        limits = (self.text.limit(role), max_tokens or _ANY_LENGTH)
        return min(len(self._ids([prefix])[0]), *limits) - self._is_closed

    def chunks(
        self, chunked: Sequence[Chunked], *, role: str = "document", max_tokens: int | None = None
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Ids `[tokens]` of each text, and which of them belong to each chunk `[chunks, tokens]`.

        Tokens beyond the limit are cut; a chunk that lies there has no token.
        """
        prefix = self.text.template.prefix(role)
        limit = self.text.limit(role)
        limit = limit if max_tokens is None else min(limit, max_tokens)
        with _told_by_the_library():
            encodings = self._backend.encode_batch([prefix + one.text for one in chunked])
        found = []
        for one, encoding in zip(chunked, encodings, strict=True):
            moved = [(a + len(prefix), b + len(prefix)) for a, b in one.chunks]
            spans = token_spans(encoding.offsets, moved)
            ids = np.asarray(encoding.ids, np.int32)
            if len(ids) > limit and self._is_closed:
                spans[:, limit - 1] = False  # the end's mark takes the place of this token
            found.append((self._cut(ids, limit), spans[:, : min(len(ids), limit)]))
        return found

    def _ids(self, texts: list[str]) -> list[list[int]]:
        with _told_by_the_library():
            try:
                return [encoding.ids for encoding in self._backend.encode_batch_fast(texts)]
            except (UnicodeEncodeError, TypeError):  # lone surrogates have no UTF-8 form
                clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
                return [encoding.ids for encoding in self._backend.encode_batch_fast(clean)]

    def _cut(self, ids: np.ndarray, limit: int) -> np.ndarray:
        """At most `limit` ids, the last of them still the mark of the text's end, if there is one."""
        if len(ids) == 0:
            return np.asarray(self._backend.encode(" ").ids[:limit], np.int32)
        if len(ids) <= limit:
            return ids
        return np.append(ids[: limit - 1], ids[-1]) if self._is_closed else ids[:limit]

    @functools.cached_property
    def _is_closed(self) -> bool:
        """Whether a mark is put at the end of every text."""
        with _told_by_the_library():
            empty, text = (self._backend.encode(text).ids for text in ("", "a"))
        return len(text) > len(empty) > 0 and text[-1] == empty[-1]

    def to_json(self) -> str:
        """The whole tokenizer as JSON, in the `tokenizers` library's own format."""
        return self._backend.to_str()

    @classmethod
    def from_json(cls, json: str, text: Text) -> "Tokenizer":
        """The inverse of `to_json`.

        Raises:
            UsageError: the JSON is not that of a tokenizer.
        """
        return cls(backend_from(json), text)


def backend_from(json: str) -> Any:
    """What the `tokenizers` library makes of its own JSON.

    Raises:
        UsageError: the JSON is not that of a tokenizer.
    """
    import tokenizers

    try:
        return tokenizers.Tokenizer.from_str(json)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # where the library panics it raises no Exception
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"this is not the JSON of a tokenizer: {reason}") from None


def _check_strings(texts: Sequence) -> None:
    if isinstance(texts, (str, bytes)):
        raise UsageError("texts must be a sequence of strings, not one string")
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise UsageError(
                f"text number {position} (from 0) is a {type(text).__name__}, not a string"
            )


def _head(text: str, words: int) -> str:
    """The first words of a long text: a word has at least one piece, nearly always."""
    if len(text) <= _LONG * words:
        return text
    end = len(text)
    for count, match in enumerate(_WORD.finditer(text), start=1):
        if count > words:
            end = match.start()
            break
    return text[:end]
