"""Recipes that experiments share."""

from jaxemb import Recipe, recipes
from jaxemb.data import Ciphered, GradedLabels, PyDocsEntailment
from jaxemb.evaluation import PairFile, PyDocsGrades, PyDocsLabels, PyDocsRetrieval
from jaxemb.fitting import TFIDF
from jaxemb.heads import Normalize
from jaxemb.losses import Cosine, Euclidean
from jaxemb.pooling import Sum
from jaxemb.study import execution, registry, sets, two_languages
from jaxemb.study.execution import Named, Options
from jaxemb.study.expansion import expand
from jaxemb.study.fitted import fitted_vectors
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


def test_sets_that_are_absent_are_replaced_by_pydocs(monkeypatch):
    monkeypatch.delenv("JAXEMB_SHARED_DATA", raising=False)
    assert sets.graded_sentences() == PyDocsGrades()
    assert sets.graded_sentences(otherwise=PyDocsGrades(pairs=9)) == PyDocsGrades(pairs=9)
    assert sets.labelled_texts("trec") == PyDocsLabels()
    assert sets.searched_texts("cosqa") == PyDocsRetrieval()
    assert sets.judged_pairs().inner == PyDocsEntailment()
    assert sets.grades_to_learn(batch_size=8).view == GradedLabels()


def test_sets_that_are_there_are_read_from_their_files(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXEMB_SHARED_DATA", str(tmp_path))
    for name in ("sts/stsb-en.tsv.gz", "sts/sts12.tsv.gz", "classification/trec.tsv.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    folder = "$JAXEMB_SHARED_DATA"
    assert sets.graded_sentences() == PairFile(path=f"{folder}/sts/stsb-en.tsv.gz", split="test")
    whole = sets.graded_sentences("sts12", split=None)
    assert whole == PairFile(path=f"{folder}/sts/sts12.tsv.gz")
    assert sets.labelled_texts("trec").path == f"{folder}/classification/trec.tsv.gz"
    assert sets.grades_to_learn().view.score == "score"


def test_a_language_is_extended_by_english_words():
    base = two_languages.one_language_extended(Ciphered(), steps=3)
    vocabulary, table, more, train = base.stages
    assert vocabulary.data.source == table.data.source == Ciphered() != more.data.source
    types = {view.task for view in train.data.view.views}
    assert types == {"retrieval", "sts", "clustering", "bitext_mining"}
    template = two_languages.four_prefixes()
    assert template.prefix("retrieval/query") != template.prefix("retrieval/document")
    assert template.prefix("sts/query") == template.prefix("bitext_mining/document")


def test_vectors_are_fitted_to_the_words_that_are_asked_for():
    raw = fitted_vectors(TFIDF(), Sum(), words=20)
    unit = fitted_vectors(TFIDF(), Sum(), words=20, head=Normalize())
    assert raw["embedder"].encoder.width == raw["embedder"].text.vocabulary == 25
    assert raw["embedder"].similarity == Euclidean() and unit["embedder"].similarity == Cosine()


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
