"""Folders written for sentence-transformers: read again by us, and by the library itself."""

import dataclasses
import json

import jax
import numpy as np
import pytest

import jaxemb
from jaxemb.adaptation import BottleneckAdapters, LoRA
from jaxemb.config import UsageError
from jaxemb.encoders import Layer, PostNormTransformer, SharedTransformer, Transformer
from jaxemb.fitting import Slice
from jaxemb.heads import Activated, Chain, Identity, Linear, Normalize, Normed
from jaxemb.interop import export
from jaxemb.losses import Angular, Cosine, Dot, Euclidean, Manhattan
from jaxemb.model import Embedder, Model
from jaxemb.nn import (
    GELU,
    MLP,
    Activation,
    AttentionMask,
    BandScaling,
    BiasFreeLayerNorm,
    Bidirectional,
    Causal,
    ExactGELU,
    Experts,
    GatedMLP,
    LayerNorm,
    Learned,
    LinearScaling,
    MultiHead,
    NoNorm,
    NoPosition,
    NTKScaling,
    OffsetRMSNorm,
    PostNorm,
    PreNorm,
    RelativeBuckets,
    ReLU,
    RMSNorm,
    Rotary,
    SandwichNorm,
    SiLU,
    Sinusoidal,
    Window,
    WithSegment,
    YarnScaling,
)
from jaxemb.pooling import Concatenation, FirstToken, LastToken, LatentOverTokens, Max, Mean
from jaxemb.text import Bytes, GivenPieces, Template, Tokenizer, WordPiece
from jaxemb.tokens import FactorizedTable
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


@pytest.mark.in_turn(5)
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


def mpnet() -> PostNormTransformer:
    position = RelativeBuckets(inner=Learned(max_tokens=12))
    return PostNormTransformer(layers=2, width=16, heads=2, position=position, hidden=20)


def narrow(kind: type[Transformer], **changes) -> tuple[Transformer, FactorizedTable]:
    norm = LayerNorm(epsilon=1e-5)
    position = WithSegment(inner=Learned(max_tokens=12), segments=1)
    encoder = kind(
        width=16, heads=2, hidden=24, position=NoPosition(), embedding_norm=NoNorm(),
        activation=GELU(), block=PostNorm(branch_norm=norm), **changes,
    )  # fmt: skip
    return encoder, FactorizedTable(dim=6, position=position, norm=norm)


def modernbert(**fields) -> Transformer:
    norm = BiasFreeLayerNorm(epsilon=1e-5)
    form = PreNorm(branch_norm=norm, attention=MultiHead(biases=()), feed_forward=GatedMLP())
    local = Layer(mask=Window(reach=1), position=Rotary(base=40.0))
    bare = Layer(block=dataclasses.replace(form, attention_norm=NoNorm()))
    return Transformer(
        layers=4, width=16, heads=2, hidden=24, position=Rotary(base=90.0), norm=norm, block=form,
        activation=ExactGELU(), dropout=0.0, embedding_norm=norm.copy(),
        pattern=fields.get("pattern", (bare, local, Layer(), local)),
    )  # fmt: skip


def t5(feed_forward, activation) -> Transformer:
    norm = RMSNorm(epsilon=1e-6)
    attention = MultiHead(head_dim=5, biases=(), score_scale=1.0)
    form = PreNorm(branch_norm=norm, attention=attention, feed_forward=feed_forward)
    return Transformer(
        layers=2, width=16, heads=3, hidden=24, norm=norm, block=form, activation=activation,
        position=RelativeBuckets(buckets=8, farthest=6),
    )  # fmt: skip


def gemma(mask, local, **attention) -> Transformer:
    norm = OffsetRMSNorm(epsilon=1e-6)
    form = SandwichNorm(
        branch_norm=norm,
        attention=MultiHead(
            biases=(), key_value_heads=1, head_dim=6, score_scale=10**-0.5, **attention
        ),
        feed_forward=GatedMLP(),
    )
    return Transformer(
        layers=3, width=16, heads=2, hidden=24, norm=norm, block=form, mask=mask, activation=GELU(),
        position=Rotary(base=70.0), embedding_scale=4.0, dropout=0.0, pattern=(local, local, Layer()),
    )  # fmt: skip


def windowed(reach: int, inner: AttentionMask | None = None, **own) -> Layer:
    return Layer(mask=Window(inner=inner or Causal(), reach=reach), **own)


def scaled(scaling) -> Transformer:
    return llama(position=Rotary(base=500.0, scaling=scaling))


NARROW = {
    "albert": narrow(SharedTransformer, layers=4, repeats=2),
    "electra": narrow(PostNormTransformer, layers=2),
}
QWEN = MultiHead(biases=("query", "key", "value"))
KINDS = {
    "distilbert": PostNormTransformer(layers=2, width=16, heads=2, position=Learned(max_tokens=12)),
    "nomic_bert": nomic(),
    "mpnet": mpnet(),
    "albert": NARROW["albert"][0],
    "electra": NARROW["electra"][0],
    "modernbert": modernbert(),
    "t5": t5(MLP(biases=()), ReLU()),
    "t5, gated": t5(GatedMLP(), GELU()),
    "llama": llama(attention=MultiHead(biases=(), key_value_heads=2)),
    "llama, linear": scaled(LinearScaling(factor=3.0)),
    "llama, bands": scaled(BandScaling(factor=3.0, trained_tokens=5)),
    "llama, yarn": scaled(YarnScaling(factor=3.0, trained_tokens=6, fast=2.0)),
    "qwen2": llama(attention=QWEN),
    "qwen2, windows": llama(attention=QWEN, layers=3, pattern=(Layer(), windowed(1), Layer())),
    "qwen3": llama(
        attention=MultiHead(biases=(), head_dim=6, query_key_norm=RMSNorm(epsilon=1e-5))
    ),
    "mistral": llama(Window(inner=Causal(), reach=2)),
    "gemma2": gemma(Causal(), windowed(2), soft_cap=3.0),
    "gemma3_text": gemma(
        Causal(), windowed(2, position=Rotary(base=30.0)), query_key_norm=OffsetRMSNorm()
    ),
    "gemma3_text, both ways": gemma(
        Bidirectional(), windowed(2, inner=Bidirectional()), query_key_norm=OffsetRMSNorm()
    ),
}


