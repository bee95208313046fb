"""Probes: generators balanced by construction, classifiers that see no test row, oracles, chance."""

import dataclasses
import functools
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import spearmanr

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.evaluation import (
    BigramShift,
    Classification,
    CoordinationInversion,
    GradedProbe,
    Logistic,
    ObjectNumber,
    OddManOut,
    PairFile,
    PairProbe,
    Perceptron,
    PyDocsGrades,
    PyDocsLabels,
    PyDocsLinks,
    SentenceLength,
    Sentences,
    SubjectNumber,
    Tense,
    TopConstituents,
    TreeDepth,
    WordContent,
    evaluate,
    probing_tasks,
)
from jaxemb.evaluation.classifiers import expected_grades, soft_targets
from jaxemb.evaluation.grammar.inflection import verb_forms
from jaxemb.evaluation.grammar.structures import ADJECTIVES, NOUNS, VERBS, Grammar
from jaxemb.evaluation.probes.sentences import PlainProse, Sentence, balanced

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, kw_only=True)
class Babble(Sentences):
    """Sentences of words whose frequencies fall as in a language; some have an "and"."""

    count: int = 3000

    def load(self, split):
        draw = np.random.default_rng(["train", "dev", "test"].index(split))
        words = [
            a + b + c for a in LETTERS[:6] for b in LETTERS[:12] for c in ("s", "ed", "ion", "x")
        ]
        chances = 1 / np.arange(5, len(words) + 5)
        found = []
        for n in range(self.count):
            chosen = draw.choice(
                words, int(draw.integers(5, 12)), p=chances / chances.sum()
            ).tolist()
            if n % 3 == 0:
                chosen.insert(3, "and")
            found.append(Sentence(tuple(chosen), f"{n % 50}"))
        return tuple(dict.fromkeys(found))

    def fingerprint(self):
        return f"babble-{self.count}"


@functools.cache
def word_vector(word):
    return np.random.default_rng(list(word.encode())).normal(size=48).astype(np.float32)


def bag(texts, role):
    return np.stack([np.mean([word_vector(w) for w in t.split()], axis=0) for t in texts])


def random(texts, role):
    return np.stack([word_vector(text) for text in texts])


def bigrams(texts, role):
    pairs = [list(zip(t.split(), t.split()[1:], strict=False)) for t in texts]
    return np.stack([np.mean([word_vector(" ".join(p)) for p in of], axis=0) for of in pairs])


REAL = {"train": 1600, "texts": 1200, "sentences": Babble()}
MADE = [
    SentenceLength(bins=3, **REAL),
    WordContent(words=5, common=10, **REAL),
    BigramShift(**REAL),
    OddManOut(common=10, **REAL),
    CoordinationInversion(**REAL),
    *(
        make(train=600, texts=600, drawn=2500)
        for make in (Tense, SubjectNumber, ObjectNumber, TreeDepth, TopConstituents)
    ),
]


@pytest.fixture(params=MADE, ids=lambda data: type(data).__name__)
def data(request):
    return request.param


def lengths(texts):
    return np.array([len(text.split()) for text in texts])


def test_labels_are_balanced_and_parts_are_apart(data):
    problem = data.load()
    for labels in (problem.train_labels, problem.labels):
        counts = np.bincount(labels, minlength=len(problem.names))
        assert len(labels) > 40 and counts.min() == counts.max() > 0
    assert not set(problem.texts) & set(problem.train_texts)
    assert len(set(problem.texts)) == len(problem.texts)
    assert data.load() is problem or data.load().texts == problem.texts
    assert from_json(to_json(data)) == data


@pytest.mark.parametrize(
    "data",
    [d for d in MADE if not isinstance(d, SentenceLength | WordContent)],
    ids=lambda data: type(data).__name__,
)
def test_length_tells_nothing(data):
    problem = data.load()
    of = [np.sort(lengths(problem.texts)[problem.labels == n]) for n in range(len(problem.names))]
    for other in of[1:]:
        np.testing.assert_array_equal(of[0], other)


