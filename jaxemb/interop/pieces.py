"""Tokenizers of Hugging Face folders: `tokenizer.json`, or the older `vocab.txt`."""

from pathlib import Path
from typing import Any

from jaxemb.config import UsageError
from jaxemb.config.reading import read_text, shaped
from jaxemb.interop.settings import Pieces, read_settings
from jaxemb.text import Text, Tokenizer
from jaxemb.text.base import backend_from


def read_tokenizer(backend: Any, place: Path, text: Text, *, lowercase: bool) -> Tokenizer:
    """A tokenizer of the `tokenizers` library, without padding and cut to `text.max_tokens`.

    Args:
        place: what it is from, for messages.
        lowercase: lower every text first, whatever the tokenizer itself does.

    Raises:
        UsageError: it gives ids beyond the token table, or cuts texts on the left.
    """
    if _cuts_left(backend, place):
        raise UsageError(
            f"The tokenizer in {place} cuts long texts on the left (truncation_side), and jaxemb keeps "
            "the beginning of a text; cut the texts yourself and set truncation_side to right."
        )
    backend.no_padding()
    if lowercase:
        _lower_first(backend)
    largest = max(backend.get_vocab(with_added_tokens=True).values(), default=-1)
    if largest >= text.vocabulary:
        raise UsageError(
            f"The tokenizer in {place} has the id {largest}, and the weights have "
            f"{text.vocabulary} rows."
        )
    return Tokenizer(backend, text)


def folder_backend(folder: Path) -> Any:
    """The tokenizer of a folder, in the form of the `tokenizers` library.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    if (folder / "tokenizer.json").exists():
        try:
            return backend_from(read_text(folder / "tokenizer.json"))
        except UsageError as error:
            raise UsageError(f"{folder / 'tokenizer.json'} cannot be read: {error}.") from None
    if (folder / "vocab.txt").exists():
        return _from_vocabulary(folder)
    raise UsageError(
        f"{folder} holds neither tokenizer.json nor vocab.txt; save the tokenizer again with "
        "transformers' AutoTokenizer.from_pretrained(folder).save_pretrained(folder)."
    )


def _cuts_left(backend: Any, place: Path) -> bool:
    settings = read_settings(place / "tokenizer_config.json", Pieces, {}) if place.is_dir() else {}
    by_itself = (backend.truncation or {}).get("direction")
    return "left" in (settings.get("truncation_side"), by_itself)


def _from_vocabulary(folder: Path) -> Any:
    """The WordPiece tokenizer that BERT's `vocab.txt`, one piece per line, stands for."""
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

    settings = read_settings(folder / "tokenizer_config.json", Pieces, {})
    vocabulary = _lines(folder / "vocab.txt")
    special = {
        name: _content(settings.get(f"{name}_token", f"[{name.upper()}]"), folder, name)
        for name in ("pad", "unk", "cls", "sep", "mask")
    }
    lacking = [piece for piece in special.values() if piece not in vocabulary]
    if lacking:
        raise UsageError(f"{folder / 'vocab.txt'} lacks the piece {lacking[0]!r}.")
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token=special["unk"]))
    backend.normalizer = normalizers.BertNormalizer(
        lowercase=settings.get("do_lower_case", True),
        strip_accents=settings.get("strip_accents"),
        handle_chinese_chars=settings.get("tokenize_chinese_chars", True),
    )
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    marks = [(special[name], vocabulary[special[name]]) for name in ("cls", "sep")]
    backend.post_processor = processors.TemplateProcessing(
        single=f"{special['cls']} $A {special['sep']}", special_tokens=marks
    )
    backend.add_special_tokens(
        [AddedToken(piece, normalized=False, special=True) for piece in special.values()]
    )
    return backend


def _lines(path: Path) -> dict[str, int]:
    lines = read_text(path).split("\n")
    pieces = lines[:-1] if lines[-1] == "" else lines
    return {piece.removesuffix("\r"): number for number, piece in enumerate(pieces)}


def _content(piece: str | dict, folder: Path, name: str) -> str:
    """A special piece, which newer files describe by a dictionary."""
    found = piece.get("content") if isinstance(piece, dict) else piece
    return shaped(found, str, folder / "tokenizer_config.json", f"{name}_token.content")


def _lower_first(backend: Any) -> None:
    from tokenizers import normalizers

    steps = [backend.normalizer] if backend.normalizer is not None else []
    backend.normalizer = normalizers.Sequence([normalizers.Lowercase(), *steps])
