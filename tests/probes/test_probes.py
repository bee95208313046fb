"""Ten methods built from parts, trained, saved, loaded and used; see docs/extending.md."""

import contextlib
import dataclasses

import jax
import numpy as np
import pytest

from jaxemb import FromRun, Model
from jaxemb.adaptation import LoRA, MeanWeights, Merged, Spherical, TaskVectors
from jaxemb.data import Batches, Dataset, Pairs, View, Windows
from jaxemb.encoders import Bag, Transformer
from jaxemb.heads import Chain, Identity, Linear, Normalize
from jaxemb.losses import (
    DocumentToQuery,
    Dot,
    Flops,
    InfoNCE,
    LearnedTemperature,
    Matryoshka,
    MaxSim,
    NegativeSampling,
    QueryToDocument,
    RouterBalance,
    SparseDot,
    Sum,
    VectorDistillation,
)
from jaxemb.model import Image, ImageBatch, ImageEmbedder, Tower, Towers
from jaxemb.nn import Causal, Experts, PreNorm
from jaxemb.pooling import EachToken, LastToken, VocabularyMax
from jaxemb.runtime import Jit, Runtime
from jaxemb.runtime.checkpoints import Checkpoints
from jaxemb.text import Chunked, Words
from jaxemb.training import Context, GradCache, Steps
from jaxemb.vectors import Mined, Taught
from tests.probes.shared import (
    LEARNS,
    PAIRS,
    RECORDS,
    TEXTS,
    Said,
    Sayings,
    embedder,
    reloaded,
    stage,
    started,
    trained,
)

pytestmark = pytest.mark.in_turn(4, table="file")
QUERIES = [record["query"] for record in RECORDS]
ANSWERS = [record["positive"] for record in RECORDS]


def test_skip_gram(tmp_path):
    """Two tables over whole words without marks, windows of words, negative sampling."""
    words = Words(vocabulary=64, max_tokens=12)
    table = embedder(text=words, encoder=Bag(width=16), head=Identity())
    towers = Towers(
        towers=(
            Tower(name="word", columns=("query",), network=table),
            Tower(name="context", columns=(), network=table),
        )
    )
    data = Windows(source=Sayings(), fields=("positive",), window=2, threshold=0.0, batch_size=64)
    model = trained(started(towers), stage(NegativeSampling(), data=data))
    assert set(model.params) == {"word", "context"}
    again = reloaded(model, tmp_path)
    word, context = (again.encode(["sort list"], role=role) for role in ("query", "document"))
    np.testing.assert_array_equal(word, model.encode(["sort list"], role="query"))
    assert word.shape == (1, 16) and np.abs(word - context).max() > 0.01


def test_lora_on_a_causal_language_model(tmp_path):
    """A frozen base under low-rank additions, last token, absent from optimizer and checkpoint."""
    encoder = Transformer(layers=2, width=16, heads=2, mask=Causal(), dropout=0.0)
    base = started(embedder(encoder=encoder, pooling=LastToken()))
    base.save(tmp_path / "base")
    model = FromRun(str(tmp_path / "base")).start(jax.random.key(0))
    lora = LoRA(rank=2, targets=("attention/query", "attention/value"))
    with contextlib.closing(Checkpoints(tmp_path / "kept", every=1)) as checkpoints:
        done = stage(trains=lora).run(model, _context(checkpoints=checkpoints))
    saved = sum(file.stat().st_size for file in (tmp_path / "kept").rglob("*") if file.is_file())
    moved = 2 * 2 * (2 * 16 * 2)  # layers, targets, two matrices of 16 x 2
    assert _numbers(lora.split(model.params, jax.random.key(0))[0]) == moved
    assert saved < 4 * _numbers(model.params) + 60_000
    whole = trained(model, stage(trains=lora))
    assert jax.tree.structure(whole.params) == jax.tree.structure(model.params)
    assert _changed(model, whole) == {"query/kernel", "value/kernel"}
    again = reloaded(done, tmp_path)
    np.testing.assert_array_equal(again.encode(QUERIES), done.encode(QUERIES))