def test_random_vectors_and_random_labels_are_at_chance(data):
    chance = 1 / len(data.names)
    count = len(data.load().texts)
    near = 4 * np.sqrt(chance * (1 - chance) / count)
    assert abs(Classification(data=data).run(random).metrics["accuracy"] - chance) < near
    problem = data.load()
    shuffled = np.random.default_rng().permutation(problem.train_labels)
    vectors = bag(problem.train_texts + problem.texts, "document")
    train, test = np.split(vectors, [len(shuffled)])
    hits = Logistic().predict(train, shuffled, test) == problem.labels
    assert abs(hits.mean() - chance) < 1.5 * near


@pytest.mark.parametrize(
    "data", [BigramShift(**REAL), CoordinationInversion(**REAL)], ids=["shift", "inversion"]
)
@pytest.mark.parametrize("classifier", [Logistic(), Perceptron()], ids=["logistic", "perceptron"])
def test_a_bag_of_words_cannot_tell_order(data, classifier):
    accuracy = Classification(data=data, classifier=classifier).run(bag).metrics["accuracy"]
    assert abs(accuracy - 1 / 2) < 2 / np.sqrt(len(data.load().texts))


def test_what_knows_the_property_solves_its_probe():
    def appended(texts, role):
        n = lengths(texts)[:, None]
        return np.concatenate([random(texts, role), n == np.arange(20)], axis=1).astype(np.float32)

    assert (
        Classification(data=SentenceLength(bins=3, **REAL)).run(appended).metrics["accuracy"] == 1
    )
    content = Classification(data=WordContent(words=5, common=10, **REAL))
    assert content.run(bag).metrics["accuracy"] > 0.8 > content.run(random).metrics["accuracy"]

    def first_word(texts, role):
        return np.stack([word_vector(t.split()[0][-2:]) for t in texts])

    tops = Classification(data=TopConstituents(train=600, texts=600, drawn=2500))
    assert tops.run(first_word).metrics["accuracy"] > 0.5


@pytest.mark.parametrize(
    ("make", "same"),
    [(BigramShift, True), (CoordinationInversion, True), (OddManOut, False)],
)
def test_changes_are_what_they_say(make, same):
    """Every text is a sentence of the source, or one change away from it."""
    problem = make(**REAL).load()
    known = {s.words for s in Babble().load("test")}
    bags = {tuple(sorted(words)): words for words in known}
    for text, label in zip(problem.texts, problem.labels, strict=True):
        words = tuple(text.split())
        assert label or words in known
        if label and same:
            assert words not in known
            original = bags[tuple(sorted(words))]
            changed = [n for n, (a, b) in enumerate(zip(words, original, strict=True)) if a != b]
            if make is BigramShift:
                assert len(changed) == 2 and changed[1] == changed[0] + 1
            else:
                at = original.index("and")
                assert words == (*original[at + 1 :], "and", *original[:at])
        elif label:
            ends = [
                w for w in known if len(w) == len(words) and sum(map(str.__ne__, w, words)) == 1
            ]
            assert ends


def test_lengths_and_content_are_counted():
    problem = SentenceLength(bins=3, **REAL).load()
    for text, label in zip(problem.texts, problem.labels, strict=True):
        low, high = map(int, problem.names[label].split("-"))
        assert low <= len(text.split()) <= high
    problem = WordContent(words=5, common=10, **REAL).load()
    for text, label in zip(problem.texts, problem.labels, strict=True):
        assert [w for w in text.split() if w in problem.names] == [problem.names[label]]


