"""Folders written for sentence-transformers: read again by us, and by the library itself."""

import dataclasses
import json

import jax
import numpy as np
import pytest

import jaxemb
from jaxemb.adaptation import BottleneckAdapters, LoRA
from jaxemb.config import UsageError
from jaxemb.encoders import PostNormTransformer, Transformer
from jaxemb.fitting import Slice
from jaxemb.heads import Activated, Chain, Identity, Linear, Normalize, Normed
from jaxemb.interop import export
from jaxemb.model import Embedder, Model
from jaxemb.nn import (
    Activation,
    Causal,
    Experts,
    GatedMLP,
    LayerNorm,
    Learned,
    MultiHead,
    PostNorm,
    PreNorm,
    ReLU,
    RMSNorm,
    Rotary,
    SiLU,
    Sinusoidal,
    Window,
    WithSegment,
)
from jaxemb.pooling import Concatenation, FirstToken, LastToken, LatentOverTokens, Max, Mean
from jaxemb.text import Bytes, Template, WordPiece
from tests import toy

TEXTS = ["sort a list", "open the file !", "", "join strings of numbers", "a " * 50]
NORM = Normed(norm=LayerNorm(epsilon=1e-5))
HEADS = {
    "plain": (Mean(), Identity()),
    "normal": (FirstToken(), Normalize()),
    "dense": (Mean(), Chain(heads=(Linear(dim=5), Activated(activation=ReLU()), Normalize()))),
    "norm": (Concatenation(poolings=(FirstToken(), Max())), Chain(heads=(NORM, Linear(dim=3)))),
}


def made(pooling=None, head=None, **changes) -> Model:
    """A network with random parameters and a tokenizer trained on these texts."""
    position = WithSegment(inner=Learned(max_tokens=12), segments=1)
    encoder = PostNormTransformer(**{"width": 16, "heads": 2, "position": position} | changes)
    text = WordPiece(vocabulary=60, max_tokens=9, template=Template(query="sort "))
    embedder = Embedder(
        text=text, tokens=toy.embedder().tokens, encoder=encoder, pooling=pooling or Mean(),
        head=head or Identity(),
    )  # fmt: skip
    model = Model.create(embedder, jax.random.key(0))
    rng = np.random.default_rng(0)
    params = jax.tree.map(
        lambda x: x + 0.3 * rng.normal(size=x.shape).astype(x.dtype), model.params
    )
    return dataclasses.replace(model, params=params, tokenizer=text.train(TEXTS))


@pytest.mark.parametrize("name", HEADS)
def test_a_folder_is_read_back(name, tmp_path):
    model = made(*HEADS[name])
    again = jaxemb.load(export(model, tmp_path / "folder"))
    for role in ("query", "document"):
        vectors = [m.encode(TEXTS, role=role, normalize=False) for m in (model, again)]
        np.testing.assert_array_equal(*vectors)


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.filterwarnings("ignore")
def test_sentence_transformers_reads_it(name, tmp_path):
    pytest.importorskip("torch")
    library = pytest.importorskip("sentence_transformers")
    model = made(*HEADS[name])
    theirs = library.SentenceTransformer(str(export(model, tmp_path / "folder")), device="cpu")
    vectors = model.encode(TEXTS, normalize=False)
    np.testing.assert_allclose(theirs.encode(TEXTS), vectors, atol=2e-5)
    queries = model.encode(TEXTS, role="query", normalize=False)
    np.testing.assert_allclose(theirs.encode_query(TEXTS), queries, atol=2e-5)


def llama(mask=None, attention=None, **changes) -> Transformer:
    norm = RMSNorm(epsilon=1e-5)
    block = PreNorm(
        branch_norm=norm, attention=attention or MultiHead(biases=()), feed_forward=GatedMLP()
    )
    given = dict(
        layers=2, width=16, heads=4, hidden=24, mask=mask or Causal(), activation=SiLU(), norm=norm,
        block=block, position=Rotary(base=500.0), dropout=0.0,
    )  # fmt: skip
    return Transformer(**given | changes)


def nomic() -> Transformer:
    norm = LayerNorm(epsilon=1e-6)
    return PostNormTransformer(
        layers=2, width=16, heads=2, activation=SiLU(), dropout=0.0,
        position=WithSegment(inner=Rotary(base=300.0)), embedding_norm=norm,
        block=PostNorm(branch_norm=norm, attention=MultiHead(biases=()), feed_forward=GatedMLP()),
    )  # fmt: skip


