"""Word tasks against brute force, oracles and chance."""

import functools
import itertools
import json

import numpy as np
import pytest
from scipy.stats import spearmanr

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.evaluation import (
    STS,
    AllLabelled,
    Analogy,
    AnalogyCategories,
    AnalogyFile,
    AnswerRank,
    Association,
    AssociationFile,
    BlankedDefinitions,
    Categorisation,
    Choice,
    Classification,
    ContextFiles,
    FewShotSimilarity,
    LabelTable,
    LeftOut,
    LowerCase,
    MinimalPairs,
    Occlusion,
    OutlierDetection,
    OutlierFile,
    OutliersFromLabels,
    PairFile,
    Paraphrases,
    PyDocsLabels,
    SpacesForUnderscores,
    TaggedFile,
    Tagging,
    TargetWord,
    ThreeCosMul,
    TripletFile,
    VariantFile,
    WordPairFile,
    WordSimilarity,
    association_tests,
    evaluate,
    few_shot_curve,
)
from jaxemb.evaluation.statistics import level

RNG = np.random.default_rng()


@pytest.fixture
def write(tmp_path):
    def write(name, rows):
        path = tmp_path / name
        if name.endswith(".jsonl"):
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
        return str(path)

    return write


def model(width=5, seed=None, **known):
    """A random vector a text, drawn once; `known` fixes some."""
    rng = np.random.default_rng(seed)

    @functools.cache
    def vector(text):
        return np.asarray(known.get(text, rng.normal(size=width)), np.float32)

    return lambda texts, role: np.stack([vector(text) for text in texts])


def constant(texts, role):
    return np.ones((len(texts), 3), np.float32)


