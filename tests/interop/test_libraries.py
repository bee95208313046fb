"""Folders and tokenizers of sentence-transformers and transformers, against those libraries."""

import dataclasses

import numpy as np
import pytest

import jaxemb
from jaxemb.interop.export import export
from jaxemb.interop.pieces import folder_backend, read_tokenizer
from jaxemb.losses import Dot
from jaxemb.text import GivenPieces
from tests.interop.folders import PIECES

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
library = pytest.importorskip("sentence_transformers")

BERT = dict(
    vocab_size=31, hidden_size=18, num_hidden_layers=3, num_attention_heads=3, intermediate_size=22,
    max_position_embeddings=15, initializer_range=0.4,
)  # fmt: skip
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


@pytest.mark.parametrize(
    "mode", ["mean", "cls", "max", "mean_sqrt_len_tokens", "lasttoken", "joined"]
)
@pytest.mark.filterwarnings("ignore")
def test_prompts_are_left_out_of_the_pooling_as_there(mode, tmp_path):
    (tmp_path / "network").mkdir()
    prompts = {"query": "sort the lists ", "document": "", "topic": "a of " * 9}
    pooling = after(mode)
    pooling[0].include_prompt = False
    theirs = library.SentenceTransformer(
        modules=[transformer(tmp_path / "network"), *pooling], prompts=prompts, device="cpu"
    )
    theirs.save(str(tmp_path / "saved"))
    ours = jaxemb.load(tmp_path / "saved")
    for role, encode in (("query", theirs.encode_query), ("document", theirs.encode_document)):
        found = ours.encode(TEXTS, role=role, normalize=False)
        np.testing.assert_allclose(found, encode(TEXTS), atol=2e-5)
    # A prompt that is longer than a text may be leaves the closing mark alone.
    for prompt in ("open ", prompts["topic"]):
        found = ours.encode(TEXTS, prompt=prompt, normalize=False)
        np.testing.assert_allclose(found, theirs.encode(TEXTS, prompt=prompt), atol=2e-5)
    export(ours, tmp_path / "again")
    again = library.SentenceTransformer(str(tmp_path / "again"), device="cpu")
    np.testing.assert_allclose(again.encode_query(TEXTS), theirs.encode_query(TEXTS), atol=2e-5)
    assert jaxemb.load(tmp_path / "again").embedder.pooling == ours.embedder.pooling


@pytest.mark.parametrize("strategy", ["max", "sum"])
@pytest.mark.parametrize("kind", ["MLMTransformer", "Transformer"])
@pytest.mark.filterwarnings("ignore")
def test_sparse_folders_are_read_as_sentence_transformers_reads_them(kind, strategy, tmp_path):
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.modules import MLMTransformer, SpladePooling

    torch.manual_seed(0)
    network = transformers.BertForMaskedLM(transformers.BertConfig(**BERT)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    network.save_pretrained(tmp_path / "network")
    (tmp_path / "network" / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    tokenizer = transformers.BertTokenizerFast(str(tmp_path / "network" / "vocab.txt"))
    tokenizer.save_pretrained(tmp_path / "network")
    modules = [MLMTransformer(str(tmp_path / "network"), max_seq_length=9),
               SpladePooling(pooling_strategy=strategy)]  # fmt: skip
    theirs = SparseEncoder(modules=modules, device="cpu")
    theirs.save(str(tmp_path / "saved"))
    listing = tmp_path / "saved" / "modules.json"
    listing.write_text(listing.read_text().replace("MLMTransformer", kind))
    ours = jaxemb.load(tmp_path / "saved")
    expected = theirs.encode(TEXTS, convert_to_sparse_tensor=False, convert_to_tensor=True).numpy()
    assert (expected == 0).any() and (expected > 0).any()
    found = ours.encode(TEXTS, normalize=False)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5)
    assert ours.embedder.similarity == Dot()


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
