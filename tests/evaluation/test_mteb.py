"""mteb runs on a model, and finds what jaxemb finds on the same texts."""

import dataclasses
import warnings

import jax
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.evaluation import STS, MTEBEncoder, PairData, evaluate
from jaxemb.evaluation.problems import PairProblem
from jaxemb.losses import Dot, Euclidean, MeanSquare
from jaxemb.model import Embedding, Model
from jaxemb.text import Template, WordPiece
from tests import toy

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    mteb = pytest.importorskip("mteb")

pytestmark = pytest.mark.filterwarnings("ignore")  # mteb and what it imports warn of themselves


@pytest.fixture(scope="module")
def model() -> Model:
    """Random weights, and a prefix for each side."""
    text = WordPiece(
        vocabulary=toy.VOCABULARY, max_tokens=16, template=Template(query="a ", document="toy ")
    )
    embedder = dataclasses.replace(toy.embedder(), text=text)
    tokenizer = text.train(["this is a toy test sentence with some words and letters"])
    return dataclasses.replace(Model.create(embedder, jax.random.key(1)), tokenizer=tokenizer)


def test_the_protocol_is_satisfied(model):
    encoder = MTEBEncoder(model, name="me/toy", max_tokens=8)
    assert isinstance(encoder, mteb.models.EncoderProtocol)
    meta = encoder.mteb_model_meta
    assert (meta.name, meta.embed_dim, meta.max_tokens) == ("me/toy", model.dim, 8)
    assert meta.revision == model.fingerprint()[:16]
    assert meta.experiment_kwargs["query_prompt"] == "a "


def test_sides_have_their_prefixes_and_order_is_kept(model):
    class Metadata:
        type = "Retrieval"

    encoder = MTEBEncoder(model)
    batches = [{"text": ["one", "three words here"]}, {"text": ["two"]}]
    given = {"hf_split": "test", "hf_subset": "default"}
    for side, role in (("query", "query"), ("document", "document"), (None, "document")):
        kind = None if side is None else mteb.types.PromptType(side)
        found = encoder.encode(batches, task_metadata=Metadata, prompt_type=kind, **given)
        expected = model.encode(["one", "three words here", "two"], role=role)
        np.testing.assert_allclose(found, expected, atol=1e-6)
    Metadata.type = "STS"
    found = encoder.encode(batches, task_metadata=Metadata, **given)
    np.testing.assert_allclose(found[0], model.encode("one", role="query"), atol=1e-6)
    with pytest.raises(UsageError, match="mteb gives image here"):
        encoder.encode([{"image": []}], task_metadata=Metadata, **given)


def test_similarities_are_cosines(model):
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(3, 5)), draw.normal(size=(3, 5))
    cosine = (a @ b.T) / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)
    encoder = MTEBEncoder(model)
    np.testing.assert_allclose(encoder.similarity(a, b), cosine, atol=1e-6)
    np.testing.assert_allclose(encoder.similarity_pairwise(a, b), np.diag(cosine), atol=1e-6)
    assert float(encoder.similarity(a[0], b[1])) == pytest.approx(cosine[0, 1], abs=1e-6)


def test_similarities_are_those_of_the_model(model):
    draw = np.random.default_rng(1)
    a, b = draw.normal(size=(3, 5)), draw.normal(size=(3, 5))
    for similarity, name, expected in (
        (Dot(), "dot", a @ b.T),
        (Euclidean(), "euclidean", -np.linalg.norm(a[:, None] - b[None], axis=2)),
        (MeanSquare(), "custom", -np.mean((a[:, None] - b[None]) ** 2, axis=2)),
    ):
        embedder = dataclasses.replace(model.embedder, similarity=similarity)
        encoder = MTEBEncoder(dataclasses.replace(model, embedder=embedder))
        np.testing.assert_allclose(encoder.similarity(a, b), expected, atol=1e-5)
        np.testing.assert_allclose(encoder.similarity_pairwise(a, b), np.diag(expected), atol=1e-5)
        assert encoder.mteb_model_meta.similarity_fn_name == name


def test_every_mock_task_of_texts_runs(model):
    found = mteb.mock_run(MTEBEncoder(model, name="me/toy"))
    failed = {
        name: str(status) for name, status in found.items() if "Error" in type(status).__name__
    }
    assert found.all_passed, failed
    ran = [name for name, status in found.items() if type(status).__name__ == "TaskResult"]
    assert len(ran) >= 15


def test_scores_equal_ours_on_the_same_pairs(model):
    from mteb.mocks import ALL_MOCK_TASK_TEST_GRID

    task = next(t for t in ALL_MOCK_TASK_TEST_GRID if type(t).__name__ == "MockSTSTask")
    result = mteb.evaluate(MTEBEncoder(model, name="me/toy"), [task], cache=None,
                           show_progress_bar=False).task_results[0]  # fmt: skip
    theirs = result.scores["test"][0]
    task.load_data()
    rows = task.dataset["test"]

    class Rows(PairData):
        def load(self):
            gold = np.array(rows["score"], np.float64)
            first, second = list(rows["sentence1"]), list(rows["sentence2"])
            return PairProblem(first, second, gold, np.arange(len(gold), dtype=np.int32))

        def fingerprint(self):
            return ""

    ours = evaluate(Embedding(model), [STS(data=Rows())])["sts"].metrics
    assert ours["spearman"] == pytest.approx(theirs["cosine_spearman"], abs=1e-6)
    assert ours["pearson"] == pytest.approx(theirs["cosine_pearson"], abs=1e-6)
