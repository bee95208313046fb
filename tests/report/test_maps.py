"""The map of embedded texts: what is near stays near, what is kept is not drawn again."""

import json
import shutil

import numpy as np
import pytest

from jaxemb.report import embedded, report
from jaxemb.report.embedded import TextMap, in_two_dimensions, place_texts, sample, text_maps
from jaxemb.report.map_drawing import maps


def clouds(draw, size=30, dim=12):
    """Three groups of unit vectors far from each other, and their names."""
    centres = np.eye(3, dim)
    vectors = np.concatenate([c + draw.normal(0, 0.05, (size, dim)) for c in centres])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), [name for name in "abc" for _ in range(size)]


def test_neighbours_stay_neighbours():
    vectors, labels = clouds(np.random.default_rng(1))
    plane = in_two_dimensions(vectors)
    near = ((plane[:, None] - plane) ** 2).sum(axis=-1)
    np.fill_diagonal(near, np.inf)
    same = [labels[i] == labels[j] for i, j in enumerate(near.argmin(axis=1))]
    assert np.mean(same) > 0.95
    np.testing.assert_array_equal(plane, in_two_dimensions(vectors))


@pytest.mark.parametrize("shape", [(3, 8), (40, 1), (6, 2), (1, 4)])
def test_few_texts_or_dimensions_have_a_map_too(shape):
    vectors = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    texts = [str(place) for place in range(shape[0])]
    found = place_texts("x", vectors, ["a"] * shape[0], texts)
    assert len(found.places) == shape[0]
    assert all(0 <= place.x <= 1 and 0 <= place.y <= 1 for place in found.places)


def test_agreement_is_counted_on_the_whole_vectors():
    vectors, labels = clouds(np.random.default_rng(2))
    found = place_texts("x", vectors, labels, labels)
    assert found.agreement == 1
    assert found.by_chance == pytest.approx(3 * 30 * 29 / (90 * 89), abs=1e-4)


def test_the_drawing_shows_every_text_and_escapes_it():
    vectors, labels = clouds(np.random.default_rng(3), size=5)
    texts = [f"<b>{place} & more" + "!" * 200 for place in range(15)]
    found = place_texts("arm <x>", vectors, labels, texts)
    drawn = maps([found])
    assert drawn.count("<circle") == 15 + 3 and drawn.count("<title>") == 15
    assert "<b>" not in drawn and "a: &lt;b&gt;0 &amp; more!" in drawn and "…</title>" in drawn
    assert "arm &lt;x&gt;" in drawn
    assert maps([]) == ""


def test_a_second_round_of_labels_is_hollow():
    labels = [f"package {place}" for place in range(10)]
    vectors = np.eye(10, dtype=np.float32)
    drawn = maps([place_texts("x", vectors, labels, labels)])
    assert drawn.count('class="hollow"') == 2 * 2  # in the key and on the map


def test_the_sample_is_always_the_same():
    labels, texts = sample(50)
    assert (labels, texts) == sample(50)
    assert len(set(texts)) == len(texts) == 50 and len(set(labels)) > 1


class Toy:
    """Stands for a trained model; counts what it was asked for."""

    calls = 0

    def encode(self, texts):
        Toy.calls += 1
        return np.array([[len(t), t.count("a"), t.count("e")] for t in texts], np.float32)


@pytest.fixture
def models(record, runs, monkeypatch):
    """The runs with a saved model in the first seed of two arms."""
    Toy.calls = 0
    monkeypatch.setattr("jaxemb.interop.load", lambda folder: Toy())
    monkeypatch.setattr(embedded, "MOST_TEXTS", 40)
    monkeypatch.setattr(embedded, "sample", lambda: sample(40))
    for name in ("causal-last", "bidirectional-layers"):
        folder = next(runs.glob(f"{name}-*")) / "seed-0" / "model"
        folder.mkdir(parents=True)
        (folder / "model.json").write_text("{}")
    return runs


def test_maps_are_drawn_once_and_kept(record, models):
    first = text_maps(record, models)
    assert [found.arm for found in first] == ["causal-last", "bidirectional-layers"]
    assert all(isinstance(found, TextMap) and len(found.places) == 40 for found in first)
    assert text_maps(record, models) == first and Toy.calls == 2
    kept = next(models.glob("causal-last-*/seed-0/map.json"))
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"data": "other"}))
    assert text_maps(record, models) == first and Toy.calls == 3


def test_the_page_holds_the_maps_and_stays_self_contained(record, models, tmp_path):
    page = report(record, models, tmp_path).read_text()
    assert "Map of texts" in page and page.count('<div class="maps">') == 1
    assert "<script" not in page and "http" not in page


def test_without_models_or_at_smoke_there_is_no_map(record, models):
    assert text_maps(record, None) == ()
    assert text_maps(record | {"scale": "smoke"}, models) == ()
    for place in models.glob("*/seed-0/model"):
        shutil.rmtree(place)
    assert text_maps(record, models) == ()