def test_triplets_with_unequal_negatives_under_matryoshka_and_grad_cache(tmp_path):
    """Rows have one to three negatives of their own; prefixes are trained; chunks are cached."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Unequal(View):
        columns = ("query", "positive", "query_id", "positive_id", "negatives")

        def __call__(self, records):
            pairs = Said()(records)
            others = [pairs[(n + 9) % len(pairs)]["positive"] for n in range(len(pairs))]
            return [
                {**pair, "negatives": tuple(others[n : n + 1 + n % 3] or others[:1])}
                for n, pair in enumerate(pairs)
            ]

    data = Pairs(source=Sayings(), view=Unequal(), batch_size=16)
    loss = Matryoshka(inner=InfoNCE(), dims=(4, 16))
    model = started(embedder())
    cached = trained(model, stage(loss, data=data, gradients=GradCache(chunk=8)))
    whole = trained(model, stage(loss, data=data))
    for a, b in zip(*map(jax.tree.leaves, (cached.params, whole.params)), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)
    assert reloaded(cached, tmp_path).encode(QUERIES, dim=4).shape == (len(QUERIES), 4)


def test_images_and_texts(tmp_path):
    """Two towers, both directions, a temperature that is trained."""

    class Pictures(Batches):
        def __init__(self, model):
            self.tokenizer, self.position = model.tokenizer_of("query"), 0

        def __next__(self):
            rng = np.random.default_rng(self.position)
            self.position += 1
            from jaxemb.text import pad

            pixels = rng.normal(size=(16, 16, 16, 1)).astype(np.float32)
            return {
                "query": pad(self.tokenizer.encode(QUERIES[:16]), 12),
                "positive": ImageBatch(pixels),
            }

        def get_state(self):
            return {"position": self.position}

        def set_state(self, state):
            self.position = state["position"]

    data = _given(Pictures, ("query", "positive"))
    eye = ImageEmbedder(
        image=Image(height=16, width=16, channels=1, patch=8),
        encoder=Transformer(layers=1, width=16, heads=2),
        pooling=embedder().pooling,
    )
    towers = Towers(
        towers=(
            Tower(name="text", columns=("query",), network=embedder()),
            Tower(name="image", columns=("positive",), network=eye),
        )
    )
    both = (QueryToDocument(), DocumentToQuery())
    loss = InfoNCE(temperature=LearnedTemperature(start=0.1), blocks=both)
    model = trained(started(towers), stage(loss, data=data))
    again = reloaded(model, tmp_path)
    np.testing.assert_array_equal(
        again.encode(QUERIES, role="query"), model.encode(QUERIES, role="query")
    )


def test_distillation_from_a_teacher_on_disk(tmp_path, monkeypatch):
    """The teacher's vectors are kept by text; its vectors and its scores both teach."""
    monkeypatch.setenv("JAXEMB_CACHE", str(tmp_path / "cache"))
    started(embedder()).save(tmp_path / "teacher")
    data = Taught(inner=PAIRS, teacher=FromRun(str(tmp_path / "teacher")))
    student = started(embedder(encoder=Transformer(layers=1, width=16, heads=2)))
    loss = Sum(losses=(VectorDistillation(), InfoNCE()), weights=(1.0, 0.1))
    model = trained(student, stage(loss, data=data))
    teacher = data.teacher.start(jax.random.key(0)).encode(QUERIES)

    def distance(one: Model) -> float:
        return float(np.mean(1 - np.sum(one.encode(QUERIES) * teacher, axis=1)))

    taught = stage(loss, data=data, **LEARNS).run(student, _context())
    assert distance(taught) < 0.5 * distance(student)
    assert any((tmp_path / "cache" / "vectors").rglob("*.vectors"))
    np.testing.assert_array_equal(reloaded(model, tmp_path).encode(QUERIES), model.encode(QUERIES))


def test_a_mixture_of_experts_with_load_balance(tmp_path):
    """What the router sowed reaches a loss beside the contrastive one."""
    block = PreNorm(feed_forward=Experts(experts=4))
    mixture = embedder(encoder=Transformer(layers=2, width=16, heads=2, block=block))
    loss = Sum(losses=(InfoNCE(), RouterBalance()), weights=(1.0, 0.01))
    seen = []
    start = started(mixture)
    stage(loss).run(start, _context(report=seen.append))
    assert any("router_balance" in name for name in seen[0])
    model = trained(start, stage(loss))
    again = reloaded(model, tmp_path)
    np.testing.assert_array_equal(again.encode(QUERIES), model.encode(QUERIES))


