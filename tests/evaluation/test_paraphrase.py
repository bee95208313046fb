"""Rewriting texts: seeds, what is left alone, and meanings that stay exactly."""

import numpy as np
import pytest

from jaxemb.config import UsageError, choices, fingerprint, from_json, to_json
from jaxemb.evaluation import (
    ClauseOrder,
    CommonSynonyms,
    InTurn,
    Paraphraser,
    Restyled,
    SynonymFile,
    SynonymSubstitution,
    Unchanged,
    edit_distance,
)
from jaxemb.evaluation.grammar.meanings import meanings, render, styles, understand
from jaxemb.evaluation.paraphrase.clauses import forms
from jaxemb.evaluation.paraphrase.paraphrasers import generator, starts_with_vowel

TEXT = (
    "If the directory is missing, create an image of it. Computes the entire amount, for example "
    "`select` or np.select().\nReturn the requirements if they are large. It ensures that max_size "
    "(or CREATE) is obtained."
)
ALL = (
    SynonymSubstitution(),
    ClauseOrder(),
    InTurn(paraphrasers=(ClauseOrder(), SynonymSubstitution(rate=0.5))),
)


def draw(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("part", ALL, ids=lambda part: type(part).__name__)
def test_a_seed_gives_one_text_and_other_seeds_others(part):
    said = [part(TEXT, draw(seed)) for seed in range(8)]
    assert said == [part(TEXT, draw(seed)) for seed in range(8)]
    assert len(set(said)) > 1 and any(text != TEXT for text in said)
    assert all(text.count("\n") == 1 and text.encode() for text in said)
    assert from_json(to_json(part)) == part


def test_every_paraphraser_is_among_the_choices():
    known = {n for n, cls in choices(Paraphraser).items() if cls.__module__.startswith("jaxemb.")}
    named = {
        "clause_order",
        "in_turn",
        "restyled",
        "synonym_substitution",
        "unchanged",
    }
    assert known == named
    assert Unchanged()(TEXT, draw()) == TEXT


@pytest.mark.parametrize(
    "part", [Unchanged(), Restyled(), *ALL], ids=lambda part: type(part).__name__
)
@pytest.mark.parametrize("text", ["", " ", "\n", "x_y = f(a)", "ΔΕΖ 東京", "...", "A", "\ue001"])
def test_texts_without_anything_to_say_stay(part, text):
    assert part(text, draw()) == text


# --- synonyms


def test_words_keep_form_capital_and_article():
    said = SynonymSubstitution()
    assert said("Computes a picture; combining folders.", draw()) == (
        "Calculates an image; merging directories."
    )
    assert said("An entire option.", draw()) == "A whole choice."
    assert said("It is saved in order to last.", draw(1)) in (
        "It is stored so as to last.",
        "It is stored to last.",
    )


@pytest.mark.parametrize(
    "text",
    [
        "max_image", "image_size", "np.image", "image.size", "image()", "'image'", "`image`",
        "image=3", "<image>", "/image/", "IMAGE", "imagery", "--image", "re-create",
    ],
)  # fmt: skip
def test_identifiers_quotations_and_other_words_are_left_alone(text):
    assert SynonymSubstitution()(f"It {text} it", draw()) == f"It {text} it"
    assert SynonymSubstitution()(text, draw()) == text


def test_rate_is_the_chance_of_each_word():
    text = "image " * 2000
    kept = SynonymSubstitution(rate=0.25)(text, draw()).split().count("image")
    assert 1400 < kept < 1600
    assert SynonymSubstitution(rate=0.0)(TEXT, draw()) == TEXT


def test_no_alternative_is_the_word_itself_or_leads_astray():
    """Two-way sets are symmetric, and no word stands for another as verb in one set, noun in another."""
    known = CommonSynonyms().alternatives()
    assert len(known) > 400
    for word, others in known.items():
        assert word not in others and len(set(others)) == len(others) > 0
        assert word == word.lower()
    assert known["computed"] == ("calculated",) and known["omitting"] == ("leaving out",)
    assert known["occurred"] == ("happened",) and known["relies"] == ("depends",)
    assert known["calculates"] == ("computes",) and known["directories"] == ("folders",)
    assert "holds" not in known and "results" not in known and "part" not in known


def test_a_file_of_synonyms(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("# colours\nred, Crimson\nbig cat, lion, tiger\n")
    lexicon = SynonymFile(path=str(path))
    assert lexicon.alternatives() == {
        "red": ("crimson",),
        "crimson": ("red",),
        "big cat": ("lion", "tiger"),
        "lion": ("big cat", "tiger"),
        "tiger": ("big cat", "lion"),
    }
    said = SynonymSubstitution(lexicon=lexicon)("The red big cat.", draw())
    assert said in ("The crimson lion.", "The crimson tiger.")


@pytest.mark.parametrize("content", [None, b"alone\n", b"\xff\xfe, x\n"])
def test_a_bad_file_of_synonyms_is_refused(tmp_path, content):
    path = tmp_path / f"bad-{hash(content)}.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match="does not exist|cannot be read|holds 1 words"):
        SynonymFile(path=str(path)).alternatives()


def test_articles_follow_the_sound():
    words = ("image", "unit", "user", "hour", "one", "uninvited", "picture", "European", "utility")
    assert [starts_with_vowel(word) for word in words] == [
        True, False, False, True, False, True, False, False, False,
    ]  # fmt: skip


# --- clauses


@pytest.mark.parametrize(
    ("sentence", "others"),
    [
        ("If x is None, stop.", ["Stop if x is None."]),
        ("If x is None, then stop now.", ["Stop now if x is None."]),
        ("Stop when the queue is empty.", ["When the queue is empty, stop."]),
        ("Read a file.", ["Reads a file.", "This reads a file."]),
        ("Reads a file.", ["Read a file.", "This reads a file."]),
        ("Find the order and do the sum.", [
            "Finds the order and does the sum.", "This finds the order and does the sum."]),
        ("Reads a file and all the rest.", [
            "Read a file and all the rest.", "This reads a file and all the rest."]),
        ("Check if x is None.", ["Checks if x is None.", "This checks if x is None."]),
    ],
)  # fmt: skip
def test_forms_of_a_sentence(sentence, others):
    assert forms(sentence) == others
    assert ClauseOrder(rate=0.0)(sentence, draw()) == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        "If x, y if z.",
        "It works only if x is None.",
        "If x is None (or 0), stop.",
        "Sets of things.",
        "Test cases are run.",
        "set_x if y is z.",
        "Read",
        "Return: a value.",
        "X if y else z.",
    ],
)
def test_sentences_of_other_forms_stay(sentence):
    assert forms(sentence) == []


