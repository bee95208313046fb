"""Models in one GGUF file: settings, arrays (quantised ones are computed back) and pieces."""

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from jaxemb.config import UsageError
from jaxemb.interop.files import finite

# What GGUF calls a field, under the architecture's name, and what Hugging Face does.
_SETTINGS = {
    "block_count": "num_hidden_layers", "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size", "context_length": "max_position_embeddings",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads", "attention.key_length": "head_dim",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps", "rope.freq_base": "rope_theta",
    "attention.sliding_window": "sliding_window",
}  # fmt: skip
_OUTER = {"token_embd": "embed_tokens", "output_norm": "norm", "output": "lm_head"}
_INNER = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}  # fmt: skip
# Whether the pairs that rotary positions turn stand side by side there, or half a head apart.
_NEIGHBOURS = {"llama": True, "qwen2": False, "qwen3": False}


class GGUF:
    """A GGUF file under the names of Hugging Face.

    Raises:
        UsageError: the file is damaged, of an architecture that is not read here, or the package
            `gguf` is not installed.
    """

    def __init__(self, path: Path):
        self.place = path
        about = path.stat()
        self._reader = _reader(path, about.st_size, about.st_mtime_ns)
        self._stored = {tensor.name: tensor for tensor in self._reader.tensors}
        self.kind = str(self.said("general.architecture"))
        if self.kind not in _NEIGHBOURS:
            raise UsageError(
                f"{path} is of the architecture {self.kind!r}; of GGUF files jaxemb reads "
                f"{', '.join(_NEIGHBOURS)}."
            )
        self._ours = {
            self._name(name): name for name in self._stored if name != "rope_freqs.weight"
        }

    def said(self, key: str, default: Any = None) -> Any:
        """The value of a metadata key.

        Raises:
            UsageError: it is absent, and there is no default.
        """
        field = self._reader.fields.get(key)
        if field is None and default is None:
            raise UsageError(f"{self.place} does not say {key}.")
        return default if field is None else field.contents()

    def settings(self) -> dict[str, Any]:
        """What `config.json` would say."""
        given = {
            ours: self.said(f"{self.kind}.{theirs}")
            for theirs, ours in _SETTINGS.items()
            if f"{self.kind}.{theirs}" in self._reader.fields
        }
        if self.said(f"{self.kind}.rope.scaling.type", "none") not in ("none", ""):
            raise UsageError(f"{self.place} has scaled rotary positions, which are not read here.")
        # Kept in float32: the shortest number that it can have been.
        given["rms_norm_eps"] = float(str(np.float32(given.get("rms_norm_eps", 1e-6))))
        return given | {
            "model_type": self.kind,
            "hidden_act": "silu",
            "vocab_size": int(self._stored["token_embd.weight"].shape[1]),
            "tie_word_embeddings": "output.weight" not in self._stored,
        }

    def names(self) -> Iterable[str]:
        """The names of all arrays."""
        return self._ours.keys()

    def read(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        """The named arrays, in float32."""
        return {name: self._read(name) for name in names}

    def _read(self, name: str) -> np.ndarray:
        import gguf

        tensor = self._stored[self._ours[name]]
        try:
            array = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        except (NotImplementedError, ValueError) as error:
            kind = tensor.tensor_type.name
            raise UsageError(f"{self.place}: {tensor.name} of type {kind}: {error}.") from error
        finite(array, tensor.name, self.place)
        counts = {"q_proj": "head_count", "k_proj": "head_count_kv"}
        count = counts.get(name.split(".")[-2])
        if count is None or not _NEIGHBOURS[self.kind]:
            return array
        return _half_apart(array, int(self.said(f"{self.kind}.attention.{count}")))

    def _name(self, name: str) -> str:
        """`blk.3.attn_q.weight` as Hugging Face has it."""
        module, _, leaf = name.rpartition(".")
        if module in _OUTER:
            return f"{_OUTER[module]}.{leaf}"
        block, _, part = module.removeprefix("blk.").partition(".")
        return f"layers.{block}.{_INNER[part]}.{leaf}" if part in _INNER else name

    def backend(self) -> Any:
        """The tokenizer of the `tokenizers` library that its pieces and merges stand for.

        Raises:
            UsageError: it is of a kind that is not read here.
        """
        from tokenizers import AddedToken, Tokenizer, decoders, models

        kind, pre = self.said("tokenizer.ggml.model"), self.said("tokenizer.ggml.pre", "default")
        if kind != "gpt2":
            raise UsageError(f"{self.place} has a tokenizer of the kind {kind!r}, not of bytes.")
        pieces = self.said("tokenizer.ggml.tokens")
        merges = [tuple(merge.split(" ")) for merge in self.said("tokenizer.ggml.merges")]
        backend = Tokenizer(models.BPE({piece: n for n, piece in enumerate(pieces)}, merges))
        backend.pre_tokenizer = _words(pre, self.place)
        backend.decoder = decoders.ByteLevel()
        types = self.said("tokenizer.ggml.token_type", [1] * len(pieces))
        marks = [piece for piece, type_ in zip(pieces, types, strict=True) if type_ in (3, 4)]
        backend.add_special_tokens([AddedToken(m, special=True, normalized=False) for m in marks])
        backend.post_processor = self._ends(pieces)
        return backend

    def _ends(self, pieces: list[str]) -> Any:
        """What is written before and after every text, if anything."""
        from tokenizers import processors

        marks = {
            end: pieces[self.said(f"tokenizer.ggml.{end}_token_id")]
            for end in ("bos", "eos")
            if self.said(f"tokenizer.ggml.add_{end}_token", False)
        }
        written = [marks.get("bos"), "$A", marks.get("eos")]
        return processors.TemplateProcessing(
            single=" ".join(piece for piece in written if piece),
            special_tokens=[(piece, pieces.index(piece)) for piece in marks.values()],
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


def _half_apart(array: np.ndarray, heads: int) -> np.ndarray:
    """Rows of queries or keys whose pairs are neighbours, brought half a head apart."""
    if len(array) % (2 * heads):
        return array  # the shape is refused later, with its name
    pairs = array.reshape(heads, -1, 2, *array.shape[1:])
    return pairs.swapaxes(1, 2).reshape(array.shape)


@functools.lru_cache(maxsize=2)
def _reader(path: Path, size: int, changed: int) -> Any:
    """A file's reader; its size and time of change are there to be part of the cache's key."""
    try:
        from gguf import GGUFReader
    except ImportError:
        raise UsageError("GGUF files are read by the package gguf: pip install gguf.") from None
    try:
        return GGUFReader(path)
    except (OSError, ValueError, IndexError, KeyError, OverflowError, MemoryError) as error:
        raise UsageError(f"{path} cannot be read: {error!r}.") from error


def only_file(folder: Path) -> Path | None:
    """The only GGUF file of a folder; the path itself if it is one."""
    if folder.suffix == ".gguf" and folder.is_file():
        return folder
    found = sorted(folder.glob("*.gguf")) if folder.is_dir() else []
    return found[0] if len(found) == 1 else None
