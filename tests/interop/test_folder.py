"""Folders of Hugging Face and sentence-transformers, read against a plain reference."""

import json

import jax
import numpy as np
import pytest

import jaxemb
from jaxemb import interop
from jaxemb.config import UsageError
from jaxemb.losses import Cosine, Dot, Euclidean, Manhattan
from jaxemb.nn import GELU
from jaxemb.text import Template, pad
from tests.interop.folders import CONFIG, PIECES, reference, tensors, write

TEXTS = ["sort a list", "open the file", "", "join strings !", "sorting numbers of 東"]
MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Norm", "type": "sentence_transformers.models.Normalize"},
]


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "model", CONFIG)


def pooling(mode: str) -> dict:
    return {"word_embedding_dimension": 12, f"pooling_mode_{mode}": True}


def test_every_layer_is_the_reference(folder):
    model = jaxemb.load(folder)
    for ids in model.tokenizer.encode(TEXTS):
        expected = reference(CONFIG, tensors(CONFIG), ids)
        states = model.embedder.states(model.params, pad([ids], len(ids) + 2))
        np.testing.assert_allclose(states[:, 0, : len(ids)], expected, rtol=1e-4, atol=1e-4)


def test_a_plain_folder_has_the_mean_and_no_norm(folder):
    model = jaxemb.load(folder)
    (ids,) = model.tokenizer.encode(TEXTS[:1])
    mean = reference(CONFIG, tensors(CONFIG), ids)[-1].mean(0)
    np.testing.assert_allclose(model.encode(TEXTS[0], normalize=False), mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.encode(TEXTS[0]), mean / np.linalg.norm(mean), atol=1e-5)


@pytest.mark.parametrize("layers", [1, 2])
def test_layers_and_dim_cut_the_model(folder, layers):
    model = jaxemb.load(folder)
    (ids,) = model.tokenizer.encode(TEXTS[:1])
    mean = reference(CONFIG, tensors(CONFIG), ids)[layers - 1].mean(0)[:5]
    found = model.encode(TEXTS[0], layers=layers, dim=5)
    np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-5)
    cut = interop.read(folder, layers=layers)
    assert cut.embedder.layers == layers
    np.testing.assert_array_equal(cut.encode(TEXTS), model.encode(TEXTS, layers=layers))


def test_pieces_are_those_of_the_vocabulary(folder):
    (ids,) = jaxemb.load(folder).tokenizer.encode(["Sorting FILES é[MASK]"])
    pieces = [PIECES[i] for i in ids]
    assert pieces == ["[CLS]", "sort", "##ing", "file", "##s", "[UNK]", "[MASK]", "[SEP]"]


def test_the_limit_is_the_shortest_of_those_stated(tmp_path):
    assert jaxemb.load(write(tmp_path / "a", CONFIG)).embedder.text.max_tokens == 11
    short = {"tokenizer_config": {"model_max_length": 7}}
    assert jaxemb.load(write(tmp_path / "b", CONFIG, **short)).embedder.text.max_tokens == 7
    short["sentence_bert_config"] = {"max_seq_length": 5}
    model = jaxemb.load(write(tmp_path / "c", CONFIG, **short))
    assert model.embedder.text.max_tokens == 5
    assert [len(ids) for ids in model.tokenizer.encode(["sort " * 300])] == [5]
    assert interop.read(tmp_path / "c", max_tokens=4).embedder.text.max_tokens == 4


def test_modules_say_what_becomes_of_the_states(tmp_path):
    prompts = {"prompts": {"query": "sort ", "passage": "join "}, "default_prompt_name": None}
    files = {"modules": MODULES, "1_Pooling__config": pooling("cls_token")}
    files["config_sentence_transformers"] = prompts
    model = jaxemb.load(write(tmp_path / "model", CONFIG, **files))
    assert model.embedder.text.template == Template(query="sort ", document="join ")
    assert type(model.embedder.head).__name__ == "Normalize"
    (ids,) = model.tokenizer.encode(["a list"], role="query")
    first = reference(CONFIG, tensors(CONFIG), ids)[-1, 0]
    expected = first / np.linalg.norm(first)
    vector = model.encode("a list", role="query", normalize=False)
    np.testing.assert_allclose(vector, expected, atol=1e-5)


def test_older_names_and_prefixes_are_read(tmp_path):
    arrays = {
        f"bert.{name}".replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): x
        for name, x in tensors(CONFIG).items()
    }
    arrays["cls.predictions.bias"] = np.zeros(3, np.float32)
    arrays["bert.embeddings.position_ids"] = np.zeros((1, 11), np.int64)
    old, new = write(tmp_path / "old", CONFIG, arrays), write(tmp_path / "new", CONFIG)
    np.testing.assert_array_equal(jaxemb.load(old).encode(TEXTS), jaxemb.load(new).encode(TEXTS))