def test_grammar_labels_can_be_checked_on_plain_clauses():
    """In a clause without any modifier the words themselves say tense and numbers."""
    known = {
        "the",
        *VERBS,
        *(form for verb in VERBS for form in verb_forms(verb)[1:3]),
        *NOUNS,
        *(noun + "s" for noun in NOUNS),
    }
    checks = {
        Tense: lambda w: w[2] in {verb_forms(verb)[2] for verb in VERBS},
        SubjectNumber: lambda w: w[1] not in NOUNS,
        ObjectNumber: lambda w: w[4] not in NOUNS,
    }
    for make, expected in checks.items():
        problem = make(texts=3000, train=100, drawn=4000).load()
        plain = [
            (text.split(), label)
            for text, label in zip(problem.texts, problem.labels, strict=True)
            if len(text.split()) == 5 and set(text.split()) <= known
        ]
        assert len(plain) > 10
        assert all(expected(words) == label for words, label in plain)


def test_words_of_the_grammar_that_are_fitted_on_are_not_judged():
    problem = Tense(texts=500, train=500, drawn=1000).load()
    used = [
        {w for text in part for w in text.split()} for part in (problem.train_texts, problem.texts)
    ]
    assert not used[0] & used[1] & {*NOUNS, *VERBS, *(noun + "s" for noun in NOUNS)}


def test_depth_counts_nested_phrases():
    """Without adjectives: noun phrases are 1 deep, and every phrase is one deeper than its deepest."""
    grammar = Grammar(0, 3)
    shapes = {}
    for drawn in (grammar.sentence() for _ in range(3000)):
        words = ["N" if w.rstrip("s") in NOUNS else w for w in drawn.words if w not in ADJECTIVES]
        kinds = [{"the": "the", "N": "N", "that": "that", "and": "and"}.get(w, "x") for w in words]
        shapes.setdefault((drawn.top, " ".join(kinds)), set()).add(drawn.depth)
    assert shapes["clause", "the N x the N"] == {3}
    assert shapes["clause", "the N x the N x the N"] == {4, 5}  # modifies the subject or the object
    assert shapes["clause", "the N that x the N x the N"] == {5}
    assert shapes["adverb clause", "x the N x the N"] == {4}
    assert shapes["preposition clause", "x the N the N x the N"] == {4}
    assert shapes["clause and clause", "the N x the N and the N x the N"] == {4}


def test_too_few_sentences_are_told():
    with pytest.raises(UsageError, match="equal numbers|no two words"):
        WordContent(words=5, common=10, sentences=Babble(count=1)).load()
    with pytest.raises(UsageError, match="equal numbers"):
        CoordinationInversion(least=50, sentences=Babble(count=3)).load()


def test_balanced_takes_the_same_number_of_each_label_in_each_stratum():
    draw = np.random.default_rng()
    examples = [(Sentence(("w",), str(n)), int(n % 7 == 0), n % 3) for n in range(300)]
    from jaxemb.evaluation.probes.sentences import Example

    chosen = balanced([Example(*e) for e in examples], 2, 1000, draw)
    for stratum in range(3):
        labels = [e.label for e in chosen if e.stratum == stratum]
        rare = sum(label for _, label, s in examples if s == stratum)
        assert np.bincount(labels).tolist() == [rare, rare]
    assert len(balanced(chosen, 2, 10, draw)) == 10


def test_real_sentences_are_plain_and_apart():
    part = PlainProse()
    train, test = part.load("train"), part.load("test")
    assert len(train) > 5000 and len(test) > 500
    assert not {s.words for s in train} & {s.words for s in test}
    for sentence in test[:200]:
        assert 5 <= len(sentence.words) <= 28 and " ".join(sentence.words).islower()


# --- classifiers and pairs


@pytest.mark.parametrize("classifier", [Logistic(), Perceptron()], ids=["logistic", "perceptron"])
def test_classifiers_are_reproducible_and_never_see_test_rows(classifier):
    draw = np.random.default_rng()
    labels = draw.integers(3, size=400)
    train = draw.normal(size=(400, 10)) + 3 * np.eye(10)[labels]
    test = draw.normal(size=(50, 10))
    whole = classifier.predict(train, labels, test)
    np.testing.assert_array_equal(whole, classifier.predict(train, labels, test))
    alone = [classifier.predict(train, labels, row[None])[0] for row in test[:10]]
    np.testing.assert_array_equal(whole[:10], alone)
    assert (classifier.predict(train, labels, train) == labels).mean() > 0.8
    scaled = classifier.predict(train * np.arange(1, 11) + 7, labels, test * np.arange(1, 11) + 7)
    assert (scaled == whole).mean() > 0.9


