"""Keys and values as a person types them."""

import pytest

from jaxemb.config import UsageError, override, override_all, parts, paths, resolve
from tests.config.given import FirstOne, LatentOnes, Near, Phase, Scaled, Whole


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