def test_shards_are_one_model(tmp_path):
    from safetensors.numpy import save_file

    whole, parted = write(tmp_path / "whole", CONFIG), write(tmp_path / "parted", CONFIG)
    arrays, places = tensors(CONFIG), {}
    for number in range(2):
        names = sorted(arrays)[number::2]
        save_file({name: arrays[name] for name in names}, parted / f"model-{number}.safetensors")
        places |= dict.fromkeys(names, f"model-{number}.safetensors")
    (parted / "model.safetensors").unlink()
    (parted / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    vectors = [jaxemb.load(folder).encode(TEXTS) for folder in (whole, parted)]
    np.testing.assert_array_equal(*vectors)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_becomes_float32(tmp_path, dtype):
    import ml_dtypes

    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    half = {name: x.astype(kind) for name, x in tensors(CONFIG).items()}
    wide = {name: x.astype(np.float32) for name, x in half.items()}
    one, other = (write(tmp_path / n, CONFIG, x) for n, x in (("half", half), ("wide", wide)))
    model = jaxemb.load(one)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(model.params)} == {"float32"}
    np.testing.assert_array_equal(model.encode(TEXTS), jaxemb.load(other).encode(TEXTS))


def test_the_tanh_form_of_gelu_is_told_apart(tmp_path):
    model = jaxemb.load(write(tmp_path / "model", CONFIG | {"hidden_act": "gelu_new"}))
    assert model.embedder.encoder.activation == GELU()


def test_save_and_load_give_the_same_bits(folder, tmp_path):
    model = jaxemb.load(folder)
    again = jaxemb.load(model.save(tmp_path / "saved"))
    assert again.embedder == model.embedder
    np.testing.assert_array_equal(again.encode(TEXTS), model.encode(TEXTS))


def test_only_settings_are_needed_to_describe(folder):
    (folder / "model.safetensors").unlink()
    described = interop.describe(folder)
    sizes = {
        slot: sum(x.size for x in jax.tree.leaves(t)) for slot, t in described.shapes().items()
    }
    expected = sum(x.size for name, x in tensors(CONFIG).items() if not name.startswith("pooler"))
    assert sum(sizes.values()) == expected


# --- what is refused, in a sentence


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "gpt2"}, "of type 'gpt2'; jaxemb reads these: bert"),
        ({"is_decoder": True}, "is a decoder"),
        ({"auto_map": {"AutoModel": "m.M"}}, "runs no code of a model's folder"),
        ({"position_embedding_type": "relative_key"}, "'relative_key' positions"),
        ({"hidden_act": "mish"}, "the activation 'mish' has no part here"),
        ({"num_hidden_layers": 4}, "lack encoder.layer.3.attention"),
        ({"hidden_size": 15}, "has the shape .* which does not fit the settings"),
        ({"num_hidden_layers": None}, "num_hidden_layers"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_other_networks_are_refused(folder, change, message):
    (folder / "config.json").write_text(json.dumps(CONFIG | change))
    with pytest.raises(UsageError, match=message):
        jaxemb.load(folder)


def test_a_field_that_is_absent_is_named(folder):
    lacking = {name: value for name, value in CONFIG.items() if name != "intermediate_size"}
    (folder / "config.json").write_text(json.dumps(lacking))
    with pytest.raises(UsageError, match="does not say intermediate_size"):
        jaxemb.load(folder)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"1_Pooling__config": {"pooling_mode": "median"}}, "the pooling 'median'; there are cls"),
        (
            {"modules": [MODULES[0] | {"type": "x.WordEmbeddings"}]},
            "begins with WordEmbeddings; jaxemb reads",
        ),
        ({"modules": [*MODULES[:2], MODULES[2] | {"type": "x.LSTM"}]}, "of type 'LSTM'"),
        (
            {
                "1_Pooling__config": {"pooling_mode": "weightedmean", "include_prompt": False},
                "config_sentence_transformers": {"prompts": {"query": "sort "}},
            },
            "leaves the prompt's tokens out",
        ),
        (
            {
                "modules": [MODULES[0], {"type": "x.SpladePooling", "path": "1_Splade"}],
                "1_Splade__config": {"activation_function": "log1p_relu"},
            },
            "there are max and sum of relu",
        ),
    ],
    ids=["unknown", "first", "after", "prompt", "sparse"],
)
def test_other_modules_are_refused(tmp_path, files, message):
    given = {"modules": MODULES, "1_Pooling__config": pooling("mean_tokens")} | files
    folder = write(tmp_path / "model", CONFIG, **given)
    with pytest.raises(UsageError, match=message):
        jaxemb.load(folder)


def test_pickles_are_refused(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UsageError, match="a pickle can run code"):
        jaxemb.load(folder)
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(UsageError, match="holds no weights"):
        jaxemb.load(folder)


