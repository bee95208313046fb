"""Recipes that experiments share."""

from jaxemb import Recipe, recipes
from jaxemb.study.sweep import expand


def test_arms_that_read_longer_texts_differ_in_that_alone():
    arms = recipes.standing_arms()
    longer = recipes.reading(arms, max_tokens=200)
    before, after = (dict(expand(Recipe(), group)) for group in (arms, longer))
    assert [one.name for one in longer] == [one.name for one in arms]
    assert {recipe.network.text.max_tokens for recipe in after.values()} == {200}
    for old, new in zip(before.values(), after.values(), strict=True):
        assert old.network.text.max_tokens != 200 and new.stages == old.stages
        assert new.network.encoder == old.network.encoder
