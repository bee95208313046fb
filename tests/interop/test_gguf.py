"""GGUF files that are written here: every quantisation, against the same weights in safetensors."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

import jaxemb
from jaxemb.config import UsageError
from jaxemb.interop import Pretrained, read_output
from jaxemb.interop.gguf_pieces import gguf_backend
from jaxemb.text import TextBatch

gguf = pytest.importorskip("gguf")

WIDTH, HIDDEN, HEADS, GROUPS, LAYERS = 64, 96, 4, 2, 2
PIECES = ["<e>", "<b>", *"abcdefghij", "Ġ", "ab", "Ġab", "cd"]
MERGES = ["a b", "Ġ ab", "c d"]
INNER = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}  # fmt: skip


def tensors() -> dict[str, np.ndarray]:
    """Random arrays under GGUF's names, rows and columns as Hugging Face has them."""
    rng, half = np.random.default_rng(0), WIDTH * GROUPS // HEADS
    shapes = {"token_embd": (len(PIECES), WIDTH), "output_norm": (WIDTH,)}
    for n in range(LAYERS):
        shapes |= {
            f"blk.{n}.attn_norm": (WIDTH,), f"blk.{n}.ffn_norm": (WIDTH,),
            f"blk.{n}.attn_q": (WIDTH, WIDTH), f"blk.{n}.attn_k": (half, WIDTH),
            f"blk.{n}.attn_v": (half, WIDTH), f"blk.{n}.attn_output": (WIDTH, WIDTH),
            f"blk.{n}.ffn_gate": (HIDDEN, WIDTH), f"blk.{n}.ffn_up": (HIDDEN, WIDTH),
            f"blk.{n}.ffn_down": (WIDTH, HIDDEN),
        }  # fmt: skip
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def side_by_side(array: np.ndarray, heads: int) -> np.ndarray:
    """Rows whose rotary pairs are half a head apart, brought together as llama.cpp has them."""
    return array.reshape(heads, 2, -1, array.shape[1]).swapaxes(1, 2).reshape(array.shape)


def write_gguf(path, arrays, kind="F32", **changes):
    writer = gguf.GGUFWriter(path, changes.get("architecture", "llama"))
    for name, value in {
        "block_count": LAYERS, "embedding_length": WIDTH, "feed_forward_length": HIDDEN,
        "context_length": 32, "attention.head_count": HEADS, "attention.head_count_kv": GROUPS,
    }.items():  # fmt: skip
        writer.add_uint32(f"llama.{name}", value)
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    writer.add_float32("llama.rope.freq_base", 300.0)
    writer.add_tokenizer_model(changes.get("tokenizer", "gpt2"))
    writer.add_tokenizer_pre(changes.get("pre", "gpt-2"))
    writer.add_token_list(PIECES)
    writer.add_token_types([3, 3] + [1] * (len(PIECES) - 2))
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(1)
    writer.add_add_bos_token(changes.get("bos", False))
    type_ = getattr(gguf.GGMLQuantizationType, kind)
    for name, add, value in changes.get("more", ()):
        getattr(writer, f"add_{add}")(name, value)
    for name, array in arrays.items():
        if array.ndim == 1:
            writer.add_tensor(f"{name}.weight", array)
        else:
            stored = gguf.quants.quantize(array, type_)
            writer.add_tensor(f"{name}.weight", stored, raw_dtype=type_)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def through(array: np.ndarray, kind: str) -> np.ndarray:
    """What is left of an array after it was quantised."""
    if array.ndim == 1:
        return array
    type_ = getattr(gguf.GGMLQuantizationType, kind)
    return gguf.quants.dequantize(gguf.quants.quantize(array, type_), type_).reshape(array.shape)


def for_llama(arrays):
    counts = {"attn_q": HEADS, "attn_k": GROUPS}
    return {
        name: side_by_side(x, counts[end]) if (end := name.rpartition(".")[2]) in counts else x
        for name, x in arrays.items()
    }