def cos(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return a @ b / np.sqrt((a @ a) * (b @ b))


def of(embed, *texts):
    return embed(list(texts), "query").astype(np.float64)


# --- similarity

WORDS = "abcdefgh"
PAIRS = list(itertools.combinations(WORDS, 2))


@pytest.fixture
def pairs(write):
    graded = [
        (a, b, int(grade)) for (a, b), grade in zip(PAIRS, RNG.integers(5, size=28), strict=True)
    ]
    return WordPairFile(path=write("pairs.tsv", [("word1", "word2", "score"), *graded]))


def test_similarity_is_spearman_of_the_cosines(pairs):
    embed = model()
    result = WordSimilarity(data=pairs).run(embed)
    cosines = [cos(*of(embed, a, b)) for a, b in PAIRS]
    expected = spearmanr(cosines, pairs.load().gold).statistic
    assert result.metrics == pytest.approx({"spearman": expected, "coverage": 1.0})


def test_unknown_words_are_neutral_or_left_out(pairs):
    embed = model(h=np.zeros(5))
    known = np.array(["h" not in pair for pair in PAIRS])
    cosines = np.array(
        [cos(*of(embed, a, b)) if ok else np.nan for (a, b), ok in zip(PAIRS, known, strict=True)]
    )
    gold = pairs.load().gold
    counted = WordSimilarity(data=pairs).run(embed)
    filled = np.where(known, cosines, np.nanmean(cosines))
    assert counted.metrics["spearman"] == pytest.approx(spearmanr(filled, gold).statistic)
    assert counted.metrics["coverage"] == pytest.approx(21 / 28)
    left = WordSimilarity(data=pairs, unknown=LeftOut()).run(embed)
    assert len(left.examples["gold"]) == 21
    assert left.metrics["spearman"] == pytest.approx(
        spearmanr(cosines[known], gold[known]).statistic
    )
    with pytest.raises(UsageError, match="no vectors"):
        WordSimilarity(data=pairs, unknown=LeftOut()).run(
            lambda texts, role: np.zeros((len(texts), 2))
        )


def test_rotation_and_scale_do_not_matter(pairs):
    embed = model()
    turn = np.linalg.qr(RNG.normal(size=(5, 5)))[0]

    def turned(texts, role):
        return (3 * embed(texts, role) @ turn).astype(np.float32)

    one, other = (WordSimilarity(data=pairs).run(m).metrics["spearman"] for m in (embed, turned))
    assert one == pytest.approx(other)


# --- analogy

QUESTIONS = [("x", *four) for four in itertools.permutations("ABCDE", 4)] + [
    ("y", *four) for four in itertools.permutations("cdefg", 4)
]


@pytest.fixture
def questions(write):
    return AnalogyFile(path=write("q.tsv", [("category", *"abcd"), *QUESTIONS]))


def solved(embed, words, score):
    """Which questions a loop over all candidates gets right: d above every other by the score."""
    vectors = dict(zip(words, of(embed, *words), strict=True))
    right = []
    for _, a, b, c, d in QUESTIONS:
        if not {a, b, c, d} <= set(words):
            right.append(False)
            continue
        scores = {
            w: score(*(cos(vectors[w], vectors[x]) for x in (a, b, c)))
            for w in words
            if w not in (a, b, c)
        }
        right.append(all(scores[d] > s for w, s in scores.items() if w != d))
    return np.array(right)


@pytest.mark.parametrize(
    ("fields", "score"),
    [
        ({}, lambda a, b, c: b - a + c),
        ({"rule": ThreeCosMul()}, lambda a, b, c: (b + 1) / 2 * (c + 1) / 2 / ((a + 1) / 2 + 1e-3)),
    ],
)
def test_analogies_are_a_loop_over_candidates(questions, fields, score):
    embed = model(width=3)
    task = Analogy(data=questions, **fields)
    result = task.run(embed)
    right = solved(embed, list("ABCDEcdefg"), score)
    np.testing.assert_array_equal(result.examples["accuracy"], right)
    by_category = [right[:120].mean(), right[120:].mean()]
    assert result.metrics["accuracy"] == pytest.approx(right.mean())
    assert result.metrics["macro_accuracy"] == pytest.approx(np.mean(by_category))
    assert list(task.categories(result).values()) == pytest.approx(by_category)
    assert level([result], "macro_accuracy", trained=False).example_variance >= 0


def test_parallel_vectors_answer_every_analogy(write):
    """Four kings and their queens on a grid; the words asked with are nearer, and excluded."""
    grid = {
        f"{sex}{n}": np.eye(6)[n] + 3 * np.eye(6)[4 + (sex == "q")]
        for sex in "kq"
        for n in range(4)
    }
    rows = [
        ("royal", f"k{i}", f"q{i}", f"k{j}", f"q{j}")
        for i, j in itertools.permutations(range(4), 2)
    ]
    data = AnalogyFile(path=write("q.tsv", [("category", *"abcd"), *rows]))
    assert Analogy(data=data).run(model(6, **grid)).metrics["accuracy"] == 1
    assert Analogy(data=data).run(constant).metrics["accuracy"] == 0
    chance = np.mean([Analogy(data=data).run(model(40)).metrics["accuracy"] for _ in range(40)])
    assert abs(chance - 1 / 5) < 0.12


def test_case_policy_merges_words(questions):
    embed = model(width=3)
    lower = Analogy(data=questions, spelling=(LowerCase(),)).run(embed)
    assert not np.array_equal(
        lower.examples["accuracy"], Analogy(data=questions).run(embed).examples["accuracy"]
    )
    seen = []
    Analogy(data=questions, spelling=(LowerCase(),)).run(
        lambda t, r: (seen.extend(t), embed(t, r))[1]
    )
    assert sorted(seen) == list("abcdefg")
    assert SpacesForUnderscores()("New_York_Times") == "New York Times"


def test_unknown_words_fail_questions_and_never_answer_them(questions):
    embed = model(width=3, g=np.zeros(3))
    of_g = np.array(["g" in question[1:] for question in QUESTIONS])
    result = Analogy(data=questions).run(embed)
    assert not result.examples["accuracy"][of_g].any() and not result.examples["mrr"][of_g].any()
    left = Analogy(data=questions, unknown=LeftOut()).run(embed)
    np.testing.assert_array_equal(left.examples["accuracy"], result.examples["accuracy"][~of_g])
    right = solved(embed, list("ABCDEcdef"), lambda a, b, c: b - a + c)[~of_g]
    np.testing.assert_array_equal(left.examples["accuracy"], right)


def test_more_candidates_are_harder(write, questions):
    path = write("more.tsv", [("word",), *[(f"w{n}",) for n in range(300)]])
    embed = model(width=3)
    few = Analogy(data=questions).run(embed).metrics["mrr"]
    many = Analogy(data=AnalogyFile(path=questions.path, candidates=path)).run(embed).metrics["mrr"]
    assert many < few


# --- categories and outliers


def test_purity_counts_the_largest_category_of_a_group(write):
    names = [f"{kind}{n}" for kind in "rgb" for n in range(6)]
    path = write("x.tsv", [("text", "label"), *[(name, name[0]) for name in names]])
    corners = {name: 9 * np.eye(5)["rgb".index(name[0])] + RNG.normal(size=5) for name in names}
    task = Categorisation(data=AllLabelled(path=path))
    assert task.run(model(**corners)).metrics["purity"] == 1
    result = task.run(model())
    expected = []
    for run in result.examples["assignment"].T:
        groups = [result.examples["label"][run == group] for group in set(run.tolist())]
        expected.append(sum(max(np.bincount(group)) for group in groups) / 18)
    assert result.metrics["purity"] == pytest.approx(np.mean(expected))
    assert 1 / 3 <= result.metrics["purity"] < 0.9


def compactness(vectors, without):
    rest = [v for n, v in enumerate(vectors) if n != without]
    return np.mean([cos(a, b) for a, b in itertools.permutations(rest, 2)])


def test_outliers_are_a_loop_over_pairs(write):
    rows = [
        {"members": [f"{n}{m}" for m in "abcd"], "outliers": [f"{n}x", f"{n}y"]} for n in range(20)
    ]
    data = OutlierFile(path=write("o.jsonl", rows))
    embed = model()
    result = OutlierDetection(data=data).run(embed)
    expected = []
    for row, outlier in ((r, outlier) for r in rows for outlier in r["outliers"]):
        vectors = of(embed, *row["members"], outlier)
        scores = [compactness(vectors, n) for n in range(5)]
        expected.append(sum(scores[4] > score for score in scores[:4]) / 4)
    np.testing.assert_allclose(result.examples["opp"], expected)
    assert result.metrics["accuracy"] == pytest.approx(np.mean(np.array(expected) == 1))
    assert OutlierDetection(data=data).run(constant).metrics == {"accuracy": 0, "opp": 0}


def test_outliers_of_labels_are_found_by_who_knows_the_labels_and_by_chance_else(docs):
    labels = PyDocsLabels(source=docs, text="summary")
    data = OutliersFromLabels(inner=labels, groups=400, size=4)
    known = {
        text: 9 * np.eye(8)[label]
        for text, label in zip(labels.load().texts, labels.load().labels, strict=True)
    }
    assert OutlierDetection(data=data).run(model(8, **known)).metrics["accuracy"] == 1
    chance = OutlierDetection(data=data).run(model(20)).metrics
    assert abs(chance["accuracy"] - 1 / 5) < 0.08 and abs(chance["opp"] - 1 / 2) < 0.08
    with pytest.raises(UsageError, match="two labels"):
        OutliersFromLabels(inner=labels, size=10_000).load()


def test_categories_of_an_analogy_file(write):
    rows = [
        ("currency", "Japan", "yen", "Peru", "sol"),
        ("capital", "Tokyo", "Japan", "Lima", "Peru"),
    ]
    path = write("q.tsv", [("category", *"abcd"), *rows])
    every = AnalogyCategories(path=path).load()
    assert sorted(every.texts) == ["Lima", "Tokyo", "sol", "yen"]  # countries stand under two labels
    two = AnalogyCategories(path=path, labels=("currency-1", "currency-2")).load()
    assert [two.names[n] for n in two.labels] == ["currency-1"] * 2 + ["currency-2"] * 2
    with pytest.raises(UsageError, match="currency-3"):
        AnalogyCategories(path=path, labels=("currency-3",)).load()


# --- few-shot words, definitions, paraphrases


@pytest.fixture
def contexts(write):
    rows = [
        ("word", "rare_word", "score"),
        *[(f"w{n}", f"r{n % 6}", n % 7) for n in range(24)],
        ("w", "never seen", 1),
    ]
    known = [{"word": f"r{n}", "contexts": [f"r{n} in {m}" for m in range(5)]} for n in range(6)]
    return ContextFiles(pairs=write("p.tsv", rows), contexts=write("c.jsonl", known))


def test_few_shot_similarity_is_that_of_the_contexts_mean(contexts):
    embed = model()
    result = FewShotSimilarity(data=contexts, contexts=50).run(embed)
    means = {
        f"r{n}": np.mean(of(embed, *(f"r{n} in {m}" for m in range(5))), axis=0) for n in range(6)
    }
    expected = [cos(of(embed, f"w{n}")[0], means[f"r{n % 6}"]) for n in range(24)]
    np.testing.assert_allclose(result.examples["prediction"], expected, atol=1e-5)
    gold = [n % 7 for n in range(24)]
    assert result.metrics["spearman"] == pytest.approx(spearmanr(expected, gold).statistic)
    assert len(np.unique(result.examples["cluster"])) == 6


def test_more_contexts_are_supersets_and_average_noise_away(contexts):
    seen = {}
    meaning = {f"r{n}": np.random.default_rng(n).normal(size=8) for n in range(6)}

    def embed(texts, role):
        seen.setdefault(len(seen), set()).update(t for t in texts if " in " in t)
        noise = [np.random.default_rng(list(t.encode())).normal(size=8) for t in texts]
        known = [3 * meaning.get(t.split()[0], 0 * noise[0]) for t in texts]
        return np.asarray(np.add(noise, known), np.float32)

    one, three = few_shot_curve(contexts, contexts=(1, 3))
    seen_by = []
    for task in (one, three):
        seen.clear()
        task.run(embed)
        seen_by.append(set().union(*seen.values()))
    assert seen_by[0] < seen_by[1] and one.name == "few_shot_similarity@contexts=1"
    with pytest.raises(UsageError, match="at least 1"):
        FewShotSimilarity(data=contexts, contexts=0)


def test_ranks_of_words_by_their_definitions(write):
    rows = [(f"w{n}", f"___ is number {n}") for n in range(30)]
    data = BlankedDefinitions(path=write("d.tsv", [("word", "definition"), *rows]), blank="it")
    embed = model(width=3)
    ranks = []
    for n in range(30):
        query = of(embed, f"it is number {n}")[0]
        cosines = [cos(query, of(embed, f"w{m}")[0]) for m in range(30)]
        ranks.append(1 + sum(c >= cosines[n] for m, c in enumerate(cosines) if m != n))
    result = AnswerRank(data=data).run(embed)
    np.testing.assert_array_equal(result.examples["rank"], ranks)
    assert result.metrics == pytest.approx(
        {
            "mrr": np.mean(1 / np.array(ranks)),
            "accuracy": np.mean(np.array(ranks) == 1),
            "median_rank": np.median(ranks),
        }
    )
    oracle = {f"it is number {n}": np.eye(30)[n] for n in range(30)}
    oracle |= {f"w{n}": np.eye(30)[n] for n in range(30)}
    assert AnswerRank(data=data).run(model(30, **oracle)).metrics["median_rank"] == 1
    assert AnswerRank(data=data).run(constant).metrics["median_rank"] == 30


def test_paraphrases_rank_by_the_nearest_of_several(write):
    rows = [
        {
            "split": "test",
            "compound": "tree house",
            "paraphrases": ["house in a tree", "tree house"],
        },
        {"split": "test", "compound": "bird song", "paraphrases": ["song of birds", "tree house"]},
        {"split": "dev", "compound": "x", "paraphrases": ["y"]},
    ]
    problem = Paraphrases(path=write("p.jsonl", rows)).load()
    assert problem.documents == ["house in a tree", "tree house", "song of birds"]
    assert problem.relevant == [{0: 1}, {2: 1, 1: 1}] and problem.excluded.tolist() == [1, -1]
    vectors = {
        "tree house": np.eye(3)[0],
        "house in a tree": np.eye(3)[0] + np.eye(3)[1],
        "bird song": np.eye(3)[2],
        "song of birds": np.eye(3)[1],
    }
    result = AnswerRank(data=Paraphrases(path=write("p.jsonl", rows))).run(model(3, **vectors))
    assert result.examples["rank"].tolist() == [1, 2]  # the one wrong document ties


# --- choices and associations


def test_choice_compares_two_cosines(write):
    rows = [tuple(f"{n}{role}" for role in "apn") for n in range(60)]
    data = TripletFile(path=write("t.tsv", [("anchor", "positive", "negative"), *rows]))
    embed = model()
    gaps = [cos(*of(embed, a, p)) - cos(*of(embed, a, n)) for a, p, n in rows]
    result = Choice(data=data).run(embed)
    assert result.metrics["accuracy"] == pytest.approx(np.mean(np.array(gaps) > 0))
    assert result.metrics["gap"] == pytest.approx(np.mean(gaps), abs=1e-6)
    assert result.metrics["absolute_gap"] == pytest.approx(np.mean(np.abs(gaps)), abs=1e-6)
    assert Choice(data=data).run(constant).metrics == {"accuracy": 0.5, "gap": 0, "absolute_gap": 0}


def weat(write, sizes=(5, 5, 4, 3)):
    names = ("targ1", "targ2", "attr1", "attr2")
    row = {
        name: {"examples": [f"{name}{n}" for n in range(size)]}
        for name, size in zip(names, sizes, strict=True)
    }
    path = write("w.jsonl", [{"test": "one", **row}, {"test": "other", **row}])
    return AssociationFile(path=path, test="one"), row


def test_association_is_its_formula_and_p_counts_all_partitions(write):
    data, row = weat(write)
    embed = model()
    sets = {name: of(embed, *row[name]["examples"]) for name in row}
    s = {
        name: np.array(
            [
                np.mean([cos(w, a) for a in sets["attr1"]])
                - np.mean([cos(w, b) for b in sets["attr2"]])
                for w in sets[name]
            ]
        )
        for name in ("targ1", "targ2")
    }
    both = np.concatenate([s["targ1"], s["targ2"]])
    seen = s["targ1"].sum() - s["targ2"].sum()
    splits = [both[list(x)].sum() for x in itertools.combinations(range(10), 5)]
    p = np.mean([2 * part - both.sum() >= seen - 1e-7 for part in splits])
    expected = {"effect_size": (s["targ1"].mean() - s["targ2"].mean()) / both.std(ddof=1), "p": p}
    assert Association(data=data).run(embed).metrics == pytest.approx(expected, abs=1e-4)
    sampled = Association(data=data, permutations=200).run(embed).metrics["p"]
    assert abs(sampled - p) < 0.15 and sampled > 0
    assert association_tests(data.path) == ["one", "other"]
    with pytest.raises(UsageError, match="one, other"):
        AssociationFile(path=data.path, test="two").load()


def test_associations_that_are_complete_or_absent(write):
    data, row = weat(write, sizes=(5, 5, 4, 4))
    biased = {
        word: np.eye(5)[n % 2] + 0.1 * RNG.normal(size=5)
        for n, name in enumerate(row)
        for word in row[name]["examples"]
    }
    strong = Association(data=data).run(model(**biased)).metrics
    assert strong["effect_size"] > 1.5 and strong["p"] == pytest.approx(1 / 252)
    assert Association(data=data).run(constant).metrics == {"effect_size": 0, "p": 1}


def test_variants_of_a_sentence_against_one_of_its_words(write):
    rows = [("nurse", "he"), ("nurse", "she"), ("cook", "he"), ("cook", "she"), ("clerk", "he")]
    table = [
        ("occupation", "participant", "answer", "gender", "sentence"),
        *[(job, "x", 0, "male" if p == "he" else "female", f"{p}, a {job}") for job, p in rows],
    ]
    problem = VariantFile(path=write("v.tsv", table)).load()
    assert problem.anchors == ["nurse", "cook"]
    assert (problem.nearer[0], problem.farther[0]) == ("he, a nurse", "she, a nurse")


# --- labels


def test_labels_under_other_names(write):
    rows = [
        ("split", "phrase", "kind"),
        ("train", "a", "x"),
        ("test", "b", "y"),
        ("train", "c", "y"),
    ]
    problem = LabelTable(path=write("x.tsv", rows), text="phrase", label="kind").load()
    assert (problem.train_texts, problem.texts) == (["a", "c"], ["b"])
    assert (problem.train_labels.tolist(), problem.labels.tolist()) == ([0, 1], [1])


def test_minimal_pairs_stay_together(write):
    rows = [
        ("paradigm", "good", "bad"),
        *[(f"p{n % 3}", f"good {n}", f"bad {n}") for n in range(200)],
    ]
    problem = MinimalPairs(path=write("x.tsv", rows)).load()
    numbers = [
        {int(text.split()[1]) for text in part} for part in (problem.train_texts, problem.texts)
    ]
    assert not numbers[0] & numbers[1] and len(problem.texts) == 2 * len(numbers[1])
    assert problem.labels.tolist() == [int(text.startswith("good")) for text in problem.texts]
    assert len(np.unique(problem.clusters)) == 3


def tagged(write, count=300):
    """The tag of a word is the parity of its place: neither the word nor the sentence tells it."""
    rows = []
    for n in range(count):
        words, place = [f"w{RNG.integers(4)}" for _ in range(6)], int(RNG.integers(6))
        rows.append(
            ("train" if n < 200 else "test", " ".join(words), place, "even" if place % 2 else "odd")
        )
    return TaggedFile(path=write("t.tsv", [("split", "sentence", "position", "label"), *rows]))


def length(texts, role):
    return np.array([[len(t.split()) == n for n in range(7)] for t in texts], np.float32)


def test_tags_need_the_place_in_the_sentence(write):
    data = tagged(write)
    assert Tagging(data=data).run(length).metrics["accuracy"] == 1
    for features in (TargetWord(), Occlusion()):
        accuracy = Tagging(data=data, features=features).run(length).metrics["accuracy"]
        assert abs(accuracy - 1 / 2) < 0.2


def test_occlusion_is_a_difference():
    sentences, places = [("a", "b", "c")], np.array([1], np.int32)
    embed = model()
    word, whole, without = of(embed, "b", "a b c", "a c")
    found = Occlusion()(embed, sentences, places, "query")
    np.testing.assert_allclose(found[0], np.concatenate([word, whole - without]), atol=1e-6)


def test_positions_outside_a_sentence_are_refused(write):
    rows = [
        ("split", "sentence", "position", "label"),
        ("train", "a b", 2, "x"),
        ("test", "a", 0, "x"),
    ]
    with pytest.raises(UsageError, match="outside"):
        TaggedFile(path=write("t.tsv", rows)).load()


# --- all of them


def test_word_tasks_survive_json(pairs, questions, contexts, write):
    association, _ = weat(write)
    tasks = (
        WordSimilarity(
            data=pairs, spelling=(LowerCase(), SpacesForUnderscores()), unknown=LeftOut()
        ),
        Analogy(data=questions, rule=ThreeCosMul()),
        Categorisation(),
        OutlierDetection(),
        *few_shot_curve(contexts),
        AnswerRank(),
        Association(data=association),
        Tagging(data=tagged(write), features=Occlusion()),
    )
    for task in tasks:
        assert from_json(to_json(task)) == task
        assert len(task.fingerprint()) >= 16


def test_every_shared_set_of_these_families_is_scored(shared_data):
    """Each set loads, gives its metrics, and has several clusters; a bag of letters is the model."""

    @functools.cache
    def letters(text):
        return np.bincount([ord(x) % 64 for x in text.lower()], minlength=64).astype(np.float32)

    words, phrases = shared_data / "words", shared_data / "phrases"
    few = shared_data / "fewshot-words"
    tasks = [
        *(WordSimilarity(name=p.name, data=WordPairFile(path=str(p))) for p in words.glob("sim-*")),
        *(
            Analogy(
                name=n, data=AnalogyFile(path=str(words / n)), spelling=(SpacesForUnderscores(),)
            )
            for n in ("analogy-google-phrases.tsv.gz", "analogy-fi.tsv")
        ),
        *few_shot_curve(
            ContextFiles(
                pairs=str(few / "crw-pairs.tsv"), contexts=str(few / "crw-contexts.jsonl.gz")
            ),
            contexts=(1, 16),
        ),
        AnswerRank(name="nonce", data=BlankedDefinitions(path=str(few / "nonce-definitions.tsv"))),
        AnswerRank(
            name="compounds", data=Paraphrases(path=str(phrases / "compound-paraphrases.jsonl.gz"))
        ),
        STS(name="phrase2word", data=PairFile(path=str(phrases / "clss-phrase2word.tsv"))),
        Choice(name="landmark", data=TripletFile(path=str(phrases / "kintsch-landmark.tsv"))),
        Choice(name="gender", data=VariantFile(path=str(shared_data / "bias/winogender.tsv"))),
        Association(
            data=AssociationFile(path=str(shared_data / "bias/weat-seat.jsonl.gz"), test="weat1")
        ),
        Tagging(
            data=TaggedFile(
                path=str(shared_data / "probing/linspector-english.tsv.gz"), where=("task=Tense",)
            )
        ),
    ]
    results = evaluate(lambda texts, role: np.stack([letters(t) for t in texts]), tasks)
    for task in tasks:
        assert tuple(results[task.name].metrics) == task.metrics
        assert len(np.unique(results[task.name].examples["cluster"])) > 4
    # Shared letters tell something of compounds and their paraphrases, and of rare words' stems.
    assert results["compounds"].metrics["mrr"] > 0.1
    assert results["sim-rw.tsv"].metrics["spearman"] > 0.05


def test_labelled_shared_sets_are_classified(shared_data):
    tratz = LabelTable(path=str(shared_data / "phrases/tratz-compounds.tsv.gz"), text="phrase")
    cola = LabelTable(
        path=str(shared_data / "probing/cola.tsv.gz"),
        text="sentence",
        train="in_domain_train",
        split="out_of_domain_dev",
    )
    blimp = MinimalPairs(path=str(shared_data / "probing/blimp.tsv.gz"))
    sizes = {"tratz": (14093, 3758, 12), "cola": (8551, 516, 2), "blimp": (21000, 5000, 2)}
    for name, data in {"tratz": tratz, "cola": cola, "blimp": blimp}.items():
        problem = data.load()
        train, test, classes = sizes[name]
        assert abs(len(problem.train_texts) - train) < 600 and abs(len(problem.texts) - test) < 600
        assert len(problem.names) == classes
        assert Classification(name=name, data=data).metrics[0] == "accuracy"
