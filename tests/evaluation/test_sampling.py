"""Parts of task data: how much is kept, that it is always the same, and that it can be answered."""

from dataclasses import dataclass

import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.evaluation import (
    BitextFile,
    LabelData,
    PairData,
    PairFile,
    RerankingFile,
    Retrieval,
    RetrievalData,
    Sampled,
    SummaryFile,
    TaggedFile,
    evaluate,
    sampled,
)
from jaxemb.evaluation.problems import LabelProblem, PairProblem, RetrievalProblem, TaskData


@dataclass(frozen=True, kw_only=True)
class Drawn(TaskData):
    """Random problems whose rows can be given in another order."""

    seed: int = 0
    shuffled: int = 0

    def fingerprint(self) -> str:
        return f"{self.seed}-{self.shuffled}"

    def order(self, count: int) -> np.ndarray:
        kept = np.arange(count)
        return (
            kept if not self.shuffled else np.random.default_rng(self.shuffled).permutation(count)
        )


@dataclass(frozen=True, kw_only=True)
class DrawnPairs(Drawn, PairData):
    def load(self) -> PairProblem:
        rng, order = np.random.default_rng(self.seed), self.order(700)
        gold = rng.normal(size=700)
        return PairProblem(
            [f"a{n}" for n in order], [f"b{n}" for n in order], gold[order],
            (order // 3).astype(np.int32),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DrawnLabels(Drawn, LabelData):
    train: int = 600

    def load(self) -> LabelProblem:
        rng, order = np.random.default_rng(self.seed), self.order(800)
        labels = rng.choice(5, size=self.train + 800, p=(0.6, 0.2, 0.1, 0.09, 0.01)).astype(
            np.int32
        )
        return LabelProblem(
            [f"train {n}" for n in range(self.train)], labels[: self.train],
            [f"test {n}" for n in order], labels[self.train :][order], order.astype(np.int32),
            tuple("abcde"),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DrawnRetrieval(Drawn, RetrievalData):
    least: int = 1

    def load(self) -> RetrievalProblem:
        rng = np.random.default_rng(self.seed)
        relevant = [
            {int(n): int(rng.integers(1, 3)) for n in rng.choice(3000, rng.integers(self.least, 9))}
            for _ in range(400)
        ]
        return RetrievalProblem(
            [f"query {n}" for n in range(400)], [f"document {n}" for n in range(3000)], relevant,
            np.arange(400, dtype=np.int32), rng.integers(-1, 3000, 400).astype(np.int32),
        )  # fmt: skip


def test_pairs_keep_what_belongs_together():
    whole = DrawnPairs().load()
    gold = dict(
        zip(whole.first, zip(whole.second, whole.gold, whole.clusters, strict=True), strict=True)
    )
    part = Sampled(inner=DrawnPairs(), texts=200).load()
    assert len(part.first) == len(part.gold) == 100
    for row in zip(part.first, part.second, part.gold, part.clusters, strict=True):
        assert gold[row[0]] == row[1:]
    assert Sampled(inner=DrawnPairs()).load().first != whole.first
    assert Sampled(inner=DrawnPairs(), texts=1400).load().first == whole.first


def test_the_part_is_the_same_in_any_order():
    """Also where a model, a process or a row's place differs: the texts decide."""
    one = Sampled(inner=DrawnPairs(), texts=200).load()
    other = Sampled(inner=DrawnPairs(shuffled=4), texts=200).load()
    assert set(one.first) == set(other.first) and one.first != other.first
    labels = [Sampled(inner=DrawnLabels(shuffled=n), texts=200).load() for n in (0, 5)]
    assert set(labels[0].texts) == set(labels[1].texts)


def test_labels_keep_their_shares():
    whole = DrawnLabels().load()
    part = Sampled(inner=DrawnLabels(), texts=400).load()
    assert len(part.train_texts) <= 200 and len(part.texts) <= 200
    assert len(part.train_texts) + len(part.texts) > 390
    label = dict(zip(whole.texts, whole.labels.tolist(), strict=True))
    assert [label[text] for text in part.texts] == part.labels.tolist()
    wanted = np.bincount(whole.labels, minlength=5) / len(whole.labels)
    found = np.bincount(part.labels, minlength=5) / len(part.labels)
    assert np.abs(wanted - found).max() < 0.01
    assert set(part.labels) == set(part.train_labels)


def test_labels_of_a_set_without_a_part_to_fit_on():
    part = Sampled(inner=DrawnLabels(train=0), texts=400).load()
    assert (len(part.train_texts), len(part.texts)) == (0, 400)
    small = Sampled(inner=DrawnLabels(train=30), texts=400).load()
    assert len(small.train_texts) <= 30 and 365 <= len(small.texts) <= 370


def test_every_query_that_is_kept_keeps_all_its_answers():
    inner = DrawnRetrieval()
    whole, part = inner.load(), Sampled(inner=inner, texts=500).load()
    assert len(part.queries) + len(part.documents) == 500
    assert 60 <= len(part.queries) <= 125
    for query, answers, cluster, out in zip(
        part.queries, part.relevant, part.clusters, part.excluded, strict=True
    ):
        number = int(query.split()[1])
        kept = {part.documents[n]: grade for n, grade in answers.items()}
        assert kept == {whole.documents[n]: grade for n, grade in whole.relevant[number].items()}
        assert cluster == number
        if out >= 0:
            assert part.documents[out] == whole.documents[whole.excluded[number]]
    answers = {n for relevant in part.relevant for n in relevant}
    assert len(answers) < len(part.documents) - 100  # others to tell them from


def test_an_oracle_still_scores_one():
    data = Sampled(inner=DrawnRetrieval(), texts=300)
    problem = data.load()
    place = {text: n for n, text in enumerate(problem.documents)}

    def oracle(texts, role):
        vectors = np.zeros((len(texts), len(place)), np.float32)
        for row, text in enumerate(texts):
            if role == "document":
                vectors[row, place[text]] = 1
            else:
                for n, grade in problem.relevant[problem.queries.index(text)].items():
                    vectors[row, n] = grade
        return vectors

    task = Retrieval(data=data)
    kept = [q for q, out in enumerate(problem.excluded) if out not in problem.relevant[q]]
    records = evaluate(oracle, [task])["retrieval"].examples
    assert np.allclose(records["ndcg@10"][kept], 1)


def test_a_query_with_too_many_answers_is_passed_over():
    with pytest.raises(UsageError, match="no query of this set fits into 4 texts"):
        Sampled(inner=DrawnRetrieval(least=4), texts=4).load()


def test_a_small_set_stays_whole():
    data = Sampled(inner=DrawnRetrieval(), texts=4000)
    assert data.load().queries == DrawnRetrieval().load().queries


def test_what_cannot_be_cut_is_refused(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("split\ttext1\ttext2\tscore\ndev\ta\tb\t1\ntest\tc\td\t2\n")
    data = sampled(PairFile(path=str(path)), 100)
    assert isinstance(data, Sampled) and from_json(to_json(data)) == data
    assert data.on("dev").load().first == ["a"]
    assert data.fingerprint() != data.inner.fingerprint() != data.on("dev").inner.fingerprint()
    assert sampled(data.inner, None) is data.inner
    with pytest.raises(UsageError, match="no way to take a part of SummaryFile"):
        sampled(SummaryFile(path="s.jsonl"), 100)


def test_translations_stay_together(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("source\tenglish\n" + "".join(f"s{n}\te{n}\n" for n in range(90)))
    part = sampled(BitextFile(path=str(path)), 40).load()
    assert len(part.source) == 20 and part.source != [f"s{n}" for n in range(20)]
    assert [text[1:] for text in part.source] == [text[1:] for text in part.target]
    assert part.clusters.tolist() == [int(text[1:]) for text in part.source]


def test_queries_keep_all_their_candidates(tmp_path):
    path = tmp_path / "a.tsv"
    rows = (f"{n // 5}\tq{n // 5}\tt{n}\t{int(n % 5 == 0)}\n" for n in range(200))
    path.write_text("qid\tquery\ttext\tlabel\n" + "".join(rows))
    part = sampled(RerankingFile(path=str(path)), 63).load()
    assert len(part.queries) == 10  # six texts each
    for query, candidates, relevant in zip(
        part.queries, part.candidates, part.relevant, strict=True
    ):
        number = int(query[1:])
        assert candidates == [f"t{5 * number + k}" for k in range(5)] and relevant == [
            1,
            0,
            0,
            0,
            0,
        ]
    assert len(sampled(RerankingFile(path=str(path)), 2).load().queries) == 1


def test_tags_stay_with_their_words(tmp_path):
    path = tmp_path / "a.tsv"
    rows = (
        f"{'train' if n % 3 else 'test'}\tw{n} x y{n}\t{n % 3}\t{'ab'[n % 2]}\n" for n in range(300)
    )
    path.write_text("split\tsentence\tposition\tlabel\n" + "".join(rows))
    whole, part = (sampled(TaggedFile(path=str(path)), room).load() for room in (None, 60))
    assert (len(part.train_sentences), len(part.sentences)) == (30, 30)
    places = dict(zip(whole.sentences, whole.places.tolist(), strict=True))
    labels = dict(zip(whole.sentences, whole.labels.tolist(), strict=True))
    assert [places[words] for words in part.sentences] == part.places.tolist()
    assert [labels[words] for words in part.sentences] == part.labels.tolist()
    assert sorted(part.labels.tolist()) == [0] * 15 + [1] * 15
