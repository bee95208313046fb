"""Keys and values as a person types them."""

import pytest

from jaxemb.config import (
    UsageError,
    diff,
    expression,
    fingerprint,
    override,
    override_all,
    parts,
    paths,
    resolve,
    to_json,
)
from tests.config.given import (
    FirstOne,
    LatentOnes,
    Made,
    Named,
    Near,
    Net,
    Phase,
    Scaled,
    Short,
    Whole,
)


def test_paths_go_through_names_of_tuple_items_and_fall_back_on_positions(whole):
    found = paths(whole)
    assert found["phases.train.goal.temperature"] == 0.5
    assert found["goals.1.inner.temperature"] == 0.5
    assert found["reader.inner"] == FirstOne()
    both = paths(Whole(phases=(Phase(), Phase())))
    assert "phases.0.goal" in both and "phases.1.goal" in both


def test_any_unambiguous_end_of_a_path_is_a_key(whole):
    assert resolve(whole, "latents") == "reader.latents"
    assert resolve(whole, "train.goal.temperature") == "phases.train.goal.temperature"
    assert resolve(whole, "phases.warm") == "phases.warm"


def test_a_full_path_wins_over_ends_of_others():
    nested = Scaled(inner=Scaled(inner=Near()))
    assert resolve(nested, "inner") == "inner"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("goal", ["ambiguous", "phases.warm.goal", "phases.train.goal"]),
        ("reader.latens", ["LatentOnes (at reader)", "nearest: latents", "latents, scale, inner"]),
        ("latens", ["no field 'latens'", "nearest: latents", "fields: reader, latents"]),
        ("reader.depth", ["has no field 'depth'"]),
        ("raeder.latents", ["no field 'raeder'", "nearest: reader"]),
        ("seed.x", ["seed is 0, which has no fields"]),
        ("goals.1.temperature", ["There is ", "goals.1.inner.temperature"]),
        ("", ["no field ''"]),
        ("atents", ["no field 'atents'"]),
    ],
)
def test_keys_that_name_nothing_or_too_much(whole, key, expected):
    with pytest.raises(UsageError) as caught:
        resolve(whole, key)
    for words in expected:
        assert words in str(caught.value)


def test_words_of_other_frameworks_are_understood_in_messages():
    assert parts.near_miss("deepth", ["layers", "width"]) == "; nearest: layers"
    assert parts.near_miss("lr", ["learning_rate"]) == "; nearest: learning_rate"
    assert parts.near_miss("zzz", ["learning_rate"]) == ""


# --- which of several paths is meant


def test_a_preferred_field_is_meant_before_the_others():
    base = Made(phases=(Phase(),), place=Net())
    assert resolve(base, "temperature") == "phases.train.goal.temperature"
    assert resolve(base, "depth") == "place.depth"
    assert resolve(Made(net=Net(), place=Net()), "depth") == "net.depth"
    assert resolve(Made(net=Phase(), phases=(Phase(),)), "temperature") == "net.goal.temperature"
    assert override(Made(net=Net(), place=Net()), "depth", "9") == Made(
        net=Net(depth=9), place=Net()
    )


def test_under_one_field_the_shortest_path_is_meant():
    nested = LatentOnes(inner=LatentOnes(latents=2, inner=LatentOnes(latents=3)))
    assert resolve(Made(net=Net(reader=nested)), "latents") == "net.reader.latents"
    assert resolve(Made(net=Net(reader=nested)), "inner.latents") == "net.reader.inner.latents"
    goal = Scaled(inner=Scaled(inner=Near()))
    assert resolve(Made(phases=(Phase(goal=goal),)), "weight") == "phases.train.goal.weight"


def test_no_item_of_a_tuple_is_meant_before_another():
    deeper = Made(phases=(Phase(name="warm"), Phase(goal=Scaled(inner=Near()))))
    with pytest.raises(UsageError, match="phases.warm.goal.temperature, phases.train.goal.inner"):
        resolve(deeper, "temperature")
    with pytest.raises(UsageError, match="ambiguous; write one of: phases.warm.goal, phases.train"):
        resolve(deeper, "goal")


# --- what a part leaves out


def test_keys_reach_what_a_part_leaves_out():
    named = Made(net=Named(name="abc"))
    assert resolve(named, "latents") == "net.net.reader.latents"
    assert paths(named)["net.net.depth"] == 3
    assert paths(named)["net"] == Named(name="abc")
    changed = override(named, "latents", "7")
    assert changed.net == Named(name="abc", net=Net(depth=3, reader=LatentOnes(latents=7)))
    again = override(changed, "reader", "first_one")
    assert again.net.net == Net(depth=3, reader=FirstOne())


def test_what_is_not_changed_stays_left_out():
    named = Made(net=Named(name="abc"))
    assert override(named, "name", "wxyz").net == Named(name="wxyz")
    assert override(named, "cut", "2").net == Named(name="abc", cut=2)
    assert "net" not in expression(named.net)
    assert to_json(named.net)["net"] is None
    assert fingerprint(named) != fingerprint(override(named, "depth", "3"))


def test_a_description_of_another_class_takes_the_place_of_the_part():
    assert paths(Made(net=Short()))["net"] == Short()
    assert override(Made(net=Short()), "latents", "7").net == Net(
        depth=2, reader=LatentOnes(latents=7)
    )


