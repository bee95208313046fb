"""A stage that merges: the weights in closed form, what is stored, and a recipe of four steps."""

import dataclasses
import itertools
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import jax
import numpy as np
import pytest

from jaxemb import FromRun
from jaxemb.adaptation import (
    After,
    AtStart,
    Elsewhere,
    MeanWeights,
    MergeWith,
    Spherical,
    TaskVectors,
    TaskVectorsFromFirst,
)
from jaxemb.config import UsageError, from_json, override, to_json
from jaxemb.data import Masked
from jaxemb.heads import LanguageModelHead, TwoStreamDecoder
from jaxemb.losses import InfoNCE, MaskedAutoEncoding, Triplet
from jaxemb.model import Model
from jaxemb.study.recipe import Recipe, rebuilt
from jaxemb.study.stages import address, run_stages
from jaxemb.training import AdamW, Context, Shared, Stage, Steps, Train
from tests import toy

KEY = jax.random.key(0)
RUNS: Counter[str] = Counter()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Moved(Stage):
    """Adds drawn numbers to every parameter, as training might."""

    learns: ClassVar[bool] = True

    name: str
    seed: int

    def run(self, model: Model, context: Context) -> Model:
        RUNS[self.name] += 1
        rng = np.random.default_rng(self.seed)
        params = jax.tree.map(
            lambda x: x + rng.normal(size=x.shape).astype(np.float32), model.params
        )
        return dataclasses.replace(model, params=params)


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """An empty store, and no stage has run."""
    monkeypatch.setattr("jaxemb.study.stages.cache_folder", lambda: tmp_path / "cache")
    RUNS.clear()
    return tmp_path / "cache" / "stages"


def recipe(*stages: Stage, **changes: Any) -> Recipe:
    moves = (Moved(name="one", seed=1), Moved(name="two", seed=2))
    return Recipe(embedder=toy.embedder(layers=1, width=8), stages=(*moves, *stages), **changes)


def leaves(model: Model) -> list[np.ndarray]:
    return [np.asarray(x, np.float64) for x in jax.tree.leaves(model.params)]


def moments(whole: Recipe) -> list[list[np.ndarray]]:
    """The parameters at the start, and after each stage but the last."""
    count = len(whole.stages)
    cut = (dataclasses.replace(whole, stages=whole.stages[:n]) for n in range(count))
    return [leaves(run_stages(one)) for one in cut]


def along_the_circle(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
    if not (a.any() and b.any()):
        return (1 - t) * a + t * b
    cosine = np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b)
    angle = np.arccos(np.clip(cosine, -1, 1))
    return (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)


