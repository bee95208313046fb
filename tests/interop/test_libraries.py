"""Random networks and folders of transformers and sentence-transformers, against those libraries."""

import dataclasses

import numpy as np
import pytest

import jaxemb
from jaxemb.interop.pieces import folder_backend, read_tokenizer
from jaxemb.text import GivenPieces, TextBatch
from tests.interop.folders import PIECES

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
library = pytest.importorskip("sentence_transformers")

BERT = dict(
    vocab_size=31, hidden_size=18, num_hidden_layers=3, num_attention_heads=3, intermediate_size=22,
    max_position_embeddings=15, initializer_range=0.4,
)  # fmt: skip
NETWORKS = {
    "bert": ("Bert", BERT),
    "bert-one-layer": ("Bert", BERT | {"num_hidden_layers": 1, "hidden_act": "gelu_new"}),
    "bert-relu": ("Bert", BERT | {"hidden_act": "relu", "layer_norm_eps": 1e-3, "hidden_size": 6}),
    "bert-one-segment": ("Bert", BERT | {"type_vocab_size": 1}),
    "roberta": ("Roberta", BERT | {"type_vocab_size": 1}),
    "xlm-roberta": ("XLMRoberta", BERT | {"type_vocab_size": 1, "layer_norm_eps": 1e-5}),
    "camembert": ("Camembert", BERT | {"pad_token_id": 3}),
    "distilbert": (
        "DistilBert",
        dict(vocab_size=31, dim=10, n_layers=2, n_heads=5, hidden_dim=7, initializer_range=0.4,
             max_position_embeddings=13),
    ),
}  # fmt: skip
TEXTS = ["sort a list", "open the file !", "", "join strings of numbers", "東 sorting", "a " * 50]