def write_folder(folder, arrays, pieces):
    """The same network in a folder of Hugging Face."""
    from safetensors.numpy import save_file

    folder.mkdir()
    names = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}
    for n in range(LAYERS):
        names |= {f"blk.{n}.{a}": f"model.layers.{n}.{b}" for a, b in INNER.items()}
    save_file({f"{names[n]}.weight": x for n, x in arrays.items()}, folder / "model.safetensors")
    config = dict(
        model_type="llama", vocab_size=len(PIECES), hidden_size=WIDTH, intermediate_size=HIDDEN,
        num_hidden_layers=LAYERS, num_attention_heads=HEADS, num_key_value_heads=GROUPS,
        max_position_embeddings=32, rms_norm_eps=1e-5, rope_theta=300.0, hidden_act="silu",
        tie_word_embeddings=True,
    )  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(pieces)
    return folder


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"])
def test_arrays_are_computed_back(tmp_path, kind):
    model = jaxemb.load(write_gguf(tmp_path / "model.gguf", for_llama(tensors()), kind))
    arrays = {name: through(x, kind) for name, x in tensors().items()}
    # Blocks of 32 lie along a row, so that the order of rows is of no matter.
    other = jaxemb.load(write_folder(tmp_path / "plain", arrays, model.tokenizer.to_json()))
    ids = np.random.default_rng(1).integers(0, len(PIECES), (2, 7), dtype=np.int32)
    batch = TextBatch(ids, np.arange(7) < np.array([[7], [4]]))
    found, expected = (m.embedder.states(m.params, batch) for m in (model, other))
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)
    assert model.embedder.encoder.block == other.embedder.encoder.block


def test_pieces_and_their_marks(tmp_path):
    plain = jaxemb.load(write_gguf(tmp_path / "plain.gguf", for_llama(tensors())))
    pieces = [PIECES[i] for i in plain.tokenizer.encode(["abcd ab<e>b"])[0]]
    assert pieces == ["ab", "cd", "Ġab", "<e>", "b"]
    begun = jaxemb.load(write_gguf(tmp_path / "begun.gguf", for_llama(tensors()), bos=True))
    assert [PIECES[i] for i in begun.tokenizer.encode(["ab"])[0]] == ["<b>", "ab"]
    (cut,) = begun.tokenizer.encode(["abcd ab<e>b"], max_tokens=4)
    assert [PIECES[i] for i in cut] == ["<b>", "ab", "cd", "Ġab"]


def test_an_output_of_its_own_is_read(tmp_path):
    arrays = for_llama(tensors())
    rows = np.random.default_rng(4).normal(size=(len(PIECES), WIDTH)).astype(np.float32)
    path = write_gguf(tmp_path / "model.gguf", arrays | {"output": rows})
    output, params = read_output(path)
    np.testing.assert_array_equal(params["embedding"], rows)
    assert type(output).__name__ == "UntiedLanguageModelHead"
    assert Pretrained(str(path), layers=1).network.encoder.layers == 1


def lacking(arrays):
    return {name: x for name, x in arrays.items() if name != "blk.1.ffn_up"}


def misshapen(arrays):
    return arrays | {"blk.0.attn_v": np.zeros((WIDTH, WIDTH), np.float32)}


def with_more(arrays):
    return arrays | {"blk.0.attn_sinks": np.zeros(32, np.float32)}


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (lacking, {}, "lack layers.1.mlp.up_proj.weight"),
        (misshapen, {}, r"layers.0.self_attn.v_proj.weight has the shape \(64, 64\)"),
        (with_more, {}, "blk.0.attn_sinks.weight, and no part here reads it"),
        (dict, {"architecture": "mamba"}, "of the architecture 'mamba'"),
        (dict, {"tokenizer": "t5"}, "a tokenizer of the kind 't5'"),
        (dict, {"pre": "unheard-of"}, "'unheard-of', which is not known here"),
    ],
)
def test_other_files_are_refused(tmp_path, change, settings, message):
    path = write_gguf(tmp_path / "model.gguf", change(for_llama(tensors())), **settings)
    with pytest.raises(UsageError, match=message):
        jaxemb.load(path)


