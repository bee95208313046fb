"""Real weights in folders of Hugging Face, where JAXEMB_TEST_MODELS names a folder that holds them.

The figures were computed with transformers and sentence-transformers in float32.
"""

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxemb
from jaxemb.interop import read_output
from jaxemb.text import pad

MODELS = Path(os.environ.get("JAXEMB_TEST_MODELS", "there-is-none"))
pytestmark = pytest.mark.skipif(not MODELS.is_dir(), reason="JAXEMB_TEST_MODELS names no folder")

THREE = [
    "A man is playing a guitar.",
    "Someone plays an instrument.",
    "The stock market fell today.",
]
QUESTION = "what is the capital of france"
DOCUMENTS = [
    "Paris is the capital and largest city of France.",
    "France won the football world cup in 2018.",
    "The capital of Japan is Tokyo.",
    "Cats sleep most of the day.",
]


def loaded(name: str):
    if not (MODELS / name).is_dir():
        pytest.skip(f"{name} is not there")
    return jaxemb.load(MODELS / name)


def pairs(vectors: np.ndarray) -> np.ndarray:
    return (vectors @ vectors.T)[np.triu_indices(3, 1)]


def logits(folder: Path, model, texts: list[str]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Those of every token, `[texts, tokens, vocabulary]`, and the ids."""
    output, own = read_output(folder)
    sequences = model.tokenizer.encode(texts)
    batch = pad(sequences, max(map(len, sequences)))

    @jax.jit
    def run(params, own):
        states = model.embedder.states(params, batch)[-1]
        tied = {"table": params["tokens"]["embedding"]}
        return output.apply({"params": own, "tied": tied}, states)

    return np.asarray(run(model.params, own)), sequences


def test_first_token_and_unit_length_with_a_prompt_for_queries():
    model = loaded("bge-small-en-v1.5")
    ids = [101, 1037, 2158, 2003, 2652, 1037, 2858, 1012, 102]
    assert model.tokenizer.encode(THREE[:1])[0].tolist() == ids
    vectors = model.encode(THREE)
    np.testing.assert_allclose(vectors[0, :4], [-0.0186, 0.0341, 0.0488, -0.0408], atol=5e-4)
    np.testing.assert_allclose(pairs(vectors), [0.846, 0.365, 0.443], atol=2e-3)
    scores = model.encode(DOCUMENTS) @ model.encode(QUESTION, role="query")
    np.testing.assert_allclose(scores, [0.796, 0.646, 0.610, 0.324], atol=2e-3)


def test_unigram_pieces_and_prompts_for_both_sides():
    model = loaded("multilingual-e5-small")
    ids = [0, 41, 1294, 12, 3642, 54, 87, 110309, 64827, 2]
    assert model.tokenizer.encode(["how do I cook rice"], role="query")[0].tolist() == ids
    rice = model.encode(["how do I cook rice", "Wie kocht man Reis?"], role="query")
    np.testing.assert_allclose(rice[0, :4], [0.0391, -0.0308, -0.0343, -0.0628], atol=5e-4)
    assert rice[0] @ rice[1] == pytest.approx(0.913, abs=2e-3)
    scores = model.encode(DOCUMENTS) @ model.encode(QUESTION, role="query")
    np.testing.assert_allclose(scores, [0.902, 0.811, 0.830, 0.719], atol=2e-3)


def test_a_mean_that_is_not_normalised():
    model = loaded("paraphrase-MiniLM-L3-v2")
    vectors = model.encode(THREE, normalize=False)
    np.testing.assert_allclose(vectors[0, :4], [-0.4559, -0.0576, 0.0429, 0.0833], atol=5e-4)
    np.testing.assert_allclose(pairs(model.encode(THREE)), [0.486, 0.069, -0.012], atol=2e-3)


def test_weights_of_the_vocabulary(tmp_path):
    """Sparse vectors: the largest `log(1 + relu(logit))` of any token, with old names of norms."""
    if not (MODELS / "splade-tiny").is_dir():
        pytest.skip("splade-tiny is not there")
    for path in (MODELS / "splade-tiny").glob("*"):
        if path.is_file() and path.name != "modules.json":  # the network alone
            (tmp_path / path.name).symlink_to(path.resolve())
    found, sequences = logits(tmp_path, jaxemb.load(tmp_path), [QUESTION, *DOCUMENTS])
    real = np.array([np.arange(found.shape[1]) < len(ids) for ids in sequences])
    weights = np.where(real[..., None], np.log1p(np.maximum(found, 0)), 0).max(axis=1)
    np.testing.assert_allclose(weights[1:] @ weights[0], [17.967, 8.706, 9.997, 0], atol=0.02)


def test_layers_that_share_parameters_predict_masked_tokens():
    name = "rxnmapper"
    model = loaded(name)
    texts = [
        "CC(=O)Cl.Nc1ccccc1>>CC(=O)Nc1ccccc1",
        "CC(C)S.CN(C)C=O.Fc1cccnc1F.O=C([O-])[O-].[K+].[K+]>>CC(C)Sc1ncccc1F",
        "O=C(O)c1ccccc1.OCC>>O=C(OCC)c1ccccc1",
    ]
    output, own = read_output(MODELS / name)
    mask = model.tokenizer.pieces().index("[MASK]")

    @jax.jit
    def run(params, own, batch):
        states = model.embedder.states(params, batch)[-1]
        tied = {"table": params["tokens"]["embedding"]}
        return jax.nn.log_softmax(output.apply({"params": own, "tied": tied}, states))

    right, told = 0, []
    for ids in model.tokenizer.encode(texts):
        place = np.arange(1, len(ids) - 1)
        masked = np.tile(ids, (len(place), 1))
        masked[np.arange(len(place)), place] = mask
        batch = jax.tree.map(jnp.asarray, pad(list(masked), 64))
        found = np.asarray(run(model.params, own, batch))[np.arange(len(place)), place]
        right += int(np.sum(found.argmax(-1) == ids[place]))
        told += found[np.arange(len(place)), ids[place]].tolist()
    assert (right, len(told)) == (115, 122)
    assert np.mean(told) == pytest.approx(-0.279, abs=5e-3)
