"""What is a part, how it is printed, and every part that there is."""

import dataclasses
import importlib
import inspect
import json
import pkgutil
import sys
import types

import pytest

import jaxemb
from jaxemb.config import (
    Part,
    UsageError,
    choices,
    expression,
    fields,
    from_json,
    parse,
    parts,
    snake_case,
    tag,
    to_json,
)
from tests.config.given import Goal, LatentOnes, Place, Reader, Whole


def test_abstract_private_and_undecorated_classes_are_no_choices():
    class Family(Part):
        pass

    class Undecorated(Family):
        pass

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class _Private(Family):
        pass

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Usable(Family):
        pass

    assert choices(Family) == {"usable": Usable}
    assert choices(Family | None) == choices(tuple[Family, ...]) == {"usable": Usable}


def test_a_slot_may_be_a_class_without_subclasses():
    assert choices(Place) == {"place": Place}


def test_expression_is_what_parse_reads(whole):
    for value, hint in [
        (whole, Whole),
        (LatentOnes(latents=2, inner=LatentOnes()), Reader),
        (whole.goals, tuple[Goal, ...]),
        ((0.1,), tuple[float, ...]),
        ("a b", str),
        (None, int | None),
    ]:
        assert parse(expression(value), hint, "x") == value


def test_expression_leaves_defaults_out():
    assert expression(LatentOnes()) == "latent_ones"
    assert expression(LatentOnes(scale=0.5)) == "latent_ones(scale=0.5)"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LatentOverTokens", "latent_over_tokens"), ("InfoNCE", "info_nce"), ("BM25", "bm25"),
        ("STS", "sts"), ("PPMISVD", "ppmisvd"), ("MLPHead", "mlp_head"), ("Word2Vec", "word2vec"),
    ],
)  # fmt: skip
def test_snake_case(name, expected):
    assert snake_case(type(name, (), {})) == expected


# --- classes of one's own


@pytest.fixture
def _no_finders(monkeypatch):
    """Without the modules that commands of other tests have named."""
    monkeypatch.setattr("jaxemb.config.serialization._finders", [])


@pytest.mark.usefixtures("_no_finders")
def test_a_class_of_ones_own_module_loads_while_it_is_imported(monkeypatch):
    module = types.ModuleType("someones_parts")
    cls = dataclasses.dataclass(frozen=True, kw_only=True)(
        type("Mine", (Goal,), {"__module__": "someones_parts", "__annotations__": {}})
    )
    module.Mine = cls
    monkeypatch.setitem(sys.modules, "someones_parts", module)
    entry = to_json(cls())
    assert entry == {"part": "someones_parts:Mine"}
    assert from_json(entry) == cls()
    monkeypatch.delitem(sys.modules, "someones_parts")
    with pytest.raises(UsageError, match="import someones_parts first"):
        from_json(entry)


# --- every part that there is


def _modules():
    for info in pkgutil.walk_packages(jaxemb.__path__, "jaxemb."):
        if "__main__" not in info.name and "_experiments" not in info.name:
            yield importlib.import_module(info.name)


def _all_parts() -> list[type]:
    found = {
        cls
        for module in _modules()
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, Part)
        and cls.__module__.startswith("jaxemb.")
        and cls is not Part
        and not cls.__name__.startswith("_")
        and "__dataclass_fields__" in vars(cls)
    }
    return sorted(found, key=lambda cls: (cls.__module__, cls.__name__))


def test_every_part_is_exported_typed_and_distinctly_named():
    names = {}
    for cls in _all_parts():
        if cls.__subclasses__():  # what others share need not be for the public
            continue
        assert names.setdefault(tag(cls), cls) is cls
        for field, hint in parts.slots(cls).items():
            assert fields.kind(hint), f"{cls}.{field}"


def test_every_part_with_defaults_survives_the_round_trip():
    tried = 0
    for cls in _all_parts():
        missing = [
            field.name
            for field in dataclasses.fields(cls)
            if field.default is field.default_factory is dataclasses.MISSING
        ]
        if missing or cls not in choices(cls).values() or cls.__name__ == "Experiment":
            continue
        tried += 1
        part = cls()
        assert from_json(json.loads(json.dumps(to_json(part)))) == part
        assert parse(expression(part), cls, cls.__name__) == part
    assert tried > 20
