"""Templates that ask: what is written around a text, what is cut, and means over several of them."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, small, to_json
from jaxemb.heads import Identity
from jaxemb.interop.export import _settings
from jaxemb.losses import Dot
from jaxemb.model import Embedding, Model
from jaxemb.nn import Causal
from jaxemb.pooling import LastToken
from jaxemb.text import (
    TASK_PROMPTS,
    Asking,
    Demonstration,
    PromptEnsemble,
    Template,
    WordPiece,
    pad,
)
from jaxemb.vectors import EmbeddingStore
from jaxemb.vectors.cache import EmbeddingCache
from tests.toy import embedder

TEXTS = ["sort a list", "Is it open?", 'say "no" twice', "join " * 40]
ENSEMBLE = PromptEnsemble(
    templates=(Asking(), Asking(before='Of "', after='" say:"'), Asking(after='" is:"'))
)


def made(template: Template, max_tokens: int = 40, **changes) -> Model:
    text = WordPiece(vocabulary=200, max_tokens=max_tokens, template=template)
    network = dataclasses.replace(
        embedder(mask=Causal()), text=text, pooling=LastToken(), head=Identity(), **changes
    )
    words = [*TEXTS, 'This sentence : "" means in one word:" Of say is .']
    return dataclasses.replace(
        Model.create(network, jax.random.key(0)), tokenizer=text.train(words)
    )


def test_a_text_stands_in_quotes():
    asking = Asking()
    assert asking.prefix("sts/query") == 'This sentence : "'
    assert asking.suffix("query") == '" means in one word:"'
    spelled = ["Done.", "Done", "Is it?", 'He said "no"', " wait!", "so; he's here'"]
    assert [asking.spelled(text) for text in spelled] == [
        "Done.", "Done.", "Is it.", "He said 'no'", "wait!.", "so; he's here'"
    ]  # fmt: skip
    shown = Demonstration(sentence="A jockey riding a horse", word="Equestrian")
    one = dataclasses.replace(asking, demonstrations=(shown,))
    assert one.prefix("query") + "Hi." + one.suffix("query") == (
        'This sentence : "A jockey riding a horse." means in one word:"Equestrian".'
        'This sentence : "Hi." means in one word:"'
    )
    assert dataclasses.replace(one, demonstrations=()).prefix("query") == asking.prefix("query")
    assert from_json(to_json(ENSEMBLE)) == ENSEMBLE


def test_prompts_of_tasks():
    assert len(TASK_PROMPTS) == 8
    for prompt in TASK_PROMPTS.values():
        assert prompt.before.startswith("In this task, you're ")
        assert prompt.before.endswith(' this sentence : "')
        assert prompt.after.startswith('" ') and prompt.after.endswith(' in one word:"')
        assert (small(prompt).before, small(prompt).after) == ('"', 'word:"')


def test_a_long_text_is_cut_and_what_is_asked_is_kept():
    model = made(Asking())
    tokenizer = model.tokenizer
    whole = [f'This sentence : "{Asking().spelled(text)}" means in one word:"' for text in TEXTS]
    expected = tokenizer.uncut.encode(whole, prompt="")
    found = tokenizer.encode(TEXTS)
    for ids, own in list(zip(found, expected, strict=True))[:3]:
        np.testing.assert_array_equal(ids, own)
    assert len(expected[3]) > len(found[3]) == 40
    empty = tokenizer.uncut.encode(['This sentence : "" means in one word:"'], prompt="")[0]
    after = len(tokenizer.uncut.encode(['" means in one word:"'], prompt="")[0]) - 1
    np.testing.assert_array_equal(found[3][-after:], expected[3][-after:])
    np.testing.assert_array_equal(found[3][: 40 - after], expected[3][: 40 - after])
    assert len(tokenizer.encode(["x"], prompt="raw: ")[0]) < len(empty), "a prompt replaces it all"
    with pytest.raises(UsageError, match=f"max_tokens=12 leaves no room .* of {len(empty)} tokens"):
        tokenizer.encode(TEXTS, max_tokens=12)


def test_a_mean_over_prompts():
    model = made(ENSEMBLE)
    singles = [
        dataclasses.replace(
            model.embedder, text=dataclasses.replace(model.embedder.text, template=t)
        )
        for t in ENSEMBLE.templates
    ]
    each = []
    for single in singles:
        sequences = model.tokenizer.read_as(single.text).encode(TEXTS)
        states = [
            np.asarray(single.states(model.params, pad([ids], len(ids))))[-1, 0, -1]
            for ids in sequences
        ]
        each.append(np.stack(states))
    expected = np.mean(each, axis=0)
    np.testing.assert_allclose(model.encode(TEXTS, normalize=False), expected, atol=1e-5)
    unit = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(model.encode(TEXTS), unit, atol=1e-5)
    np.testing.assert_allclose(EmbeddingCache(Embedding(model))(TEXTS, "query"), unit, atol=1e-5)
    turned = PromptEnsemble(templates=ENSEMBLE.templates[::-1])
    np.testing.assert_allclose(made(turned).encode(TEXTS), unit, atol=1e-5)
    copies = made(PromptEnsemble(templates=(Asking(),) * 3))
    np.testing.assert_allclose(copies.encode(TEXTS), made(Asking()).encode(TEXTS), atol=1e-6)


def test_each_prompt_is_embedded_once(tmp_path):
    told = []
    for template in (*ENSEMBLE.templates, ENSEMBLE):
        model = made(template, similarity=Dot())
        store = EmbeddingStore(Embedding(model), tmp_path, watch=told.append)
        vectors = store(TEXTS, "query")
    np.testing.assert_allclose(vectors, model.encode(TEXTS, normalize=False), atol=1e-5)
    assert [usage.embedded for usage in told] == [4, 4, 4, 0, 0, 0, 4]


def test_what_an_ensemble_refuses():
    with pytest.raises(UsageError, match="at least one template"):
        PromptEnsemble(templates=())
    with pytest.raises(UsageError, match="name one of its templates"):
        made(ENSEMBLE).tokenizer.encode(TEXTS)
    for template in (ENSEMBLE, Asking()):
        with pytest.raises(UsageError, match="knows prefixes alone"):
            _settings(made(template))
