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
from jaxemb.interop.files import Tensors
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


def test_a_real_embedder_in_a_gguf_file_is_the_one_of_its_folder(tmp_path):
    from tests.interop.test_gguf_encoders import write_gguf

    model, folder = loaded("bge-small-en-v1.5"), MODELS / "bge-small-en-v1.5"
    tensors = Tensors(folder)
    arrays = {n: x for n, x in tensors.read(tensors.names()).items() if "position_ids" not in n}
    settings = {
        "block_count": 12, "embedding_length": 384, "feed_forward_length": 1536,
        "context_length": 512, "attention.head_count": 12, "pooling_type": 2,
        "attention.layer_norm_epsilon": 1e-12,
    }  # fmt: skip
    path = tmp_path / "bge.gguf"
    write_gguf(path, "bert", arrays, settings, "F16", model.tokenizer.pieces())
    there, texts = jaxemb.load(path), [*THREE, QUESTION, *DOCUMENTS, "Naïve, 東京 & 3.5% [x]"]
    for ours, expected in zip(*(m.tokenizer.encode(texts) for m in (there, model)), strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert there.embedder.pooling == model.embedder.pooling
    np.testing.assert_allclose(there.encode(texts), model.encode(texts), atol=1e-5)


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


def test_weights_of_the_vocabulary():
    """Sparse vectors: the largest `log(1 + relu(logit))` of any token, with old names of norms."""
    model = loaded("splade-tiny")
    weights = model.encode([QUESTION, *DOCUMENTS], normalize=False)
    np.testing.assert_allclose(weights[1:] @ weights[0], [17.967, 8.706, 9.997, 0], atol=0.02)
    (species,) = model.encode(["who wrote the origin of species"], normalize=False)
    pieces, best = model.tokenizer.pieces(), np.argsort(-species)[:5]
    assert np.count_nonzero(species) == 30
    assert [pieces[n] for n in best] == ["origin", "wrote", "species", "who", "brothers"]
    np.testing.assert_allclose(species[best], [2.424, 2.364, 2.206, 2.057, 1.439], atol=2e-3)
    found, sequences = logits(MODELS / "splade-tiny", model, [QUESTION, *DOCUMENTS])
    real = np.array([np.arange(found.shape[1]) < len(ids) for ids in sequences])
    expected = np.where(real[..., None], np.log1p(np.maximum(found, 0)), 0).max(axis=1)
    np.testing.assert_allclose(weights, expected, atol=1e-4)
    ids, scores = model.index(DOCUMENTS).search([QUESTION], k=3)
    assert ids[0].tolist() == [0, 2, 1]
    np.testing.assert_allclose(scores[0], [17.967, 9.997, 8.706], atol=0.02)


def test_one_vector_for_each_token():
    """The backbone of a late interaction: marks of the sides stand behind [CLS]."""
    model = loaded("answerai-colbert-small-v1")
    (ids,) = model.tokenizer.encode([QUESTION])
    assert ids.tolist() == [101, 2054, 2003, 1996, 3007, 1997, 2605, 102]
    sides = [np.insert(ids, 1, mark) for ids, mark in marked(model, [QUESTION, *DOCUMENTS])]
    batch = pad([ids, *sides], max(map(len, sides)))
    states = np.asarray(jax.jit(model.embedder.states)(model.params, batch)[-1])
    np.testing.assert_allclose(states[0, 0, :4], [-0.0915, 0.0548, 0.1275, -0.1289], atol=2e-3)
    units = states / np.linalg.norm(states, axis=-1, keepdims=True)
    query, *documents = [own[: len(ids)] for own, ids in zip(units[1:], sides, strict=True)]
    scores = [(query @ document.T).max(axis=1).mean() for document in documents]
    np.testing.assert_allclose(scores, [0.9425, 0.8065, 0.8283, 0.6721], atol=2e-3)


def marked(model, texts: list[str]) -> list[tuple[np.ndarray, int]]:
    """The ids of a question and of documents, with the mark of the side of each."""
    return [(ids, 2 if n else 1) for n, ids in enumerate(model.tokenizer.encode(texts))]


def test_a_pair_of_texts_is_scored_through_the_second_segment():
    """A reranker's encoder: its own head, of which no part here is made, stands in numpy."""
    model = loaded("ms-marco-MiniLM-L-12-v2")
    question = "how many people live in berlin"
    answers = [
        "Berlin had a population of 3,520,031 registered inhabitants.",
        "Berlin is well known for its museums.",
        "Cats sleep most of the day.",
    ]
    (first,), others = model.tokenizer.encode([question]), model.tokenizer.encode(answers)
    joined = [np.concatenate([first, ids[1:]]) for ids in others]
    batch = pad(joined, max(map(len, joined)))
    second = batch.mask & (np.arange(batch.ids.shape[1]) >= len(first))

    @jax.jit
    def states(params):
        segments = params["encoder"]["position"]["embedding"]
        x = params["tokens"]["embedding"][batch.ids]
        # The encoder adds the first segment to every token.
        x = x + second[..., None] * (segments[1] - segments[0])
        return model.embedder.encoder.apply({"params": params["encoder"]}, x, batch.mask)[-1]

    tensors = Tensors(MODELS / "ms-marco-MiniLM-L-12-v2")
    weights = {name.removeprefix("bert."): x for name, x in tensors.read(tensors.names()).items()}
    h = np.asarray(states(model.params))[:, 0]
    pooled = np.tanh(h @ weights["pooler.dense.weight"].T + weights["pooler.dense.bias"])
    scores = pooled @ weights["classifier.weight"][0] + weights["classifier.bias"]
    np.testing.assert_allclose(scores, [8.914, -4.523, -11.286], atol=0.02)


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
