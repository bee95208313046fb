"""Recipes that experiments share."""

from jaxemb import Recipe, recipes
from jaxemb.study import execution, registry
from jaxemb.study.execution import Named, Options
from jaxemb.study.expansion import expand
from jaxemb.training import WithParts


def test_arms_that_read_longer_texts_differ_in_that_alone():
    arms = recipes.standing_arms()
    longer = recipes.reading(arms, max_tokens=200)
    before, after = (dict(expand(Recipe(), group)) for group in (arms, longer))
    assert [one.name for one in longer] == [one.name for one in arms]
    assert {recipe.network.text.max_tokens for recipe in after.values()} == {200}
    for old, new in zip(before.values(), after.values(), strict=True):
        assert old.network.text.max_tokens != 200 and new.stages == old.stages
        assert new.network.encoder == old.network.encoder


def test_the_medium_scale_of_a_language_model_runs_two_steps(tmp_path):
    """LoRA on the language model, or on what stands in for it: the whole scale made small."""
    arm = "bidirectional-layers"
    entry = registry.discover().get("pooling_and_attention")
    whole = execution.at_scale(entry.load(), "medium").of([arm])
    assert any(isinstance(stage.trains, WithParts) for stage in whole.base.stages)
    named = Named(name="medium", file=str(entry.path), papers=(), experiment=whole)
    options = Options(scale="smoke", runs=tmp_path, jobs=1)
    record = execution.run(named, options, lambda _: None)
    assert record["failed"] == [] and record["arms"][arm]["seeds"]
