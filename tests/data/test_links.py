"""The graph of links: what pairs, triplets and ranking lists may and may not join."""

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.data import CitationTriplets, Linked, LinkedTogether, RelatedTexts, TextGraph, cited
from jaxemb.data.base import Source
from jaxemb.evaluation import RelatedCandidates, Reranking
from jaxemb.evaluation.rank import ByDistance


def random_graph(nodes: int, edges: int, seed: int) -> np.ndarray:
    """`[nodes, nodes]`, true where one refers to the other; nobody refers to itself."""
    refers = np.zeros((nodes, nodes), bool)
    refers[tuple(np.random.default_rng(seed).integers(0, nodes, (2, edges)))] = True
    np.fill_diagonal(refers, False)
    return refers


def squared(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Where a path of one link and then the other leads."""
    return one.astype(np.int64) @ two.astype(np.int64) > 0


@pytest.fixture(scope="module")
def graph() -> np.ndarray:
    return random_graph(600, 1500, seed=3)


def records_of(graph: np.ndarray) -> list[dict]:
    return [
        {"name": str(n), "summary": f"text {n}", "body": "",
         "links": (*map(str, np.flatnonzero(row)), "elsewhere")}
        for n, row in enumerate(graph)
    ]  # fmt: skip


def number(text: str) -> int:
    return int(text.split()[1])


def test_relations_are_those_of_the_graph(graph):
    records = records_of(graph)
    together = squared(graph.T, graph) & ~np.eye(len(graph), dtype=bool)
    for places, wanted in (
        (cited(records), graph),
        (Linked()(records), graph | graph.T),
        (LinkedTogether()(records), together),
    ):
        assert places == [np.flatnonzero(row).tolist() for row in wanted]


@pytest.mark.parametrize("relation", [Linked(), LinkedTogether()])
def test_related_texts_are_at_most_so_many_of_each_record(graph, relation):
    records = records_of(graph)
    allowed = relation(records)
    found = RelatedTexts(relation=relation, each=2)(records)
    assert len(found) == sum(min(len(own), 2) for own in allowed)
    assert all(number(p["positive"]) in allowed[number(p["query"])] for p in found)


def test_triplets_are_a_citation_and_something_further(graph):
    records, either = records_of(graph), graph | graph.T
    further = squared(graph, graph) & ~either & ~np.eye(len(graph), dtype=bool)
    near = either | squared(either, either)
    found = np.array(list(CitationTriplets(each=20).places(records)))
    one, two, three = found.T
    assert graph[one, two].all() and not either[one, three].any() and (one != three).all()
    hard = further[one, three]
    assert not near[one, three][~hard].any()
    possible = further[one].any(axis=1)
    share = hard[possible].mean()
    assert abs(share - 0.3) < 4 * np.sqrt(0.21 / possible.sum())
    assert not hard[~possible].any()
    examples = CitationTriplets(each=20)(records)
    assert [number(e["negatives"][0]) for e in examples] == three.tolist()


def test_a_graph_too_dense_for_negatives_gives_no_triplets():
    names = ("a", "b", "c")
    full = [{"name": a, "summary": a, "links": tuple(b for b in names if b != a)} for a in names]
    assert CitationTriplets()(full) == []


@pytest.fixture
def folder(tmp_path):
    draw = np.random.default_rng(0)
    nodes = "".join(f"{n}\t{n % 7}\twords of node {n}\n" for n in range(3000))
    edges = "".join(f"{a}\t{b}\n" for a, b in draw.integers(0, 3000, (9000, 2)))
    (tmp_path / "nodes.tsv").write_text("id\tlabel\ttext\n" + nodes, encoding="utf-8")
    (tmp_path / "edges.tsv").write_text("source\ttarget\n" + edges, encoding="utf-8")
    return tmp_path


def test_a_graph_in_a_folder_is_cut_by_nodes(folder):
    source = TextGraph(path=str(folder), shares=(0.5, 0.1, 0.4))
    parts = {split: source.records(split) for split in ("train", "dev", "test")}
    names = [record["name"] for part in parts.values() for record in part]
    assert sorted(names, key=int) == [str(n) for n in range(3000)]
    assert abs(len(parts["train"]) - 1500) < 90 and abs(len(parts["test"]) - 1200) < 90
    record = parts["train"][0]
    assert record["body"] == f"words of node {record['name']}" and "text" not in record
    for one, two, three in CitationTriplets().places(parts["train"]):
        assert max(one, two, three) < len(parts["train"])


def test_a_graph_that_does_not_fit_is_refused(folder):
    with pytest.raises(UsageError, match="add up to 1"):
        TextGraph(path=str(folder), shares=(0.5, 0.5, 0.5))
    (folder / "edges.tsv").write_text("source\ttarget\n1\t9999\n", encoding="utf-8")
    with pytest.raises(UsageError, match="'9999', which is no node"):
        TextGraph(path=str(folder)).records("train")


class Given(Source):
    def __init__(self, records):
        object.__setattr__(self, "given", records)

    def __hash__(self):
        return id(self)

    def records(self, split):
        return self.given

    def fingerprint(self):
        return "given"


@pytest.mark.parametrize("relation", [Linked(), LinkedTogether()])
def test_a_ranking_list_holds_what_is_related_and_what_is_not(graph, relation):
    records = records_of(graph)
    allowed = relation(records)
    near = [{*a, *b} for a, b in zip(Linked()(records), LinkedTogether()(records), strict=True)]
    problem = RelatedCandidates(source=Given(records), relation=relation).load()
    assert len(problem.queries) == min(500, sum(map(bool, allowed)))
    for query, texts, grades in zip(*problem[:3], strict=True):
        place, numbers = number(query), [number(text) for text in texts]
        good = {n for n, grade in zip(numbers, grades, strict=True) if grade}
        assert good <= set(allowed[place]) and 1 <= len(good) <= 5
        assert len(set(numbers)) == len(numbers) == len(good) + 25
        assert not near[place] & (set(numbers) - good) and place not in numbers


def test_others_may_be_kept_to_what_shares_a_field_with_the_query(graph):
    records = [{**r, "package": f"p{n % 3}"} for n, r in enumerate(records_of(graph))]
    problem = RelatedCandidates(source=Given(records), within="package").load()
    for query, texts, grades in zip(*problem[:3], strict=True):
        bad = [number(t) for t, grade in zip(texts, grades, strict=True) if not grade]
        assert len(bad) == 25 and all(n % 3 == number(query) % 3 for n in bad)


def test_random_scores_reach_what_chance_gives(graph):
    """E[DCG] = 5/30 of the sum of discounts over 30 places; the ideal is that of the first five."""
    records = records_of(random_graph(400, 4000, seed=1))
    data = RelatedCandidates(source=Given(records), least=5, queries=400)
    draw = np.random.default_rng(0)
    discount = 1 / np.log2(np.arange(2, 32))
    chance = 5 / 30 * discount.sum() / discount[:5].sum()
    result = Reranking(data=data, k=30).run(lambda texts, role: draw.normal(size=(len(texts), 9)))
    values = np.asarray(result.examples["ndcg@30"])
    assert len(values) > 300
    assert abs(values.mean() - chance) < 4 * values.std() / np.sqrt(len(values))


def test_a_ranking_by_distance_is_another_than_by_cosine(graph):
    from sklearn.metrics import ndcg_score

    data = RelatedCandidates(source=Given(records_of(graph)))
    draw = np.random.default_rng(2)
    table = {f"text {n}": draw.normal(size=3) * draw.gamma(1) for n in range(600)}

    def embed(texts, role):
        return np.array([table[text] for text in texts], np.float32)

    found = Reranking(data=data, k=30, nearness=ByDistance()).run(embed).examples["ndcg@30"]
    problem = data.load()
    wanted = []
    for query, texts, grades in zip(*problem[:3], strict=True):
        distance = np.linalg.norm(embed(texts, "") - embed([query], ""), axis=1)
        wanted.append(ndcg_score([grades], [-distance]))
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert not np.allclose(found, Reranking(data=data, k=30).run(embed).examples["ndcg@30"])
