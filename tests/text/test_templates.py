"""Prefixes by side and by type of task."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.evaluation import (
    STS,
    At,
    BootstrapClustering,
    During,
    Paraphrased,
    Prompted,
    Retrieval,
    RetrievalAtCuts,
    STSBySimilarity,
    SubsetClustering,
    evaluate,
)
from jaxemb.evaluation.problems import PairProblem
from jaxemb.model import Embedding, Model
from jaxemb.text import Enclosed, Instruction, Prefix, TaskTemplate, Template, WordPiece
from jaxemb.vectors.cache import EmbeddingCache
from tests import toy

POLICY = TaskTemplate(
    prefixes=(
        Prefix(task="retrieval", side="query", text="q: "),
        Prefix(task="sts", text="s: "),
    )
)


def test_a_plain_template_reads_the_side_alone():
    template = Template(query="a", document="b")
    assert [template.prefix(r) for r in ("query", "sts/query", "sts/document")] == ["a", "a", "b"]
    with pytest.raises(UsageError, match="unknown role"):
        template.prefix("sts/answer")


def test_a_policy_refuses_what_it_does_not_list():
    assert POLICY.prefix("sts/document") == "s: "
    for role in ("clustering/query", "retrieval/document", "query"):
        with pytest.raises(UsageError, match="no prefix for"):
            POLICY.prefix(role)
    assert dataclasses.replace(POLICY, query="").prefix("query") == ""
    assert from_json(to_json(POLICY)) == POLICY
    roles = {"retrieval/query": "q: ", "sts/query": "s: ", "sts/document": "s: "}
    assert POLICY.prompts == roles and dataclasses.replace(POLICY, query="").prompts.keys() == {
        "query",
        *roles,
    }


def test_the_very_prefix_stands_in_the_pieces_of_each_side():
    template = Template(query="query: ", document="passage: ")
    text = WordPiece(vocabulary=200, max_tokens=16, template=template)
    tokenizer = text.train(["query: passage: sort a list"] * 9)
    for role, prefix in (("query", "query: "), ("document", "passage: ")):
        (seen,) = tokenizer.encode(["sort a list"], role=role)
        (spelled,) = tokenizer.read_as(dataclasses.replace(text, template=Template())).encode(
            [f"{prefix}sort a list"]
        )
        assert seen.tolist() == spelled.tolist()
    sides = [tokenizer.encode(["sort a list"], role=role)[0] for role in ("query", "document")]
    assert sides[0].tolist() != sides[1].tolist()
    # For tasks whose two texts are alike, one prefix serves both sides.
    alike = TaskTemplate(prefixes=(Prefix(task="sts", text="query: "),))
    assert alike.prefix("sts/query") == alike.prefix("sts/document") == "query: "


def test_instructions_are_spelled_out_and_documents_stay_plain():
    ask = Instruction(task="retrieval", side="query", text="Given a question, find its answer")
    plain = Prefix(task="retrieval", side="document", text="")
    template = TaskTemplate(prefixes=(ask, plain, Instruction(task="sts", text="Find paraphrases")))
    written = "Instruct: Given a question, find its answer\nQuery: "
    assert template.prefix("retrieval/query") == written
    assert template.prefix("retrieval/document") == ""
    assert template.prefix("sts/query") == template.prefix("sts/document")
    assert (
        from_json(to_json(template)) == template and template.prompts["retrieval/query"] == written
    )


def test_each_side_has_marks_of_its_own_and_the_last_token_is_the_closing_one():
    marks = Enclosed(query="[ask] ", document="[code] ", after_query=" ]", after_document=" }")
    text = WordPiece(vocabulary=200, max_tokens=12, query_tokens=8, template=marks)
    tokenizer = text.train(["[ask] [code] ] } sort a list of numbers and of words"] * 9)
    bare = tokenizer.read_as(dataclasses.replace(text, template=Template()))
    # What stands before the end's own mark, whether the text was cut or not.
    for words in ("sort", "sort a list of numbers and of words " * 9):
        for role, limit, mark in (("query", 8, "]"), ("document", 12, "}")):
            (ids,) = tokenizer.encode([words], role=role)
            assert ids[-2] == bare.encode([mark])[0][1] and len(ids) <= limit
    assert len(ids) == 12 and marks.suffix("sts/document") == " }"
    with pytest.raises(UsageError, match="unknown role"):
        marks.suffix("answer")
    assert from_json(to_json(marks)) == marks


@pytest.mark.parametrize("side", [None, "query"])
def test_two_prefixes_for_one_place_are_refused(side):
    with pytest.raises(UsageError, match="two prefixes for sts"):
        TaskTemplate(
            prefixes=(Prefix(task="sts", text="a"), Prefix(task="sts", side=side, text="b"))
        )


def fitted(template):
    text = WordPiece(vocabulary=toy.VOCABULARY, max_tokens=16, template=template)
    embedder = dataclasses.replace(toy.embedder(), text=text)
    created = Model.create(embedder, jax.random.key(0))
    return dataclasses.replace(created, tokenizer=text.train(["q: s: sort a list of words"]))


def test_the_evaluator_writes_the_task_s_prefix_or_refuses(monkeypatch):
    problem = PairProblem(
        ["sort a list", "words", "list"], ["a list", "of words", "sort"],
        np.arange(3.0), np.arange(3, dtype=np.int32),
    )  # fmt: skip
    task = STS()
    monkeypatch.setattr(type(task.data), "load", lambda self: problem)
    monkeypatch.setattr(type(task.data), "fingerprint", lambda self: "toy")
    model = fitted(POLICY)
    found = evaluate(Embedding(model), [task])["sts"].examples["prediction"]
    first, second = (model.encode(texts, prompt="s: ") for texts in problem[:2])
    np.testing.assert_allclose(found, np.sum(first * second, axis=1), atol=1e-6)
    told = Prompted(inner=At(inner=task, layers=1), templates=(Template(query="of "),))
    (wrapped,) = evaluate(Embedding(model), [told]).values()
    first, second = (model.encode(texts, prompt="s: of ", layers=1) for texts in problem[:2])
    np.testing.assert_allclose(
        wrapped.examples["prediction"][:, 1], np.sum(first * second, axis=1), atol=1e-6
    )
    silent = fitted(TaskTemplate(prefixes=POLICY.prefixes[:1]))
    with pytest.raises(UsageError, match="no prefix for 'sts/query'"):
        evaluate(Embedding(silent), [task])


def test_models_without_policy_embed_a_text_once_for_all_tasks():
    cache = EmbeddingCache(Embedding(fitted(Template())))
    assert cache.of("sts") is cache
    cache = EmbeddingCache(Embedding(fitted(POLICY)))
    assert cache.of("sts") is cache.of("sts") is not cache


def test_a_type_is_that_of_the_ability_however_it_is_wrapped_or_scored():
    tasks = (
        During(inner=STS()),
        At(inner=STS(), dim=2),
        Paraphrased(inner=STS()),
        STSBySimilarity(),
    )
    assert {task.kind for task in tasks} == {"sts"}
    assert RetrievalAtCuts().kind == Retrieval().kind == "retrieval"
    assert BootstrapClustering().kind == SubsetClustering().kind == "clustering"