def test_one_class_to_fit_on_is_refused():
    with pytest.raises(UsageError, match="two classes"):
        Logistic().predict(np.eye(3), np.zeros(3, int), np.eye(3))


def test_targets_have_the_grade_as_their_expected_value():
    grades = np.random.default_rng().uniform(0, 5, 50)
    grades[:6] = range(6)
    rows, classes, weights = soft_targets(grades)
    np.testing.assert_allclose(np.bincount(rows, weights=weights), 1)
    np.testing.assert_allclose(np.bincount(rows, weights=weights * classes), grades)
    assert len(rows) == 6 + 2 * 44 and classes.max() == 5


def test_ordinal_regression_minimises_the_cross_entropy_with_its_targets():
    """Against gradient descent on the soft targets themselves."""
    draw = np.random.default_rng()
    x, grades = draw.normal(size=(60, 3)), draw.uniform(0, 2, 60)
    found = expected_grades(x, grades, x, 1.0)
    z = (x - x.mean(0)) / x.std(0)
    target = np.maximum(0, 1 - np.abs(grades[:, None] - np.arange(3)))
    weights, bias = np.zeros((3, 3)), np.zeros(3)
    for _ in range(4000):
        scores = z @ weights + bias
        p = np.exp(scores - scores.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        weights -= 0.02 * (z.T @ (p - target) + weights)
        bias -= 0.02 * (p - target).sum(0)
    np.testing.assert_allclose(found, p @ np.arange(3), atol=2e-3)


def test_pair_probes_read_pairs(docs):
    pairs = PyDocsLinks(source=docs, split="train"), PyDocsLinks(source=docs)
    probe = PairProbe(train=pairs[0], data=pairs[1])
    result = probe.run(bag)
    assert result.metrics["accuracy"] > 0.6
    assert abs(probe.run(random).metrics["accuracy"] - 1 / 2) < 0.15
    grades = PyDocsGrades(source=docs, split="train"), PyDocsGrades(source=docs)
    graded = GradedProbe(train=grades[0], data=grades[1]).run(bag)
    expected = spearmanr(graded.examples["prediction"], graded.examples["gold"]).statistic
    assert graded.metrics["spearman"] == pytest.approx(expected) and expected > 0.5
    with pytest.raises(UsageError, match="whole gold values"):
        PairProbe(train=pairs[0], data=HalfGrades(source=docs)).run(bag)


@dataclass(frozen=True, kw_only=True)
class HalfGrades(PyDocsLinks):
    def load(self):
        problem = super().load()
        return problem._replace(gold=problem.gold / 2)


def test_all_probes_run_together(docs):
    labels = Classification(data=PyDocsLabels(source=docs))
    made = [p for p in probing_tasks(train=200, texts=200) if not hasattr(p.data, "drawn")]
    small = [
        dataclasses.replace(p, data=dataclasses.replace(p.data, drawn=1500))
        for p in probing_tasks(train=200, texts=200)
        if hasattr(p.data, "drawn")
    ]
    results = evaluate(bag, [labels, *made, *small])
    assert len(results) == 11
    for name, result in results.items():
        assert list(result.metrics) == ["accuracy", "macro_f1"], name
        assert len(np.unique(result.examples["cluster"])) > 10


def test_graded_sets_with_a_training_part(shared_data):
    path = str(shared_data / "sts/sick-en.tsv.gz")
    graded = GradedProbe(train=PairFile(path=path, split="train"), data=PairFile(path=path))
    assert graded.run(bag).metrics["pearson"] > 0.4