def test_differences_are_told_where_they_are_though_one_side_leaves_them_out():
    named = Made(net=Named(name="abc"))
    changed = override_all(named, [("latents", "7"), ("cut", "1")])
    assert diff(named, changed) == {"net.cut": (None, 1), "net.net.reader.latents": (4, 7)}
    assert override_all(named, {"net.cut": 1, "net.net.reader.latents": 7}) == changed
    other = Made(net=Named(name="wxyz"))
    assert diff(named, other) == {"net.name": ("abc", "wxyz")}


def test_a_part_that_cannot_tell_what_it_leaves_out_is_taken_as_it_stands():
    absent = Made(net=Named(name="absent"))
    assert paths(absent)["net.net"] is None
    assert override(absent, "cut", "2").net == Named(name="absent", cut=2)
    with pytest.raises(UsageError, match="no field 'latents'.* absent is not on this machine"):
        override(absent, "latents", "7")
    with pytest.raises(UsageError, match="no field 'depth'.* absent is not on this machine"):
        override(absent, "net.depth", "7")


# --- values


@pytest.mark.parametrize(
    ("key", "typed", "expected"),
    [
        ("seed", "4", 4),
        ("latents", "8", 8),
        ("scale", "2", 2.0),
        ("scale", "-1e-3", -1e-3),
        ("flag", "True", True),
        ("size", "None", None),
        ("pair", "(3, 4)", (3, 4.0)),
        ("title", "plain text, as typed", "plain text, as typed"),
        ("title", "'quoted'", "quoted"),
        ("title", "123", "123"),
        ("title", "None", "None"),
        ("note", "None", None),
        ("note", "x=(", "x=("),
        ("reader", "first_one", FirstOne()),
        ("reader", "FirstOne", FirstOne()),
        ("reader", "cls", FirstOne()),
        ("reader", "latent_ones(latents=2, inner=latent_ones())",
         LatentOnes(latents=2, inner=LatentOnes())),
        ("train.goal", "scaled(inner=near(temperature=0.1, dims=(1, 2)))",
         Scaled(inner=Near(temperature=0.1, dims=(1, 2)))),
        ("goals", "near", (Near(),)),
        ("goals", "(near, scaled(inner=near))", (Near(), Scaled(inner=Near()))),
        ("goals", "()", ()),
        ("phases.warm", "phase(name='cool')", Phase(name="cool")),
    ],
)  # fmt: skip
def test_values_as_typed(whole, key, typed, expected):
    path = resolve(whole, key)
    changed = override(whole, key, typed)
    value = expected if key == "phases.warm" else paths(changed)[path]
    assert value == expected
    assert type(value) is type(expected)
    if key == "phases.warm":
        assert changed.phases == (Phase(name="cool"), Phase())


@pytest.mark.parametrize(
    ("key", "typed", "message"),
    [
        ("seed", "x", "seed takes a whole number, not x"),
        ("seed", "1.5", "seed takes a whole number, not 1.5"),
        ("seed", "True", "not True"),
        ("seed", "2**3", "neither a Python literal nor a part"),
        ("seed", "(", "neither a Python literal nor a part"),
        ("seed", "-1", "seed=-1 is below 0"),
        ("flag", "1", "flag takes True or False"),
        ("reader", "frist_one", "nearest: first_one; choices: first_one, latent_ones"),
        ("reader", "near", "no Reader part is called so"),
        ("reader", "reader", "no Reader part is called so"),
        ("reader", "3", "reader takes a Reader part, not 3"),
        ("reader", "latent_ones(latens=3)", "nearest: latents"),
        ("reader", "latent_ones(3)", "name the fields of latent_ones"),
        ("reader", "latent_ones(**{})", "name the fields of latent_ones"),
        ("reader", "latent_ones(latents=1, latents=2)", "given twice"),
        ("reader", "latent_ones(latents='x')", "reader.latents takes a whole number"),
        ("reader", "__import__('os').system('true')", "neither a Python literal nor a part"),
        ("reader", "__import__('os')", "no Reader part is called so"),
        ("reader", "[x for x in (1,)]", "neither a Python literal nor a part"),
        ("reader", "lambda: 0", "neither a Python literal nor a part"),
        ("train.goal", "scaled", "scaled needs 'inner'"),
        ("goals", "(near, 3)", "each item a Goal part"),
        ("reader", "(" * 500, "neither a Python literal nor a part"),
    ],
)
def test_values_that_do_not_fit(whole, key, typed, message):
    with pytest.raises(UsageError) as caught:
        override(whole, key, typed)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_objects_are_checked_like_text(whole):
    assert override(whole, "reader", FirstOne()).reader == FirstOne()
    with pytest.raises(UsageError, match="reader takes a Reader part, not near"):
        override(whole, "reader", Near())


def test_overrides_go_from_left_to_right_and_a_replaced_slot_starts_anew(whole):
    changed = override_all(whole, [("latents", "9"), ("reader", "latent_ones"), ("scale", "3")])
    assert changed.reader == LatentOnes(latents=4, scale=3.0)
    assert whole.reader == LatentOnes()