def saved(folder, kind: str, settings: dict):
    """A network with random weights, norms too, and a tokenizer's folder."""
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**settings)
    network = getattr(transformers, f"{kind}Model")(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    network.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    return network


@pytest.mark.parametrize("name", NETWORKS)
def test_states_are_those_of_transformers(name, tmp_path):
    network = saved(tmp_path, *NETWORKS[name])
    model = jaxemb.load(tmp_path)
    rng, padding = np.random.default_rng(), network.config.pad_token_id
    mask = np.arange(11) < np.array([[11], [4], [1]])
    ids = np.where(mask, rng.integers(5, 31, mask.shape), padding)
    single = hidden_states(network, ids, mask)
    exact = hidden_states(network.double(), ids, mask)
    batch = TextBatch(np.where(mask, ids, 0).astype(np.int32), mask)
    found = np.asarray(model.embedder.states(model.params, batch))
    # Such networks blow up rounding by draws of their tokens, so that no one tolerance suits all:
    # over 2,400 draws neither library was nearer to float64 than the other, nor 10 times as far.
    rounding = np.abs(single - exact)[:, mask].max()
    np.testing.assert_allclose(
        found[:, mask], exact[:, mask], rtol=0, atol=16 * max(rounding, 2.5e-6)
    )


def hidden_states(network, ids, mask) -> np.ndarray:
    """The states after each layer, `[layers, batch, tokens, width]`."""
    with torch.no_grad():
        told = network(
            torch.tensor(ids),
            attention_mask=torch.tensor(mask.astype(int)),
            output_hidden_states=True,
        )
    return np.stack([states.numpy() for states in told.hidden_states[1:]])


def transformer(folder):
    """sentence-transformers' first module, over a random network in a folder."""
    from sentence_transformers.models import Transformer

    saved(folder, "Bert", BERT)
    tokenizer = transformers.BertTokenizerFast(str(folder / "vocab.txt"))
    tokenizer.save_pretrained(folder)
    return Transformer(str(folder), max_seq_length=9)


def after(name: str) -> list:
    """The modules after the first one."""
    from sentence_transformers.models import Dense, LayerNorm, Normalize, Pooling

    mean = Pooling(18, pooling_mode="mean")
    norm = LayerNorm(18)
    torch.nn.init.normal_(norm.norm.weight)
    torch.nn.init.normal_(norm.norm.bias)
    linear, wide = torch.nn.Identity(), torch.nn.GELU()
    return {
        "dense": [mean, Dense(18, 7)],
        "dense-linear-without-bias": [mean, Dense(18, 7, bias=False, activation_function=linear)],
        "dense-twice": [mean, Dense(18, 24, activation_function=wide), Dense(24, 5), Normalize()],
        "layer-norm": [mean, norm],
        "normalize": [mean, Normalize()],
        "joined": [Pooling(18, pooling_mode=("cls", "max", "mean")), Normalize()],
    }.get(name) or [Pooling(18, pooling_mode=name)]


MODES = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
HEADS = ("dense", "dense-linear-without-bias", "dense-twice", "layer-norm", "normalize", "joined")


@pytest.mark.parametrize("name", [*MODES, *HEADS])
@pytest.mark.filterwarnings("ignore")
def test_folders_are_read_as_sentence_transformers_reads_them(name, tmp_path):
    (tmp_path / "network").mkdir()
    theirs = library.SentenceTransformer(
        modules=[transformer(tmp_path / "network"), *after(name)], device="cpu"
    )
    theirs.save(str(tmp_path / "saved"))
    ours = jaxemb.load(tmp_path / "saved")
    expected = theirs.encode(TEXTS)
    np.testing.assert_allclose(ours.encode(TEXTS, normalize=False), expected, atol=2e-5)
    assert ours.dim == expected.shape[1]


@pytest.mark.filterwarnings("ignore")
def test_prompts_are_those_of_sentence_transformers(tmp_path):
    (tmp_path / "network").mkdir()
    prompts = {"query": "sort ", "document": "the list "}
    theirs = library.SentenceTransformer(
        modules=[transformer(tmp_path / "network"), *after("mean")], prompts=prompts, device="cpu"
    )
    theirs.save(str(tmp_path / "saved"))
    ours = jaxemb.load(tmp_path / "saved")
    for role, encode in (("query", theirs.encode_query), ("document", theirs.encode_document)):
        found = ours.encode(TEXTS, role=role, normalize=False)
        np.testing.assert_allclose(found, encode(TEXTS), atol=2e-5)


def byte_pairs():
    """As RoBERTa's: bytes merged by frequency, spaces kept."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator(
        ["sort a list of lists", "open the file"] * 4,
        trainers.BpeTrainer(
            vocab_size=300, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        ),
    )
    backend.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return backend


def unigrams():
    """As XLM-RoBERTa's: likeliest pieces of words, a mark for each space."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    scores = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    scores += [
        (piece, -float(n)) for n, piece in enumerate(["▁", "▁sort", "▁a", "s", "t", "▁the"], 1)
    ]
    backend = Tokenizer(models.Unigram(scores, unk_id=3))
    backend.normalizer = normalizers.NFKC()
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return backend


@pytest.mark.parametrize("make", [byte_pairs, unigrams])
def test_other_tokenizers_give_the_ids_of_transformers(make, tmp_path):
    make().save(str(tmp_path / "tokenizer.json"))
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    texts = [*TEXTS, " sort", "sort  a\n the", "é" * 40, "sort the " * 400, "x" * 5000, "😀 a"]
    text = GivenPieces(vocabulary=400, max_tokens=20)
    ours = read_tokenizer(folder_backend(tmp_path), tmp_path, text, lowercase=False)
    expected = theirs(texts, truncation=True, max_length=20)["input_ids"]
    assert [ids.tolist() for ids in ours.encode(texts)] == expected
    short = dataclasses.replace(text, max_tokens=5)
    backend = folder_backend(tmp_path)
    cut = read_tokenizer(backend, tmp_path, short, lowercase=True).encode(["SORT the a a a a"])
    assert len(cut[0]) == 5 and cut[0].tolist() == theirs("sort the a a a a")["input_ids"][:4] + [2]