# --- the grammar


def test_every_style_says_the_meaning_and_nothing_else():
    for meaning in meanings(40, draw()):
        said = {render(meaning, style) for style in styles()}
        assert len(said) == len(styles()) == 64
        assert {understand(text) for text in said} == {meaning}


@pytest.mark.parametrize(
    "text", ["", "The doctor helps.", "Sort a list.", "The doctor helps the dog."]
)
def test_other_texts_have_no_meaning(text):
    assert understand(text) is None


def test_restyling_keeps_the_meaning_and_changes_the_text():
    for number, meaning in enumerate(meanings(50, draw(1))):
        text = render(meaning)
        said = Restyled()(text, draw(number))
        assert said != text and understand(said) == meaning


def test_meanings_come_with_the_roles_exchanged():
    found = meanings(21, draw())
    assert len(set(found)) == 21
    for one, other in zip(found[0:20:2], found[1:20:2], strict=True):
        assert other == one._replace(agent=one.patient, patient=one.agent)
        assert sorted(render(one).split()) == sorted(render(other).split())


# --- distance


def brute_distance(a, b):
    table = np.zeros((len(a) + 1, len(b) + 1), int)
    table[:, 0], table[0] = np.arange(len(a) + 1), np.arange(len(b) + 1)
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            change = table[i - 1, j - 1] + (a[i - 1] != b[j - 1])
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, change)
    return table[-1, -1]


def test_edit_distance_is_that_of_the_whole_table():
    rng = draw()
    for _ in range(60):
        a, b = ("".join(rng.choice(list("abc"), rng.integers(0, 12))) for _ in range(2))
        wanted = brute_distance(a, b) / max(len(a), len(b), 1)
        assert edit_distance(a, b) == edit_distance(b, a) == pytest.approx(wanted)
    assert edit_distance("", "") == edit_distance("same", "same") == 0
    assert edit_distance("abc", "xyz") == edit_distance("", "x") == 1
    assert edit_distance(["a", "b", "c"], ["a", "x", "c"]) == pytest.approx(1 / 3)


def test_a_generator_is_the_texts_own():
    assert generator("a", 1).random() == generator("a", 1).random()
    assert len({generator(t, n).random() for t in ("a", "b", "\udc80") for n in range(3)}) == 9


@pytest.mark.parametrize("text", ["Retrıeve a pıcture.", "RETRİEVE it", "A pıcture of u\u017feful"])
def test_letters_that_only_a_pattern_takes_for_others_stay(text):
    assert isinstance(SynonymSubstitution()(text, np.random.default_rng(0)), str)


def test_a_file_without_synonyms_is_refused(tmp_path):
    path = tmp_path / "none.txt"
    path.write_text("# nothing yet\n")
    with pytest.raises(UsageError, match="holds no synonyms"):
        SynonymFile(path=str(path)).alternatives()
    path = tmp_path / "marked.txt"
    path.write_bytes(b"\xef\xbb\xbfbig, large\n")
    assert SynonymFile(path=str(path)).alternatives()["big"] == ("large",)


def test_a_file_of_synonyms_is_known_by_its_content(tmp_path):
    path, moved = tmp_path / "some.txt", tmp_path / "moved.txt"
    for place in (path, moved):
        place.write_text("big, large\n")
    lexicon = SynonymFile(path=str(path))
    first = fingerprint(lexicon)
    assert fingerprint(SynonymFile(path=str(moved))) == first
    assert lexicon.alternatives()["big"] == ("large",)
    path.write_text("big, great\n")
    assert fingerprint(lexicon) != first
    assert lexicon.alternatives()["big"] == ("great",)