def test_late_chunking(tmp_path):
    """One pass over a long text, one vector for each chunk, trained as such and used as such."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TwoInOne(View):
        columns = ("query", "positive")

        def __call__(self, records):
            texts = [record["positive"] for record in records]
            joined = [f"{a}. {b}." for a, b in zip(texts, texts[1:] + texts[:1], strict=True)]
            spans = [
                ((0, len(a)), (len(a) + 2, len(j))) for a, j in zip(texts, joined, strict=True)
            ]
            chunked = [Chunked(j, own) for j, own in zip(joined, spans, strict=True)]
            return [
                {"query": r["query"], "positive": c} for r, c in zip(records, chunked, strict=True)
            ]

    data = _Chunks(source=Sayings(), view=TwoInOne(), batch_size=16)
    model = trained(started(embedder()), stage(InfoNCE(similarity=MaxSim()), data=data))
    long = Chunked("sort every list. open every file.", ((0, 16), (17, 33)))
    first, second = reloaded(model, tmp_path).chunks([long])[0]
    alone = model.encode(["sort every list."])[0]
    assert first.shape == (16,) and np.abs(first - second).max() > 1e-3
    assert np.abs(first - alone).max() > 1e-4, "a chunk has read the whole text"


def test_merging_two_runs(tmp_path):
    """Mean, spherical and task vectors of two models that came from one."""
    base = started(embedder())
    base.save(tmp_path / "base")
    runs = []
    for seed in (1, 2):
        own = stage(budget=Steps(5)).run(base, _context(seed=seed))
        runs.append(FromRun(str(own.save(tmp_path / f"run-{seed}"))))
    task = TaskVectors(base=FromRun(str(tmp_path / "base")), scale=0.5)
    found = {}
    for how in (MeanWeights(), Spherical(), task):
        found[type(how)] = Merged(of=tuple(runs), how=how).start(jax.random.key(0))
    mean, spherical, added = (jax.tree.leaves(model.params) for model in found.values())
    for a, b, c in zip(mean, spherical, added, strict=True):
        np.testing.assert_allclose(a, c, atol=1e-6)  # halves of two differences are their mean
        np.testing.assert_allclose(a, b, atol=0.05)
    merged = trained(found[MeanWeights], stage())
    np.testing.assert_array_equal(
        reloaded(merged, tmp_path).encode(QUERIES), merged.encode(QUERIES)
    )


@pytest.mark.parametrize("form", ["late", "sparse"])
def test_late_interaction_and_sparse_vectors_are_trained_and_searched(form, tmp_path):
    if form == "late":
        head = Chain(heads=(Linear(dim=8), Normalize()))
        network = embedder(pooling=EachToken(), head=head, similarity=MaxSim())
        loss = InfoNCE(similarity=MaxSim(), temperature=0.5)
    else:
        network = embedder(pooling=VocabularyMax(), head=Identity(), similarity=SparseDot())
        loss = Sum(
            losses=(InfoNCE(similarity=Dot(), temperature=1.0), Flops()), weights=(1.0, 1e-3)
        )
    start = started(network)
    trained(start, stage(loss))
    curve = []
    model = stage(loss, **LEARNS).run(start, _context(report=curve.append))
    model = reloaded(model, tmp_path)
    ids, scores = model.index(ANSWERS).search(QUERIES, k=3)
    assert scores.shape == (len(QUERIES), 3) and (np.diff(scores, axis=1) <= 0).all()
    before = start.index(ANSWERS).search(QUERIES, k=1)[0][:, 0]
    right = np.arange(len(QUERIES))
    assert np.mean(ids[:, 0] == right) >= max(0.5, np.mean(before == right))
    assert curve[-1]["loss"] < 0.7 * curve[0]["loss"]


def test_negatives_mined_again_by_the_model_under_training(tmp_path):
    """Searches every two steps; a run that was interrupted between them goes on bit for bit."""
    mined = stage(data=Mined(inner=PAIRS, every=2), budget=Steps(6))
    start = started(embedder())
    trained(start, mined)
    whole = mined.run(start, _context())

    def interrupted(metrics):
        if metrics["step"] == 3:
            raise KeyboardInterrupt

    with contextlib.closing(Checkpoints(tmp_path / "kept", every=1)) as checkpoints:
        with pytest.raises(KeyboardInterrupt):
            mined.run(start, _context(checkpoints=checkpoints, report=interrupted))
        checkpoints.wait()
        resumed = mined.run(start, _context(checkpoints=checkpoints))
    for a, b in zip(*map(jax.tree.leaves, (whole.params, resumed.params)), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(reloaded(whole, tmp_path).encode(QUERIES), whole.encode(QUERIES))


# --- small helpers


def _context(**changes):
    one = Runtime(devices=Jit(limit=1))
    return Context(**{"key": jax.random.key(1), "runtime": one, **changes})


def _numbers(tree) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def _changed(before: Model, after: Model) -> set[str]:
    """The last two segments of the paths of arrays that differ."""
    pairs = zip(
        jax.tree.leaves_with_path(before.params), jax.tree.leaves(after.params), strict=True
    )
    moved = [path for (path, a), b in pairs if np.abs(a - b).max() > 0]
    return {"/".join(str(key.key) for key in path[-2:]) for path in moved}


def _given(batches, names: tuple[str, ...]) -> Dataset:
    """A dataset whose batches are made by a class."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Given(Dataset):
        batch_size: int = 16
        columns = names

        def __len__(self):
            return len(RECORDS)

        def texts(self):
            return iter(TEXTS)

        def batches(self, model, *, seed):
            return batches(model)

        def fingerprint(self):
            return "given"

    return Given()


class _Chunks(Pairs):
    """Pairs whose query has one chunk too, so that both sides are compared item by item."""

    def examples(self):
        return [
            {**e, "query": Chunked(e["query"], ((0, len(e["query"])),))} for e in super().examples()
        ]
