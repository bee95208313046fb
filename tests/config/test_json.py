"""Configurations to JSON and back, and the messages for what does not fit."""

import dataclasses
import importlib
import json
import sys
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb import config
from jaxemb.config import (
    UsageError,
    diff,
    fingerprint,
    from_json,
    override_all,
    serialization,
    tag,
    to_json,
)
from tests.config.given import LatentOnes, Near, Scaled, Whole


def test_round_trip_keeps_the_value_and_its_json(whole):
    text = json.dumps(to_json(whole))
    again = from_json(json.loads(text))
    assert again == whole
    assert json.dumps(to_json(again)) == text


def test_json_names_the_class_and_leaves_out_where_a_linen_module_is_bound(whole):
    entry = to_json(whole)["reader"]
    assert entry["part"] == f"{LatentOnes.__module__}:LatentOnes"
    assert set(entry) == {"part", "latents", "scale", "inner"}


def test_round_trip_keeps_the_parameter_tree(whole):
    x = jnp.ones((2, 3))
    shapes = [
        jax.tree.map(jnp.shape, module.init(jax.random.key(0), x))
        for module in (whole.reader, from_json(to_json(whole)).reader)
    ]
    assert shapes[0] == shapes[1]


def test_round_trip_ends_identity():
    shared = LatentOnes()
    read = from_json(to_json(Whole(reader=LatentOnes(inner=shared))))
    assert read.reader.inner == shared
    assert read.reader.inner is not shared


def test_a_whole_number_in_a_field_of_fractions_is_the_same_configuration():
    assert to_json(Near(temperature=1)) == to_json(Near(temperature=1.0))
    assert fingerprint(Near(temperature=1)) == fingerprint(Near(temperature=1.0))
    assert type(from_json(to_json(Near(temperature=1))).temperature) is float


def test_numpy_scalars_are_taken_as_the_numbers_they_are():
    assert json.dumps(to_json(Near(temperature=np.float32(0.5), dims=(np.int64(3),))))


def test_absent_fields_take_their_defaults():
    assert from_json({"part": tag(Near)}) == Near()


@pytest.mark.parametrize("value", [None, 3, "text"])
def test_plain_values_pass(value):
    assert from_json(to_json(value)) == value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"part": "jaxemb.pooling.Meen"}, "nearest: Mean"),
        ({"part": "jaxemb.nowhere.Mean"}, "cannot be imported"),
        ({"part": "nowhere_at_all:Mean"}, "import nowhere_at_all first"),
        ({"part": "jaxemb.__main__.Mean"}, "no name of a part"),
        ({"part": "os:system"}, "has no part 'system'"),
        ({"part": "os.system"}, "no name of a part"),
        ({"part": "jaxemb.config.Part"}, "no part"),
        ({"part": "subprocess:Popen"}, "has no part 'Popen'"),
        ({"part": "__import__('os'):x"}, "no name of a part"),
        ({"part": 3}, "'part' is missing"),
        ({"prat": "x"}, "has no field 'prat'"),
        ({"seeed": 1}, "nearest: seed"),
        ({"seed": "1"}, "seed takes a whole number, not 1"),
        ({"seed": True}, "seed takes a whole number, not True"),
        ({"seed": 1.0}, "seed takes a whole number"),
        ({"seed": -1}, "seed=-1 is below 0"),
        ({"flag": 1}, "flag takes True or False"),
        ({"kind": "c"}, "kind takes one of 'a', 'b'"),
        ({"size": 1.5}, "size takes a whole number or None"),
        ({"pair": [1, 2.0, 3]}, "pair takes a tuple (a whole number, a finite number)"),
        ({"phases": [{"part": "REPLACED"}]}, "phases takes a tuple, each item a Phase part"),
        ({"reader": 4}, "choices: first_one, latent_ones"),
    ],
)
def test_bad_json_is_told_where_and_what(change, message):
    entry = {"part": tag(Whole), **change}
    if change.get("phases"):
        entry["phases"] = [{"part": tag(Near)}]
    with pytest.raises(UsageError) as caught:
        from_json(entry)
    assert message in str(caught.value)


def test_the_path_of_a_nested_fault_is_named():
    entry = to_json(Whole())
    entry["phases"][1]["goal"]["temperature"] = "hot"
    with pytest.raises(UsageError, match=r"phases\.1\.goal\.temperature takes a finite number"):
        from_json(entry)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "x", None, (1,)])
def test_a_wrong_value_that_python_accepted_is_refused_when_written(bad):
    with pytest.raises(UsageError, match="temperature takes a finite number"):
        to_json(Near(temperature=bad))


def test_what_is_no_configuration_is_refused():
    with pytest.raises(UsageError, match="holds a list"):
        to_json([1])
    with pytest.raises(UsageError, match="holds a function"):
        to_json(lambda: 0)