KINDS = {
    "distilbert": PostNormTransformer(layers=2, width=16, heads=2, position=Learned(max_tokens=12)),
    "nomic_bert": nomic(),
    "llama": llama(attention=MultiHead(biases=(), key_value_heads=2)),
    "qwen2": llama(attention=MultiHead(biases=("query", "key", "value"))),
    "qwen3": llama(
        attention=MultiHead(biases=(), head_dim=6, query_key_norm=RMSNorm(epsilon=1e-5))
    ),
    "mistral": llama(Window(inner=Causal(), reach=2)),
}


def of_kind(kind: str) -> Model:
    pooling = FirstToken() if "bert" in kind else LastToken()
    model = made(pooling=pooling)
    network = dataclasses.replace(model.embedder, encoder=KINDS[kind])
    if kind == "qwen2":  # it reads bytes, whatever the tokenizer
        network = dataclasses.replace(network, text=Bytes(max_tokens=9))
        model = dataclasses.replace(model, tokenizer=network.text.train())
    rng = np.random.default_rng(1)
    params = jax.tree.map(
        lambda x: x + 0.3 * rng.normal(size=x.shape).astype(x.dtype),
        network.init(jax.random.key(0)),
    )
    return dataclasses.replace(model, embedder=network, params=params)


@pytest.mark.parametrize("kind", KINDS)
def test_other_kinds_of_networks_are_read_back(kind, tmp_path):
    model = of_kind(kind)
    folder = export(model, tmp_path / "folder")
    assert json.loads((folder / "config.json").read_text())["model_type"] == kind
    again = jaxemb.load(folder)
    assert again.embedder.layers == 2
    np.testing.assert_allclose(again.encode(TEXTS), model.encode(TEXTS), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore")
def test_sentence_transformers_reads_other_kinds(kind, tmp_path):
    pytest.importorskip("torch")
    library = pytest.importorskip("sentence_transformers")
    model = of_kind(kind)
    theirs = library.SentenceTransformer(str(export(model, tmp_path / "folder")), device="cpu")
    texts = [text for text in TEXTS if text or kind != "qwen2"]  # which marks no text's ends
    expected = model.encode(texts, normalize=False)
    np.testing.assert_allclose(theirs.encode(texts), expected, atol=5e-5)


def test_low_rank_additions_are_written_and_adapters_refused(tmp_path):
    model = made()
    lora, adapters = LoRA(rank=2), BottleneckAdapters(width=2)
    moved, kept = lora.split(model.params, jax.random.key(0))
    moved = jax.tree.map(lambda x: x + 0.2, moved)
    merged = dataclasses.replace(model, params=lora.merged(moved, kept))
    again = jaxemb.load(export(merged, tmp_path / "low-rank"))
    np.testing.assert_array_equal(again.encode(TEXTS), merged.encode(TEXTS))
    assert not np.allclose(merged.encode(TEXTS), model.encode(TEXTS), atol=1e-3)
    inside = adapters.merged(*adapters.split(model.params, jax.random.key(0)))
    with pytest.raises(UsageError, match="adapters inside"):
        export(dataclasses.replace(model, params=inside), tmp_path / "adapters")


class Swapped(Activation):
    """An activation of nobody's."""

    def __call__(self, x):
        return -x


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": Causal()}, "has no counterpart"),
        ({"position": Sinusoidal()}, "has no counterpart"),
        ({"activation": Swapped()}, "has no name in transformers"),
        ({"block": PostNorm(feed_forward=Experts(experts=2))}, "has no counterpart"),
        ({"pooling": LatentOverTokens(latents=2, heads=2)}, "The pooling latent_over_tokens"),
        ({"head": Normed()}, "The head normed has no counterpart"),
        ({"head": Activated()}, "The head activated has no counterpart"),
    ],
)
def test_what_has_no_counterpart_is_refused_before_anything_is_written(change, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        export(made(**change), tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_a_model_in_parts_is_refused(tmp_path):
    model = made()
    with pytest.raises(UsageError, match="transforms of its vectors"):
        export(dataclasses.replace(model, transforms=(Slice(dim=2),)), tmp_path / "folder")
    words = dataclasses.replace(of_kind("qwen2"), tokenizer=model.tokenizer)
    with pytest.raises(UsageError, match="byte-level pairs"):
        export(words, tmp_path / "folder")
    with pytest.raises(UsageError, match="no tokenizer"):
        export(dataclasses.replace(model, tokenizer=None), tmp_path / "folder")
    with pytest.raises(UsageError, match="exists already"):
        export(model, tmp_path)
    kinds = json.loads((export(model, tmp_path / "folder") / "modules.json").read_text())
    assert [entry["path"] for entry in kinds] == ["", "1_Pooling"]