def with_frequencies(factors):
    def change(arrays):
        return arrays | {"rope_freqs": np.asarray(factors, np.float32)}

    return change


@pytest.mark.parametrize(
    ("change", "more", "message"),
    [
        (with_frequencies([1, 1, 1, 1, 2, 4, 8, 8]), (), "scaled rotary positions"),
        (dict, [("llama.rope.scale_linear", "float32", 4.0)], "scaled rotary positions"),
        (dict, [("llama.rope.scaling.type", "string", "yarn")], "scaled rotary positions"),
        (dict, [("llama.rope.dimension_count", "uint32", 8)], "rotates 8 of the 16 numbers"),
        (dict, [("llama.attention.causal", "bool", False)], "attention.causal=False"),
    ],
)
def test_positions_and_masks_of_another_kind_are_refused(tmp_path, change, more, message):
    path = write_gguf(tmp_path / "model.gguf", change(for_llama(tensors())), more=more)
    with pytest.raises(UsageError, match=message):
        jaxemb.load(path)


def test_frequencies_that_are_not_scaled_change_nothing(tmp_path):
    plain = jaxemb.load(write_gguf(tmp_path / "plain.gguf", for_llama(tensors())))
    arrays = with_frequencies(np.ones(8))(for_llama(tensors()))
    more = [
        ("llama.rope.dimension_count", "uint32", 16),
        ("llama.attention.causal", "bool", True),
    ]
    said = jaxemb.load(write_gguf(tmp_path / "said.gguf", arrays, more=more))
    assert said.embedder == plain.embedder


def backend(**said):
    """A tokenizer of merged bytes, of the metadata under `tokenizer.ggml`."""
    usual = {"model": "gpt2", "bos_token_id": 0, "eos_token_id": 0}
    keys = {f"tokenizer.ggml.{name}": value for name, value in (usual | said).items()}
    return gguf_backend(lambda key, *default: keys.get(key, *default), Path("a file"))


def test_a_piece_of_llama_3_is_not_merged_from_smaller_ones():
    pieces = {"tokens": ["<b>", "c", "d", "cd"], "token_type": [3, 1, 1, 1], "merges": []}
    assert backend(pre="gpt-2", **pieces).encode("cd").tokens == ["c", "d"]
    # What is a piece stays one, and texts begin with a mark where the file says nothing of it.
    assert backend(pre="llama-bpe", **pieces).encode("cd").tokens == ["<b>", "cd"]
    told = backend(pre="llama-bpe", add_bos_token=False, **pieces)
    assert told.encode("cd").tokens == ["cd"]


def test_pieces_of_qwen_join_letters_and_accents():
    pieces = {"tokens": ["<b>", "e", "\u00c3", "\u00a9", "\u00c3\u00a9", "\u00cc", "\u0123"]}
    pieces |= {"token_type": [3] + [1] * 6, "merges": ["\u00c3 \u00a9"]}
    assert backend(pre="qwen2", **pieces).encode("e\u0301").ids == [4]
    assert backend(pre="gpt-2", **pieces).encode("e\u0301").ids == [1, 5, 6]


def test_damaged_files_are_refused(tmp_path):
    path = write_gguf(tmp_path / "model.gguf", for_llama(tensors()))
    whole = path.read_bytes()
    hostile = whole[:8] + struct.pack("<QQ", 2**40, 2**40) + whole[24:]
    for damaged in (whole[: len(whole) // 2], whole[:100], b"GGUF", hostile, b"not this"):
        path.write_bytes(damaged)
        with pytest.raises(UsageError, match="cannot be read"):
            jaxemb.load(path)
