"""BERT-like embedders in GGUF files that are written here, beside the same weights in safetensors."""

import numpy as np
import pytest

import jaxemb
from jaxemb.config import UsageError
from jaxemb.pooling import FirstToken, LastToken, Mean
from tests.interop import nomic
from tests.interop.folders import CONFIG, PIECES, tensors, write

gguf = pytest.importorskip("gguf")

# Rows of 32 numbers, which blocks of quantisation need.
BERT = CONFIG | {
    "vocab_size": len(PIECES), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 64, "layer_norm_eps": 1e-12, "max_position_embeddings": 16,
}  # fmt: skip
NOMIC = nomic.CONFIG | {
    "activation_function": "swiglu", "moe_every_n_layers": 0, "qkv_proj_bias": False,
    "mlp_fc1_bias": False, "mlp_fc2_bias": False,
}  # fmt: skip
OF_BERT = {
    "embeddings.word_embeddings": "token_embd", "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types", "embeddings.LayerNorm": "token_embd_norm",
    "attention.self.query": "attn_q", "attention.self.key": "attn_k",
    "attention.self.value": "attn_v", "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm", "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm",
}  # fmt: skip
OF_NOMIC = {
    "embeddings.word_embeddings": "token_embd", "embeddings.token_type_embeddings": "token_types",
    "emb_ln": "token_embd_norm", "attn.Wqkv": "attn_qkv", "attn.out_proj": "attn_output",
    "norm1": "attn_output_norm", "mlp.fc11": "ffn_up", "mlp.fc12": "ffn_gate",
    "mlp.fc2": "ffn_down", "norm2": "layer_output_norm",
}  # fmt: skip
TEXTS = ["Sort a list!", "opening the filer of 東 lists", "", "Ĕ é unheard-of [SEP] x", "a " * 40]
KINDS = ["F32", "F16", "Q8_0"]


def named(name: str, names: dict[str, str]) -> str:
    """Our checkpoint's name as llama.cpp writes it."""
    module, _, leaf = name.rpartition(".")
    if module in names:
        return f"{names[module]}.{leaf}"
    block, _, part = (
        module.partition("layer.")[2].partition(".")
        if "layer." in module
        else (module.partition("layers.")[2].partition("."))
    )
    return f"blk.{block}.{names[part]}.{leaf}"


def spaced(piece: str) -> str:
    """A piece as GGUF has it: a space before what begins a word, and nothing before the rest."""
    if piece.startswith("["):
        return piece
    return piece[2:] if piece.startswith("##") else f"▁{piece}"


def quantised(array: np.ndarray, kind: str):
    """What is stored of an array, and what can be computed back from it."""
    type_ = getattr(gguf.GGMLQuantizationType, kind)
    stored = gguf.quants.quantize(array, type_)
    return stored, type_, gguf.quants.dequantize(stored, type_).reshape(array.shape)


def write_gguf(path, architecture, arrays, settings, kind="F32", pieces=PIECES, **said):
    """A file, and the arrays that are left of those given."""
    writer, left = gguf.GGUFWriter(path, architecture), {}
    for name, value in settings.items():
        add = writer.add_uint32 if isinstance(value, int) else writer.add_float32
        add(f"{architecture}.{name}", value)
    writer.add_tokenizer_model("bert")
    writer.add_token_list([spaced(piece) for piece in pieces])
    writer.add_token_types([3 if piece.startswith("[") else 1 for piece in pieces])
    for name, number in said.items():
        writer.add_uint32(f"tokenizer.ggml.{name}_token_id", number)
    names = OF_NOMIC if architecture == "nomic-bert" else OF_BERT
    for name, array in arrays.items():
        if name.startswith("pooler"):
            continue
        # Small tables and vectors are kept whole there, too.
        own = kind if array.ndim > 1 and "position" not in name and "type" not in name else "F32"
        stored, type_, left[name] = quantised(array, own)
        writer.add_tensor(named(name, names), stored, raw_dtype=type_)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path, left


def bert_settings(**more) -> dict:
    return {
        "block_count": 2, "embedding_length": 32, "feed_forward_length": 64, "context_length": 16,
        "attention.head_count": 2, "attention.layer_norm_epsilon": 1e-12, **more,
    }  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_bert_is_read_as_its_folder(kind, tmp_path):
    arrays = tensors(BERT, seed=int(np.random.default_rng().integers(1 << 30)))
    path, left = write_gguf(tmp_path / "bert.gguf", "bert", arrays, bert_settings(), kind)
    ours = jaxemb.load(path)
    other = jaxemb.load(write(tmp_path / "folder", BERT, left))
    for theirs, mine in zip(
        other.tokenizer.encode(TEXTS), ours.tokenizer.encode(TEXTS), strict=True
    ):
        np.testing.assert_array_equal(theirs, mine)
    assert len(ours.tokenizer.encode(TEXTS)[0]) == 6 and ours.embedder == other.embedder
    np.testing.assert_array_equal(ours.encode(TEXTS), other.encode(TEXTS))


@pytest.mark.parametrize("kind", ["F32", "F16"])
def test_a_nomic_bert_is_read_as_its_folder(kind, tmp_path):
    settings = {
        "block_count": nomic.LAYERS, "embedding_length": nomic.WIDTH, "context_length": 20,
        "feed_forward_length": nomic.HIDDEN, "attention.head_count": nomic.HEADS,
        "attention.layer_norm_epsilon": 1e-5, "rope.freq_base": nomic.BASE, "pooling_type": 1,
    }  # fmt: skip
    arrays = nomic.arrays_of(NOMIC)
    path, left = write_gguf(tmp_path / "nomic.gguf", "nomic-bert", arrays, settings, kind)
    ours, other = jaxemb.load(path), jaxemb.load(write(tmp_path / "folder", NOMIC, left))
    np.testing.assert_allclose(ours.encode(TEXTS), other.encode(TEXTS), atol=1e-6)
    assert type(ours.embedder.encoder.block.feed_forward).__name__ == "GatedMLP"


def test_the_file_says_its_pooling_marks_and_whether_letters_have_a_size(tmp_path):
    arrays = tensors(BERT)
    for number, pooling in {0: Mean(), 1: Mean(), 2: FirstToken(), 3: LastToken()}.items():
        path = tmp_path / f"{number}.gguf"
        write_gguf(path, "bert", arrays, bert_settings(pooling_type=number))
        assert jaxemb.interop.folder.describe(path).pooling == pooling
    # Marks by their numbers, such as those of a file whose marks have other names.
    pieces = [{"[CLS]": "<a>", "[SEP]": "<b>"}.get(piece, piece) for piece in PIECES]
    pieces[pieces.index("list")] = "List"
    marked = write_gguf(
        tmp_path / "marked.gguf", "bert", arrays, bert_settings(), pieces=pieces,
        cls=2, seperator=3, unknown=1,
    )[0]  # fmt: skip
    ids = jaxemb.load(marked).tokenizer.encode(["a List list"])[0]
    assert ids.tolist() == [2, 6, 7, 1, 3]


@pytest.mark.parametrize(
    ("settings", "pieces", "message"),
    [
        ({"pooling_type": 4}, PIECES, "pooling_type 4"),
        ({}, ["x" if piece == "[SEP]" else piece for piece in PIECES], "piece is at the end"),
    ],
)
def test_other_files_are_refused(settings, pieces, message, tmp_path):
    path = tmp_path / "model.gguf"
    write_gguf(path, "bert", tensors(BERT), bert_settings(**settings), pieces=pieces)
    with pytest.raises(UsageError, match=message):
        jaxemb.load(path)
