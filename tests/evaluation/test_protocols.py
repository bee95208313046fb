"""Scores on real sets equal those of the MTEB benchmark's own code, on the same vectors."""

import logging
import warnings

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from jaxemb.evaluation import (
    AllLabelled,
    BitextFile,
    BitextMining,
    BootstrapClustering,
    FewShotClassification,
    LabelFile,
    LabelSetFile,
    MultiLabelClassification,
    PairClassificationBySimilarity,
    PairFile,
    Reranking,
    RerankingFile,
    RetrievalAtCuts,
    RetrievalFolder,
    STSBySimilarity,
    Summarization,
)
from jaxemb.evaluation.problems import SummaryProblem
from tests.evaluation.conftest import hashed_words
from tests.evaluation.held import each_alone, held

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    mteb = pytest.importorskip("mteb")
    mocks = pytest.importorskip("mteb.mocks.mock_tasks")
    datasets = pytest.importorskip("datasets")

pytestmark = pytest.mark.filterwarnings("ignore")  # the benchmark's own
EXACT = 1e-6


@pytest.fixture(autouse=True)
def quiet():
    logging.disable(logging.WARNING)
    datasets.disable_progress_bars()
    yield
    logging.disable(logging.NOTSET)


def unit(vectors):
    vectors = np.asarray(vectors, np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Encoder:
    """The test's word counts in the benchmark's protocol; cosines in double precision."""

    mteb_model_meta = None

    def __init__(self, exact=True):
        meta = mteb.models.ModelMeta
        self.mteb_model_meta = meta.create_empty(
            overwrites={"name": "tests/words", "revision": "1"}
        )
        self.exact = np.float64 if exact else np.float32

    def encode(self, inputs, *, task_metadata, hf_split, hf_subset, prompt_type=None, **kwargs):
        texts = [text for batch in inputs for text in batch["text"]]
        return hashed_words(texts, "query").astype(self.exact)

    def similarity(self, one, other):
        import torch

        return torch.as_tensor(unit(np.atleast_2d(one)) @ unit(np.atleast_2d(other)).T)

    def similarity_pairwise(self, one, other):
        return np.sum(unit(one) * unit(other), axis=1)


def theirs(task, data, exact=True, **settings):
    """The benchmark's scores of one of its task classes on our data."""
    task = type(task.__name__, (task,), settings)()
    task.dataset, task.data_loaded = {"test": data} | data if isinstance(data, dict) else data, True
    if not isinstance(data, dict):
        task.dataset = {"test": data}
    with threadpool_limits(limits=1):
        scores = task.evaluate(Encoder(exact), split="test", encode_kwargs={"batch_size": 512})
    return scores["default"]


def table(**columns):
    return datasets.Dataset.from_dict(columns)


def assert_equal(ours, scores, names):
    found = {name: ours[name] for name in names}
    assert found == pytest.approx({n: scores[m] for n, m in names.items()}, abs=EXACT)


@pytest.mark.parametrize("name", ["stsb-en", "sts13", "stsb-zh"])
def test_sts(shared_data, name):
    data = PairFile(path=str(next(shared_data.glob(f"sts/{name}.tsv*"))))
    problem = data.load()
    ours = STSBySimilarity(data=data).run(hashed_words).metrics
    columns = table(sentence1=problem.first, sentence2=problem.second, score=problem.gold.tolist())
    scores = theirs(mocks.MockSTSTask, columns)
    assert_equal(
        ours,
        scores,
        {
            f"{kind}_{metric}": f"{kind}_{metric}"
            for kind in ("cosine", "euclidean", "manhattan")
            for metric in ("spearman", "pearson")
        },
    )


# Not PAWS: words in another order have the same hashed vector, and the benchmark's best threshold may
# lie between two equal scores, which no threshold on scores can.
@pytest.mark.parametrize("name", ["mrpc", "covid-questions-en"])
def test_pair_classification(shared_data, name):
    data = PairFile(path=str(next(shared_data.glob(f"pairs/{name}.tsv*"))))
    problem = data.load()
    ours = PairClassificationBySimilarity(data=data).run(hashed_words).metrics
    labels = problem.gold.astype(int).tolist()
    columns = table(sentence1=problem.first, sentence2=problem.second, labels=labels)
    scores = theirs(mocks.MockPairClassificationTask, columns)
    assert_equal(ours, scores, {name: name for name in ours})


@pytest.mark.parametrize(
    ("path", "where"), [("tatoeba", "language=deu"), ("tatoeba", "language=fra"), ("ro-sts-en", "")]
)
def test_bitext(shared_data, path, where):
    data = BitextFile(
        path=str(shared_data / f"bitext/{path}.tsv.gz"), where=(where,) if where else ()
    )
    problem = data.load()
    ours = BitextMining(data=data).run(hashed_words).metrics
    scores = theirs(
        mocks.MockBitextMiningTask, table(sentence1=problem.source, sentence2=problem.target)
    )
    assert ours["f1"] > 0
    assert_equal(ours, scores, {name: name for name in ours})


@pytest.mark.parametrize("name", ["trec", "subj", "masakhanews-fra"])
def test_few_shot_classification(shared_data, name):
    data = LabelFile(path=str(shared_data / f"classification/{name}.tsv.gz"))
    problem = data.load()
    ours = FewShotClassification(data=data).run(hashed_words).metrics
    parts = {
        "train": table(text=problem.train_texts, label=problem.train_labels.tolist()),
        "test": table(text=problem.texts, label=problem.labels.tolist()),
    }
    parts = datasets.DatasetDict(parts)
    scores = theirs(
        mocks.MockClassificationTask, parts, exact=False, n_experiments=10, samples_per_label=8
    )
    names = {"accuracy": "accuracy", "macro_f1": "f1", "ap": "ap"}
    assert ("ap" in ours) == (name == "subj")
    assert_equal(ours, scores, {n: m for n, m in names.items() if n in ours})


def test_multi_label_classification(shared_data):
    path = str(shared_data / "classification/trec.tsv.gz")
    data = LabelSetFile(path=path, labels=("label", "fine"))
    problem = data.load()
    carried = [
        [np.flatnonzero(row).tolist() for row in labels]
        for labels in (problem.train_labels, problem.labels)
    ]
    parts = datasets.DatasetDict(
        train=table(text=problem.train_texts, label=carried[0]),
        test=table(text=problem.texts, label=carried[1]),
    )
    ours = MultiLabelClassification(data=data).run(hashed_words).metrics
    scores = theirs(
        mocks.MockMultilabelClassification,
        parts,
        exact=False,
        n_experiments=10,
        samples_per_label=8,
    )
    names = {"accuracy": "accuracy", "macro_f1": "f1", "lrap": "lrap", "hamming": "hamming"}
    assert_equal(ours, scores, names)


@pytest.mark.parametrize("name", ["mini-newsgroups", "bbc-news"])
def test_clustering(shared_data, name):
    data = AllLabelled(path=str(shared_data / f"clustering/{name}.tsv.gz"))
    problem = data.load()
    task = BootstrapClustering(data=data, texts=1000, size=500, samples=5)
    ours = task.run(hashed_words).metrics
    scores = theirs(
        mocks.LegacyMockClusteringFastTask,
        table(sentences=problem.texts, labels=problem.labels.tolist()),
        exact=False,
        max_document_to_embed=1000,
        max_documents_per_cluster=500,
        n_clusters=5,
    )
    assert_equal(ours, scores, {"v_measure": "v_measure"})


def split_of(problem, queries, top_ranked=None, identical=()):
    """A retrieval problem in the benchmark's form; ids sort as numbers do."""
    own_ids = {q: f"d{d:06d}" for q, d in enumerate(identical) if d >= 0}
    ids = [own_ids.get(q, f"q{q:06d}") for q in range(len(queries))]
    return ids, {
        "queries": table(id=ids, text=queries),
        "corpus": table(
            id=[f"d{d:06d}" for d in range(len(problem.documents))],
            text=problem.documents,
            title=[""] * len(problem.documents),
        ),
        "relevant_docs": {
            ids[q]: {f"d{d:06d}": grade for d, grade in grades.items()}
            for q, grades in enumerate(problem.relevant)
        },
        "top_ranked": top_ranked,
    }


def search_scores(task, data, ids, **settings):
    """The benchmark's scores a query, before it rounds their mean."""
    kept = {}

    def keep(self, scores, qrels, results, hf_split, hf_subset):
        kept.update(scores)
        return {}

    task = type(task.__name__, (task,), {"task_specific_scores": keep, **settings})()
    task.dataset, task.data_loaded = {"default": {"test": data}}, True
    scores = task.evaluate(Encoder(), split="test", encode_kwargs={"batch_size": 512})["default"]
    return scores, [kept[query] for query in ids]


@pytest.mark.parametrize(
    ("name", "inside"), [("cranfield", False), ("cisi", False), ("covid-faq", False)]
)
def test_retrieval(shared_data, name, inside):
    data = RetrievalFolder(path=str(shared_data / f"retrieval/{name}"), queries_in_corpus=inside)
    problem = data.load()
    result = RetrievalAtCuts(data=data, cuts=(1, 3, 10, 100)).run(hashed_words)
    ids, split = split_of(problem, problem.queries)
    scores, queries = search_scores(mocks.MockRetrievalTask, split, ids, k_values=(1, 3, 10, 100))
    named = {"ndcg": "ndcg_cut", "map": "map_cut", "recall": "recall", "precision": "P"}
    for ours, measure in named.items():
        for k in (1, 3, 10, 100):
            expected = np.mean([query[f"{measure}_{k}"] for query in queries])
            assert result.metrics[f"{ours}@{k}"] == pytest.approx(expected, abs=EXACT), (ours, k)
    for k in (1, 3, 10, 100):
        assert result.metrics[f"mrr@{k}"] == pytest.approx(scores[f"mrr_at_{k}"], abs=EXACT)


def test_reranking(shared_data):
    data = RerankingFile(path=str(shared_data / "reranking/trecqa.tsv.gz"))
    problem = data.load()
    ours = Reranking(data=data).run(hashed_words).metrics
    documents, relevant, top = [], [], {}
    for query, (texts, grades) in enumerate(zip(problem.candidates, problem.relevant, strict=True)):
        start = len(documents)
        documents += texts
        relevant.append({start + place: grade for place, grade in enumerate(grades) if grade})
        top[f"q{query:06d}"] = [f"d{start + place:06d}" for place in range(len(texts))]

    class Corpus:
        pass

    Corpus.documents, Corpus.relevant = documents, relevant
    ids, split = split_of(Corpus, problem.queries, top)
    scores, queries = search_scores(mocks.MockRerankingTask, split, ids)
    assert ours["map"] == pytest.approx(np.mean([q["map_cut_1000"] for q in queries]), abs=EXACT)
    assert ours["ndcg@10"] == pytest.approx(np.mean([q["ndcg_cut_10"] for q in queries]), abs=EXACT)
    assert ours["mrr@10"] == pytest.approx(scores["mrr_at_10"], abs=EXACT)


def graded_sentences(path, least=4):
    """Sentences with several partners that people graded: partners as summaries of the sentence."""
    pairs = PairFile(path=path).load()
    groups = {}
    for first, second, gold in zip(pairs.first, pairs.second, pairs.gold.tolist(), strict=True):
        groups.setdefault(first, {})[second] = gold
    chosen = [(one, of) for one, of in groups.items() if len(of) >= least]
    chosen = [(one, of) for one, of in chosen if len(set(of.values())) > 1]
    return SummaryProblem(
        references=[[one] for one, _ in chosen],
        summaries=[list(of) for _, of in chosen],
        gold=[list(of.values()) for _, of in chosen],
        clusters=each_alone(len(chosen)),
    )


def test_summarization(shared_data):
    problem = graded_sentences(str(shared_data / "sts/sick-en.tsv.gz"))
    ours = Summarization(data=held(problem)).run(hashed_words).metrics
    assert len(problem.gold) >= 50
    rows = table(
        text=[row[0] for row in problem.references],
        human_summaries=problem.references,
        machine_summaries=problem.summaries,
        relevance=problem.gold,
    )
    scores = theirs(mocks.MockSummarizationTask, rows, min_score=1, max_score=5)
    assert_equal(
        ours,
        scores,
        {
            "spearman": "cosine_spearman",
            "pearson": "cosine_pearson",
            "dot_spearman": "dot_spearman",
            "dot_pearson": "dot_pearson",
        },
    )