def test_damaged_files_are_named(folder):
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    with pytest.raises(UsageError, match="model.safetensors cannot be read"):
        jaxemb.load(folder)
    weights.write_bytes(whole)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(UsageError, match="tokenizer.json cannot be read"):
        jaxemb.load(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(UsageError, match="config.json cannot be read"):
        jaxemb.load(folder)


@pytest.mark.parametrize("size", [2**40, 2**63 - 1, 7], ids=["huge", "beyond", "small"])
def test_headers_that_lie_are_refused(folder, size):
    weights = folder / "model.safetensors"
    weights.write_bytes(size.to_bytes(8, "little") + weights.read_bytes()[8:])
    with pytest.raises(UsageError, match="model.safetensors cannot be read"):
        jaxemb.load(folder)


def test_an_array_whose_place_is_outside_the_file_is_refused(folder):
    header = {"x": {"dtype": "F32", "shape": [4], "data_offsets": [0, 10**12]}}
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + b"0" * 16)
    with pytest.raises(UsageError, match="model.safetensors cannot be read"):
        jaxemb.load(folder)


def test_a_tokenizer_must_fit_the_weights(folder):
    (folder / "vocab.txt").write_text("\n".join([*PIECES, "x", "y", "z", "one", "too", "many"]))
    with pytest.raises(UsageError, match="and the weights have"):
        jaxemb.load(folder)
    (folder / "vocab.txt").write_text("\n".join(PIECES[5:]))
    with pytest.raises(UsageError, match=r"lacks the piece '\[PAD\]'"):
        jaxemb.load(folder)
    (folder / "vocab.txt").unlink()
    with pytest.raises(UsageError, match="neither tokenizer.json nor vocab.txt"):
        jaxemb.load(folder)


def test_arrays_that_no_part_reads_are_refused(tmp_path):
    arrays = tensors(CONFIG)
    arrays["encoder.layer.0.attention.self.query.lora_A"] = np.zeros((2, 2), np.float32)
    with pytest.raises(UsageError, match="lora_A, and no part here reads it"):
        jaxemb.load(write(tmp_path / "model", CONFIG, arrays))


def test_given_pieces_are_not_trained(folder):
    with pytest.raises(UsageError, match="came with its weights"):
        jaxemb.load(folder).embedder.text.train(["a text"])


@pytest.mark.parametrize(
    ("name", "similarity"),
    [
        ("cosine", Cosine()),
        ("dot", Dot()),
        ("euclidean", Euclidean()),
        ("manhattan", Manhattan()),
        (None, Cosine()),
    ],
)
def test_the_similarity_is_the_one_that_is_named(name, similarity, tmp_path):
    about = {"config_sentence_transformers": {"similarity_fn_name": name}}
    model = jaxemb.load(write(tmp_path / "model", CONFIG, **about))
    assert model.embedder.similarity == similarity
    # Larger is more alike: a text is the nearest to itself, whatever the lengths of vectors.
    texts = ["sort a list", "open the file", "join a string of number"]
    ids, scores = model.index(texts).search(texts, k=3)
    if name != "dot":
        assert ids[:, 0].tolist() == [0, 1, 2]
    assert np.all(np.diff(scores, axis=1) <= 0)


def test_a_similarity_that_is_not_known_is_refused(tmp_path):
    about = {"config_sentence_transformers": {"similarity_fn_name": "maxsim"}}
    folder = write(tmp_path / "model", CONFIG, **about)
    with pytest.raises(UsageError, match="similarity_fn_name 'maxsim'; jaxemb reads cosine, dot"):
        jaxemb.load(folder)


def test_the_prompt_of_a_corpus_is_that_of_documents(tmp_path):
    files = {"config_sentence_transformers": {"prompts": {"query": "sort ", "corpus": "join "}}}
    template = jaxemb.load(write(tmp_path / "model", CONFIG, **files)).embedder.text.template
    assert template == Template(query="sort ", document="join ")


@pytest.mark.parametrize("said", [{}, {"bias": True}, {"bias": False}])
def test_a_bias_is_zero_only_where_the_settings_leave_it_out(said, tmp_path):
    from safetensors.numpy import save_file

    dense = {"out_features": 4, "activation_function": "torch.nn.modules.linear.Identity"} | said
    modules = [*MODULES[:2], {"type": "x.Dense", "path": "2_Dense"}]
    files = {
        "modules": modules,
        "1_Pooling__config": pooling("mean_tokens"),
        "2_Dense__config": dense,
    }
    folder = write(tmp_path / "model", CONFIG, **files)
    kernel = np.ones((4, CONFIG["hidden_size"]), np.float32)
    save_file({"linear.weight": kernel}, folder / "2_Dense" / "model.safetensors")
    if said.get("bias") is False:
        assert not np.any(jaxemb.load(folder).params["head"]["bias"])
        return
    with pytest.raises(UsageError, match="lack linear.bias"):
        jaxemb.load(folder)


def test_an_empty_prompt_is_a_prompt(tmp_path):
    prompts = {"query": "query: ", "document": ""}
    files = {"config_sentence_transformers": {"prompts": prompts, "default_prompt_name": "query"}}
    template = jaxemb.load(write(tmp_path / "model", CONFIG, **files)).embedder.text.template
    assert template == Template(query="query: ", document="")


def test_a_tokenizer_that_keeps_the_end_of_a_text_is_refused(tmp_path):
    files = {"tokenizer_config": {"truncation_side": "left"}}
    with pytest.raises(UsageError, match="cuts long texts on the left"):
        jaxemb.load(write(tmp_path / "model", CONFIG, **files))
