"""Folders written for sentence-transformers: read again by us, and by the library itself."""

import dataclasses
import json

import jax
import numpy as np
import pytest

import jaxemb
from jaxemb.config import UsageError
from jaxemb.encoders import PostNormTransformer
from jaxemb.fitting import Slice
from jaxemb.heads import Activated, Chain, Identity, Linear, Normalize, Normed
from jaxemb.interop import export
from jaxemb.model import Embedder, Model
from jaxemb.nn import Causal, LayerNorm, Learned, ReLU, WithSegment
from jaxemb.pooling import Concatenation, FirstToken, LatentOverTokens, Max, Mean
from jaxemb.text import Template, WordPiece
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": Causal()}, "has no counterpart"),
        ({"position": Learned()}, "has no counterpart"),
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
    with pytest.raises(UsageError, match="no tokenizer"):
        export(dataclasses.replace(model, tokenizer=None), tmp_path / "folder")
    with pytest.raises(UsageError, match="exists already"):
        export(model, tmp_path)
    kinds = json.loads((export(model, tmp_path / "folder") / "modules.json").read_text())
    assert [entry["path"] for entry in kinds] == ["", "1_Pooling"]