CASES = {
    "mean": (
        MergeWith(of=(AtStart(), After(stage="one")), how=MeanWeights(weights=(1.0, 2.0, 5.0))),
        lambda start, one, two: (start + 2 * one + 5 * two) / 8,
    ),
    "part of the way": (
        MergeWith(of=(AtStart(),), how=MeanWeights(weights=(0.3, 0.7))),
        lambda start, one, two: 0.3 * start + 0.7 * two,
    ),
    "spherical": (
        MergeWith(of=(After(stage="one"),), how=Spherical(fraction=0.25)),
        lambda start, one, two: along_the_circle(one, two, 0.25),
    ),
    "task vectors": (
        MergeWith(of=(AtStart(), After(stage="one")), how=TaskVectorsFromFirst(scale=0.4)),
        lambda start, one, two: start + 0.4 * (one - start) + 0.4 * (two - start),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_merged_weights_are_those_of_the_formula(case):
    stage, formula = CASES[case]
    whole = recipe(stage)
    merged = leaves(run_stages(whole))
    for found, *given in zip(merged, *moments(whole), strict=True):
        np.testing.assert_allclose(found, formula(*given), rtol=1e-4, atol=1e-5)


def test_what_was_trained_is_not_trained_again_for_another_merge(store):
    first = run_stages(recipe(CASES["mean"][0]))
    assert len(list(store.iterdir())) == 3
    again = run_stages(recipe(CASES["mean"][0]))
    other = run_stages(recipe(CASES["spherical"][0]))
    assert RUNS == {"one": 1, "two": 1}, "the merge reads what the store has of the stages"
    jax.tree.map(np.testing.assert_array_equal, first.params, again.params)
    assert not np.allclose(leaves(first)[0], leaves(other)[0])


def test_a_shared_merge_recalls_as_its_inner_stage_does():
    stage = CASES["mean"][0]
    assert Shared(inner=stage).recalls == stage.recalls == ("", "one")
    one, other = run_stages(recipe(stage)), run_stages(recipe(Shared(inner=stage)))
    jax.tree.map(np.testing.assert_array_equal, one.params, other.params)


def test_a_run_on_disk_is_merged_and_is_part_of_the_address(tmp_path):
    saved, folders = toy.model(layers=1, width=8), (tmp_path / "start", tmp_path / "run")
    shifted = dataclasses.replace(saved, params=jax.tree.map(lambda x: x + 1, saved.params))
    saved.save(folders[0])
    shifted.save(folders[1])
    start, run = (FromRun(str(folder)) for folder in folders)
    merge = MergeWith(of=(Elsewhere(start=run),), how=TaskVectors(base=start, scale=0.5))
    whole = Recipe(embedder=start, stages=(Moved(name="one", seed=3), merge))
    assert from_json(to_json(merge)) == merge
    merged = run_stages(whole)
    assert merged.tokenizer.to_json() == saved.tokenizer.to_json()
    moved = leaves(run_stages(dataclasses.replace(whole, stages=whole.stages[:1])))
    for found, a, b in zip(leaves(merged), leaves(saved), moved, strict=True):
        np.testing.assert_allclose(found, a + 0.5 * (1 + b - a), rtol=1e-4, atol=1e-5)

    def mark() -> str:
        return address(whole, merge, "")

    before = mark()
    assert mark() == before
    saved.save(folders[1], overwrite=True)
    assert mark() != before


def test_untrained_controls_stop_before_a_merge():
    run = Elsewhere(start=toy.embedder(layers=1, width=8))
    whole = dataclasses.replace(recipe(), stages=(MergeWith(of=(run,)),))
    start = run_stages(dataclasses.replace(whole, stages=()))
    untrained = run_stages(whole, until_training=True)
    jax.tree.map(np.testing.assert_array_equal, start.params, untrained.params)
    pairs = zip(leaves(run_stages(whole)), leaves(start), strict=True)
    assert any(np.abs(a - b).max() > 0.1 for a, b in pairs)


@pytest.mark.parametrize("name", ["three", "merge", "after"])
def test_only_what_stands_before_is_recalled(name):
    whole = recipe(MergeWith(of=(After(stage=name),)), Moved(name="after", seed=4))
    with pytest.raises(UsageError, match=f"'{name}', which is not before it.*'one', 'two'"):
        whole.check_recalled()
    with pytest.raises(UsageError, match=f"no model of an earlier stage '{name}'"):
        run_stages(whole)


def test_other_models_are_needed_and_of_one_network():
    with pytest.raises(UsageError, match="at least one other model"):
        MergeWith(of=())
    wider = Elsewhere(start=toy.embedder(layers=1, width=16))
    with pytest.raises(UsageError, match="other parameters"):
        run_stages(recipe(MergeWith(of=(wider,))))
    with pytest.raises(UsageError, match="3 weights for 2 models"):
        run_stages(recipe(MergeWith(of=(AtStart(),), how=MeanWeights(weights=(1.0,) * 3))))


def four_steps(folder: Path) -> Recipe:
    """Pre-training without pairs, contrast in two stages, and a mean of what these gave."""
    network = dataclasses.replace(toy.embedder(layers=1), output=LanguageModelHead())
    model = dataclasses.replace(Model.create(network, KEY), tokenizer=toy.model().tokenizer)
    model.save(folder)
    data, optimizer = toy.RandomTexts(batch_size=8), AdamW(learning_rate=1e-2)
    reconstruct = MaskedAutoEncoding(decoder=TwoStreamDecoder(vocabulary=toy.VOCABULARY, hidden=16))
    given = {
        "pretrain": (Masked(inner=data, share=0.3), reconstruct),
        "contrast": (data, InfoNCE()),
        "tune": (data, Triplet(margin=0.5)),
    }
    trains = (
        Train(name=name, data=own, loss=loss, optimizer=optimizer, budget=Steps(2))
        for name, (own, loss) in given.items()
    )
    merge = MergeWith(of=(After(stage="contrast"),), how=MeanWeights(weights=(1.0, 3.0)))
    return rebuilt(Recipe(embedder=FromRun(str(folder)), stages=(*trains, merge)))


def test_pretraining_contrast_fine_tuning_and_merging_are_one_recipe(store, tmp_path):
    whole = four_steps(tmp_path / "start")
    for stage in whole.stages:
        stage.check(whole.runtime)
    whole.check_recalled()
    merged = run_stages(whole)
    folders = {path.name for path in store.iterdir()}
    assert len(folders) == 4, "three trained models and their merge"
    *_, pretrained, contrast, tuned = moments(whole)
    for found, a, b in zip(leaves(merged), contrast, tuned, strict=True):
        np.testing.assert_allclose(found, (a + 3 * b) / 4, rtol=1e-4, atol=1e-5)
    for one, other in itertools.pairwise(
        [leaves(whole.start.start(KEY)), pretrained, contrast, tuned]
    ):
        assert max(np.abs(a - b).max() for a, b in zip(one, other, strict=True)) > 1e-3
    run_stages(override(whole, "merge.how", "spherical"))
    assert len({path.name for path in store.iterdir()} - folders) == 1, "one merge more"