def padded_second(model: Model) -> Model:
    """The model with pieces of which the one with the id 1 fills texts up."""
    from tokenizers import Tokenizer as Backend
    from tokenizers import models, pre_tokenizers, processors

    pieces = ["<s>", "<pad>", "</s>", "<unk>", "sort", "a", "list", "join", "open", "the", "file"]
    backend = Backend(models.WordLevel({p: n for n, p in enumerate(pieces)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    text = GivenPieces(vocabulary=20, max_tokens=9, template=model.embedder.text.template)
    return dataclasses.replace(
        model,
        embedder=dataclasses.replace(model.embedder, text=text),
        tokenizer=Tokenizer(backend, text),
    )


def of_kind(kind: str) -> Model:
    named = kind.partition(",")[0]
    pooling = FirstToken() if "bert" in kind else LastToken()
    model = made(pooling=pooling)
    tokens = NARROW[kind][1] if kind in NARROW else model.embedder.tokens
    network = dataclasses.replace(model.embedder, encoder=KINDS[kind], tokens=tokens)
    model = dataclasses.replace(model, embedder=network)
    if named == "qwen2":  # it reads bytes, whatever the tokenizer
        network = dataclasses.replace(network, text=Bytes(max_tokens=9))
        model = dataclasses.replace(model, embedder=network, tokenizer=network.text.train())
    if named == "mpnet":
        model = padded_second(model)
    rng = np.random.default_rng(1)
    params = jax.tree.map(
        lambda x: x + 0.3 * rng.normal(size=x.shape).astype(x.dtype),
        jax.jit(model.embedder.init)(jax.random.key(0)),
    )
    return dataclasses.replace(model, params=params)


@pytest.mark.in_turn(5)
@pytest.mark.parametrize("kind", KINDS)
def test_other_kinds_of_networks_are_read_back(kind, tmp_path):
    model = of_kind(kind)
    folder = export(model, tmp_path / "folder")
    named = kind.partition(",")[0]
    assert json.loads((folder / "config.json").read_text())["model_type"] == named
    again = jaxemb.load(folder)
    assert again.embedder.layers == model.embedder.layers
    for role in ("query", "document"):
        np.testing.assert_array_equal(*(m.encode(TEXTS, role=role) for m in (again, model)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore")
def test_sentence_transformers_reads_other_kinds(kind, tmp_path):
    pytest.importorskip("torch")
    library = pytest.importorskip("sentence_transformers")
    model = of_kind(kind)
    theirs = library.SentenceTransformer(str(export(model, tmp_path / "folder")), device="cpu")
    texts = [text for text in TEXTS if text or "qwen2" not in kind]  # which marks no text's ends
    expected = model.encode(texts, normalize=False)
    found = theirs.encode(texts, batch_size=len(texts))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5)


def test_a_card_says_what_it_is(tmp_path):
    model = made()
    card = (export(model, tmp_path / "folder") / "README.md").read_text()
    assert f"vectors of {model.dim} numbers" in card and "BertModel" in card
    assert "`sort ` before a query" in card and model.fingerprint()[:16] in card


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
        ({"position": RelativeBuckets(inner=Learned(), buckets=8)}, "has no counterpart"),
        ({"position": Rotary(scaling=NTKScaling())}, "has no counterpart"),
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


@pytest.mark.parametrize("similarity", [Cosine(), Dot(), Euclidean(), Manhattan()])
def test_the_similarity_is_read_back(similarity, tmp_path):
    model = made()
    model = dataclasses.replace(
        model, embedder=dataclasses.replace(model.embedder, similarity=similarity)
    )
    assert jaxemb.load(export(model, tmp_path / "folder")).embedder.similarity == similarity


def test_a_similarity_without_a_counterpart_is_refused(tmp_path):
    model = made()
    other = dataclasses.replace(model.embedder, similarity=Angular())
    with pytest.raises(UsageError, match="angular.* has no counterpart in sentence-transformers"):
        export(dataclasses.replace(model, embedder=other), tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_a_model_in_parts_is_refused(tmp_path):
    model = made()
    with pytest.raises(UsageError, match="transforms of its vectors"):
        export(dataclasses.replace(model, transforms=(Slice(dim=2),)), tmp_path / "folder")
    words = dataclasses.replace(of_kind("qwen2"), tokenizer=model.tokenizer)
    with pytest.raises(UsageError, match="byte-level pairs"):
        export(words, tmp_path / "folder")
    first = dataclasses.replace(of_kind("mpnet"), tokenizer=model.tokenizer)
    with pytest.raises(UsageError, match="takes the id 1 of an MPNet for padding"):
        export(first, tmp_path / "folder")
    with pytest.raises(UsageError, match="no tokenizer"):
        export(dataclasses.replace(model, tokenizer=None), tmp_path / "folder")
    with pytest.raises(UsageError, match="exists already"):
        export(model, tmp_path)
    kinds = json.loads((export(model, tmp_path / "folder") / "modules.json").read_text())
    assert [entry["path"] for entry in kinds] == ["", "1_Pooling"]