def test_renamed_parts_and_fields_still_load(monkeypatch):
    monkeypatch.setitem(config.RENAMED, "jaxemb.old.Close", tag(Near))
    monkeypatch.setitem(config.RENAMED, f"{tag(Near)}.tau", f"{tag(Near)}.temperature")
    assert from_json({"part": "jaxemb.old.Close", "tau": 0.25}) == Near(temperature=0.25)


# --- diff


def test_diff_names_what_differs(whole):
    other = override_all(
        whole, [("latents", "5"), ("train.goal", "scaled(inner=near)"), ("goals.0.dims", "(4,)")]
    )
    assert diff(whole, other) == {
        "reader.latents": (4, 5),
        "phases.train.goal": (Near(), Scaled(inner=Near())),
        "goals.0.dims": ((3,), (4,)),
    }
    assert diff(whole, from_json(to_json(whole))) == {}
    assert set(diff(whole, dataclasses.replace(whole, phases=()))) == {"phases"}


def test_diff_and_overrides_agree(whole):
    other = override_all(whole, [("seed", "3"), ("reader", "first_one"), ("warm.name", "hot")])
    changes = {path: b for path, (_, b) in diff(whole, other).items()}
    assert override_all(whole, [c for c in changes.items() if c[0] != "phases"]).seed == 3
    assert other == override_all(whole, changes)


# --- what a file may name

OWN = """
import dataclasses, pathlib
from jaxemb.config import Part

pathlib.Path("was_run").touch()

@dataclasses.dataclass(frozen=True, kw_only=True)
class Mine(Part):
    size: int = 1
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module that could be imported from the working folder; gives its name and a part's JSON."""
    name = f"own_{tmp_path.name}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"{name}.py").write_text(OWN)
    yield name, {"part": f"{name}:Mine", "size": 2}
    sys.modules.pop(name, None)


def test_no_module_is_imported_because_a_file_names_it(own):
    name, entry = own
    with pytest.raises(UsageError, match=f"Part '{name}:Mine'.*import {name} first"):
        from_json(entry)
    assert name not in sys.modules and not Path("was_run").exists()
    mine = importlib.import_module(name).Mine
    assert from_json(entry) == mine(size=2)


def test_a_package_may_declare_its_parts(own, tmp_path):
    name, entry = own
    about = tmp_path / "declared-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: declared\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[jaxemb.parts]\nmine = {name}x\n")
    with pytest.raises(UsageError, match="import .* first"):
        from_json(entry)
    (about / "entry_points.txt").write_text(f"[jaxemb.parts]\nmine = {name}\n")
    assert from_json(entry).size == 2


def test_a_finder_is_asked_before_a_part_is_refused(own, monkeypatch):
    name, entry = own
    asked = []
    monkeypatch.setattr(serialization, "_finders", [asked.append])
    with pytest.raises(UsageError, match="has not been imported"):
        from_json(entry)
    assert asked == [name]
    with config.find_parts_by(importlib.import_module):
        assert from_json(entry).size == 2


def test_what_is_nested_beyond_all_depth_is_one_sentence():
    entry = {"part": tag(Near)}
    for _ in range(10_000):
        entry = {"part": tag(Scaled), "inner": entry}
    with pytest.raises(UsageError, match="beyond all depth"):
        from_json(entry)
    listed = []
    for _ in range(10_000):
        listed = [listed]
    with pytest.raises(UsageError, match="beyond all depth"):
        from_json({"part": tag(Near), "dims": listed})


def test_a_room_may_load_a_part_when_it_is_asked_for(monkeypatch):
    from jaxemb import study

    recipe = study.Recipe
    monkeypatch.delitem(vars(study), "Recipe", raising=False)
    assert "Recipe" not in vars(study)
    assert from_json({"part": "jaxemb.study.Recipe"}) == recipe()


def test_a_module_of_others_is_not_asked_for_names_that_it_makes(monkeypatch):
    module = types.ModuleType("someones_lazy_parts")
    module.__getattr__ = lambda name: pytest.fail(f"asked for {name}")
    monkeypatch.setitem(sys.modules, "someones_lazy_parts", module)
    with pytest.raises(UsageError, match="has no part 'Mine'"):
        from_json({"part": "someones_lazy_parts:Mine"})


EARLY = json.loads((Path(__file__).parent / "early_recipes.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", EARLY)
def test_recipes_that_were_written_before_rooms_moved_still_load(name):
    """As runs hold them that were made when `Recipe` was `jaxemb.experiment.Recipe`."""
    early = EARLY[name]
    recipe = from_json(early)
    assert [stage.name for stage in recipe.stages] == [one["name"] for one in early["stages"]]
    encoder = early["embedder"]["encoder"]
    assert recipe.network.encoder.layers == encoder["layers"]
    assert recipe.network.encoder.width == encoder["width"]
    assert jax.tree.leaves(recipe.network.shapes())
    assert from_json(json.loads(json.dumps(to_json(recipe)))) == recipe
