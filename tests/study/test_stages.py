import dataclasses
import multiprocessing

import jax
import numpy as np
import pytest

from jaxemb import recipes
from jaxemb.config import override
from jaxemb.fitting import Apply, Slice
from jaxemb.study.curves import trained_flops
from jaxemb.study.stages import address, run_stages
from jaxemb.training import Shared


@pytest.fixture
def recipe():
    return recipes.pair_retriever().small()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty store, over the corpus that is built already."""
    import jaxemb.study.stages

    monkeypatch.setattr(jaxemb.study.stages, "cache_folder", lambda: tmp_path)
    return tmp_path / "stages"


def addresses(recipe):
    chain, found = "", []
    for stage in recipe.stages:
        chain = address(recipe, stage, chain)
        found.append(chain)
    return found


def test_arms_that_differ_in_pooling_and_seed_share_their_fitted_stages(recipe):
    other = dataclasses.replace(override(recipe, "pooling", "max"), seed=1)
    assert addresses(recipe)[:2] == addresses(other)[:2]
    assert addresses(recipe)[2] != addresses(other)[2]


@pytest.mark.parametrize(
    ("key", "value", "shared"),
    [("vocabulary.data.split", "dev", 0), ("width", "16", 1), ("text.vocabulary", "300", 0),
     ("table.estimator.window", "2", 1), ("mask", "causal", 2)],
)  # fmt: skip
def test_a_stage_is_shared_up_to_what_it_depends_on(recipe, key, value, shared):
    pairs = zip(addresses(recipe), addresses(override(recipe, key, value)), strict=True)
    assert [a == b for a, b in pairs] == [True] * shared + [False] * (3 - shared)


def test_what_other_code_stored_is_not_taken(recipe, monkeypatch):
    """A table that an earlier version fitted, with the same settings, is another table."""
    before = addresses(recipe)
    assert addresses(recipe) == before
    monkeypatch.setattr("jaxemb.config.provenance.code_of_stages", lambda parts: "other code")
    assert not set(before) & set(addresses(recipe))


def test_the_code_of_a_part_from_elsewhere_is_part_of_a_stages_address(tmp_path, monkeypatch):
    from jaxemb.config.provenance import code_of_stages

    source = "class Mine:\n    scale = %d\n"
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_estimator.py").write_text(source % 1)
    part = __import__("own_estimator").Mine()
    first = code_of_stages([part])
    assert first == code_of_stages([part]) != code_of_stages([])
    (tmp_path / "own_estimator.py").write_text(source % 2)
    assert code_of_stages([part]) != first


def test_a_stored_stage_is_read_back_and_not_computed_again(recipe, cache, monkeypatch):
    first = run_stages(recipe, until_training=True)
    assert len(list(cache.iterdir())) == 2
    monkeypatch.setattr("jaxemb.fitting.PPMISVD.fit", None)
    again = run_stages(dataclasses.replace(recipe, seed=7), until_training=True)
    np.testing.assert_array_equal(
        first.params["tokens"]["embedding"], again.params["tokens"]["embedding"]
    )
    kernel = ("encoder", "block_0", "attention", "query", "kernel")
    assert not np.array_equal(_at(first.params, kernel), _at(again.params, kernel))
    assert first.tokenizer.to_json() == again.tokenizer.to_json()


@pytest.mark.parametrize("harm", ["cut", "emptied", "lost", "garbled"])
def test_a_damaged_stage_is_computed_again(recipe, cache, harm):
    first = run_stages(recipe, until_training=True)
    for folder in list(cache.iterdir()):
        path = folder / "params.npz"
        if harm == "cut":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        elif harm == "emptied":
            path.write_bytes(b"")
        elif harm == "lost":
            (folder / "transforms.json").unlink()
        else:
            (folder / "transforms.json").write_text("[{")
    again = run_stages(recipe, until_training=True)
    assert first.tokenizer.to_json() == again.tokenizer.to_json()
    jax.tree.map(np.testing.assert_array_equal, first.params, again.params)
    assert len(list(cache.iterdir())) == 2


def _at(params, path):
    for name in path:
        params = params[name]
    return params


def _fit(folder, barrier):
    import jaxemb.study.stages

    jaxemb.study.stages.cache_folder = lambda: folder
    barrier.wait()
    run_stages(recipes.pair_retriever().small(), until_training=True)


def test_two_processes_may_compute_a_stage_at_once(cache, tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    workers = [context.Process(target=_fit, args=(tmp_path, barrier)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert sorted(path.name.startswith(".") for path in cache.iterdir()) == [False, False]


def test_a_stage_may_add_a_transform(recipe, cache):
    recipe = dataclasses.replace(recipe, stages=(*recipe.stages[:2], Apply(transform=Slice(dim=3))))
    assert run_stages(recipe).encode("text").shape == (3,)


def test_the_same_seed_trains_the_same_model(recipe, cache):
    losses = {}
    for run, seed in (("one", 0), ("same", 0), ("other", 1)):
        curve = []
        run_stages(dataclasses.replace(recipe, seed=seed), report=curve.append)
        losses[run] = [line["loss"] for line in curve]
    assert losses["one"] == losses["same"] != losses["other"]


def test_the_dtype_of_training_is_part_of_what_a_stage_gives(recipe):
    other = override(recipe, "runtime.dtype", "bfloat16")
    assert addresses(recipe)[:2] == addresses(other)[:2]
    assert addresses(recipe)[2] != addresses(other)[2]
    elsewhere = override(recipe, "runtime.checkpoint_every", "7")
    assert addresses(recipe) == addresses(elsewhere)


def test_what_a_kept_stage_took_is_told_to_all_who_need_it(recipe, cache):
    recipe = dataclasses.replace(
        recipe, stages=(*recipe.stages[:-1], Shared(inner=recipe.stages[-1]))
    )
    told = []
    curve: list[dict] = []
    run_stages(recipe, report=curve.append, spent=told.append)
    run_stages(recipe, spent=told.append)
    assert told == [sum(line["flops"] for line in curve)] * 2 and told[0] > 0
    assert trained_flops(recipe, told[:1], curve) == told[0]


def test_the_steps_of_the_last_stage_are_its_own():
    recipe = recipes.pair_retriever()
    shared = [{"step": n, "loss": 1.0, "flops": 100} for n in (1, 2)]
    own = [{"step": n, "loss": 1.0, "flops": 3} for n in (1, 2, 3)]
    curve = [*shared, *own, {"step": 3, "sts/spearman": 0.5}]
    assert trained_flops(recipe, [200], curve) == 209
    assert trained_flops(recipe, [None], curve) is None
    assert trained_flops(recipe, [], [{"step": 1, "loss": 1.0}]) is None
