"""Tokenizers in GGUF files: merged bytes, and WordPiece."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxemb.config import UsageError

Said = Callable[..., Any]
"""What a key of the metadata says; with a default, where it may be absent."""

_MARKS = (3, 4)  # types of pieces: those of control, and a user's own
_SPACE = "▁"


def gguf_backend(said: Said, place: Path) -> Any:
    """The tokenizer of the `tokenizers` library that a file's pieces stand for.

    Raises:
        UsageError: it is of a kind that is not read here.
    """
    kind = said("tokenizer.ggml.model")
    if kind not in _KINDS:
        raise UsageError(
            f"{place} has a tokenizer of the kind {kind!r}; jaxemb reads {', '.join(_KINDS)}."
        )
    pieces = said("tokenizer.ggml.tokens")
    types = said("tokenizer.ggml.token_type", [1] * len(pieces))
    backend, pieces = _KINDS[kind](said, place, pieces, types)
    _add_special(
        backend, [piece for piece, type_ in zip(pieces, types, strict=True) if type_ in _MARKS]
    )
    return backend


def _add_special(backend: Any, marks: Sequence[str]) -> None:
    from tokenizers import AddedToken

    backend.add_special_tokens([AddedToken(m, special=True, normalized=False) for m in marks])


# --- merged bytes


# Llama 3: a word that is a piece is not merged from smaller ones, and texts begin with a mark.
_WHOLE = ("llama-bpe",)
# Their own tokenizers join letters and accents first.
_COMPOSED = ("qwen2",)


def _bytes(said: Said, place: Path, pieces: list[str], types: list[int]) -> tuple[Any, list[str]]:
    from tokenizers import Tokenizer, decoders, models, normalizers

    pre = said("tokenizer.ggml.pre", "default")
    merges = [tuple(merge.split(" ")) for merge in said("tokenizer.ggml.merges")]
    vocabulary = {piece: n for n, piece in enumerate(pieces)}
    backend = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=pre in _WHOLE))
    if pre in _COMPOSED:
        backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = _words(pre, place)
    backend.decoder = decoders.ByteLevel()
    usual = {"bos": pre in _WHOLE, "eos": False}
    marks = {
        end: pieces[said(f"tokenizer.ggml.{end}_token_id")]
        for end in usual
        if said(f"tokenizer.ggml.add_{end}_token", usual[end])
    }
    backend.post_processor = _ends(pieces, marks.get("bos"), marks.get("eos"))
    return backend, pieces


def _ends(pieces: list[str], before: str | None, after: str | None) -> Any:
    """What is written before and after every text, if anything."""
    from tokenizers import processors

    written = [piece for piece in (before, "$A", after) if piece]
    return processors.TemplateProcessing(
        single=" ".join(written),
        special_tokens=[(piece, pieces.index(piece)) for piece in written if piece != "$A"],
    )


def _words(pre: str, place: Path) -> Any:
    """How texts are cut into words before bytes are merged."""
    from tokenizers import Regex, pre_tokenizers

    if pre in ("smollm", "starcoder", "refact", "codeshell"):
        digits = pre_tokenizers.Digits(individual_digits=True)
        return pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    if pre in ("default", "gpt-2"):
        return pre_tokenizers.ByteLevel(add_prefix_space=False)
    if pre not in _PATTERNS:
        raise UsageError(f"{place} cuts texts into words by {pre!r}, which is not known here.")
    split = pre_tokenizers.Split(Regex(_PATTERNS[pre]), behavior="isolated")
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([split, plain])


_LETTERS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_PATTERNS = {
    "qwen2": rf"{_LETTERS}|\p{{N}}|{_REST}",
    "llama-bpe": rf"{_LETTERS}|\p{{N}}{{1,3}}|{_REST}",
}


# --- WordPiece


def _word_pieces(
    said: Said, place: Path, pieces: list[str], types: list[int]
) -> tuple[Any, list[str]]:
    """Pieces that begin a word are written with a space there, and the others plainly.

    Whether texts were lower-cased is not said; they were, unless a piece has a capital letter.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    pieces = [_hashed(*one) for one in zip(pieces, types, strict=True)]
    cased = any(piece != piece.lower() for piece in pieces if not _is_mark(piece))

    def mark(name: str, usual: str, *keys: str) -> str:
        found = [said(f"tokenizer.ggml.{key}_token_id", -1) for key in keys]
        known = [pieces[number] for number in found if 0 <= number < len(pieces)]
        if not known and usual not in pieces:
            raise UsageError(f"{place} does not say which piece is {name}.")
        return known[0] if known else usual

    unknown = mark("for unknown words", "[UNK]", "unknown")
    vocabulary = {piece: n for n, piece in enumerate(pieces)}
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token=unknown))
    backend.normalizer = normalizers.BertNormalizer(lowercase=not cased)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = mark("at the beginning", "[CLS]", "cls", "bos"), mark("at the end", "[SEP]", "seperator")
    backend.post_processor = _ends(pieces, *ends)
    _add_special(backend, [unknown, *ends])
    return backend, pieces


def _hashed(piece: str, type_: int) -> str:
    """A piece as `vocab.txt` has it, where what goes on with a word begins with two hashes.

    Example:
        >>> _hashed("▁sort", 1), _hashed("ing", 1), _hashed("[CLS]", 3)
        ('sort', '##ing', '[CLS]')
    """
    if type_ in _MARKS or _is_mark(piece):
        return piece
    return piece[1:] if piece.startswith(_SPACE) else f"##{piece}"


def _is_mark(piece: str) -> bool:
    return len(piece) > 2 and piece.startswith("[") and piece.endswith("]")


_KINDS = {"gpt2": _bytes, "bert": _word_pieces}
