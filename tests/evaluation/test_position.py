"""Positional bias: encoders whose bias is known, and documents read in source order."""

import dataclasses
import zlib

import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.data import Source
from jaxemb.evaluation import (
    BlockRemoval,
    NeedleInsertion,
    ProseData,
    PyDocsProse,
    SentenceCoefficients,
    ShuffledSentences,
    by_length,
    evaluate,
)
from jaxemb.evaluation.position import positions
from jaxemb.evaluation.prose import ProseProblem, sentences
from jaxemb.statistics import level


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomProse(ProseData):
    """Documents of random words; `least` to `most` words a sentence."""

    documents: int = 12
    sentences: int = 10
    least: int = 6
    most: int = 6
    split: str = "test"

    def load(self) -> ProseProblem:
        rng = np.random.default_rng(self.sentences)
        return ProseProblem(
            documents=[tuple(self._sentence(rng) for _ in range(self.sentences))
                       for _ in range(self.documents)],
            sections=[np.arange(self.sentences, dtype=np.int32) // 5] * self.documents,
            clusters=[np.full(self.sentences, n, np.int32) for n in range(self.documents)],
        )  # fmt: skip

    def _sentence(self, rng) -> str:
        return " ".join(
            f"w{n:03d}" for n in rng.integers(0, 1000, rng.integers(self.least, self.most + 1))
        )

    def fingerprint(self) -> str:
        return f"random-{self}"


def vector(word: str) -> np.ndarray:
    return np.random.default_rng(zlib.crc32(word.encode())).normal(size=256)


def weighted(weight):
    """An encoder that sums the words' vectors by a weight of their place, 0 to 1."""

    def embed(texts, role):
        rows = []
        for words in (text.split() for text in texts):
            weights = weight(np.arange(len(words)) / len(words))
            rows.append(np.stack([vector(word) for word in words]).T @ weights)
        return np.stack(rows).astype(np.float32)

    return embed


bag = weighted(np.ones_like)
front = weighted(lambda place: np.exp(-3 * place))
back = weighted(lambda place: np.exp(3 * place))
first = weighted(lambda place: (np.arange(len(place)) == 0).astype(float))
EDITS = (NeedleInsertion(data=RandomProse()), BlockRemoval(data=RandomProse()))


def grid(result, task):
    return result.examples["cosine"].reshape(-1, len(task.sizes), len(task.positions))


def test_a_bag_does_not_care_where_words_are_put_in():
    task = EDITS[0]
    result = task.run(bag)
    cosine = grid(result, task)
    assert np.ptp(cosine, axis=2).max() < 1e-6 and cosine.max() < 0.9999
    assert result.metrics["gap"] == pytest.approx(0, abs=1e-7)
    assert np.all(np.diff(cosine[:, :, 0], axis=1) < 0)  # more words move it further


@pytest.mark.parametrize("task", EDITS, ids=lambda t: t.name)
def test_the_sign_tells_which_end_weighs_more(task):
    ahead, behind = task.run(front), task.run(back)
    assert ahead.metrics["gap"] > 0.05 and behind.metrics["gap"] < -0.05
    for result in (ahead, behind):
        assert tuple(result.metrics) == task.metrics
        cosine = grid(result, task)
        assert result.metrics["gap"] == pytest.approx(np.mean(cosine[:, :, -1] - cosine[:, :, 0]))
        assert result.metrics["cosine@0.5"] == pytest.approx(np.mean(cosine[:, :, 2]))
        assert result.metrics["gap@0.2"] == pytest.approx(
            np.mean(cosine[:, 2, 4] - cosine[:, 2, 0])
        )
        assert level([result], "gap", trained=False).effect == pytest.approx(result.metrics["gap"])
        assert level([result], "gap", trained=False).clusters == 12


def test_no_edit_is_no_change_and_small_ones_are_small():
    nothing = BlockRemoval(data=RandomProse(), sizes=(0.0,)).run(front)
    np.testing.assert_allclose(nothing.examples["cosine"], 1, atol=1e-6)
    long = RandomProse(sentences=60, documents=2)
    word = NeedleInsertion(data=long, sizes=(0.0,)).run(front)  # one word of 360
    assert np.all(word.examples["cosine"] > 0.97)


def test_a_model_of_the_first_word_loses_nothing_with_the_tail():
    task = BlockRemoval(data=RandomProse())
    cosine = grid(task.run(first), task)
    np.testing.assert_allclose(cosine[:, :, -1], 1, atol=1e-6)
    assert cosine[:, :, 0].max() < 0.9


def test_slope_of_a_bag_is_none_where_sentences_are_alike():
    """A bag's document is the sum of its sentences: every coefficient is the same."""
    result = SentenceCoefficients(data=RandomProse()).run(bag)
    assert abs(result.metrics["slope"]) < 1e-6
    assert result.metrics["explained"] == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(result.examples["coefficient"], 10**-0.5, atol=1e-5)


@pytest.mark.parametrize(("embed", "sign"), [(front, -1), (back, 1)])
def test_slope_stays_in_shuffled_documents_where_the_model_is_the_cause(embed, sign):
    plain = SentenceCoefficients(data=RandomProse(most=12))
    mixed = SentenceCoefficients(name="mixed", data=ShuffledSentences(inner=plain.data))
    for result in evaluate(embed, [plain, mixed]).values():
        assert sign * result.metrics["slope"] > 0.2
        assert sign * result.metrics["slope_given_length"] > 0.2
        assert sign * level([result], "slope", trained=False).interval[0] > 0


def test_a_mean_of_unit_sentences_has_a_slope_only_through_length():
    """Sentences that grow along the document weigh more at its end, in a bag without any bias."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Growing(RandomProse):
        def load(self):
            whole, rng = RandomProse.load(self), np.random.default_rng(0)
            grown = [
                tuple(
                    " ".join([text] * int(1 + k // 3 + rng.integers(2))) for k, text in enumerate(d)
                )
                for d in whole.documents
            ]
            return whole._replace(documents=grown)

    def unit_bag(texts, role):
        vectors = bag(texts, role)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    metrics = SentenceCoefficients(data=Growing()).run(unit_bag).metrics
    assert metrics["slope"] > 0.2 and abs(metrics["slope_given_length"]) < 0.05


def test_too_many_sentences_for_the_width_are_refused():
    with pytest.raises(UsageError, match="10 sentences cannot be told apart in 8 dimensions"):
        SentenceCoefficients(data=RandomProse()).run(lambda t, role: bag(t, role)[:, :8])


def test_positions_are_those_of_the_characters_in_the_joined_text():
    document = ("One here.", "Another, longer one.", "End.")
    text = " ".join(document)
    assert positions(document).tolist() == [text.index(s) / len(text) for s in document]


# --- documents


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manual(Source):
    """Three modules; one is short, one repeats itself, one is long."""

    def records(self, split):
        def record(module, name, summary, body=""):
            return {"package": module.split(".")[0], "module": module, "name": f"{module}.{name}",
                    "summary": f"{summary} {split}.", "body": body}  # fmt: skip

        counted = (
            "Zero one two three four.", "It counts up again to five.", "The end of it.\nReturns: int",
        )  # fmt: skip
        return [
            record("a.long", "x", "Sorts the whole list", " ".join(counted)),
            record(
                "a.long", "y", "Reverses the whole list", "x : int The size of it.\nf(x) == 3 ** 4."
            ),
            record("a.long", "z", "Reverses the whole list", "It counts up again to five."),
            record(
                "a.more", "x", "Draws one red line", "Draws one blue line. Draws one green line."
            ),
            record("b.short", "x", "Too short for this"),
        ]

    def fingerprint(self):
        return "manual"


def test_documents_are_modules_or_packages_in_source_order():
    modules = PyDocsProse(source=Manual(), least=3).load()
    assert modules.documents == [
        ("Sorts the whole list test.", "Zero one two three four.", "It counts up again to five.",
         "The end of it.", "Reverses the whole list test."),
        ("Draws one red line test.", "Draws one blue line.", "Draws one green line."),
    ]  # fmt: skip
    assert [s.tolist() for s in modules.sections] == [[0, 0, 0, 0, 1], [0, 0, 0]]
    assert [c.tolist() for c in modules.clusters] == [[0] * 5, [1] * 3]
    whole = PyDocsProse(source=Manual(), least=3, document="package", section="module").load()
    assert whole.documents == [modules.documents[0] + modules.documents[1]]
    assert whole.sections[0].tolist() == [0] * 5 + [1] * 3 == whole.clusters[0].tolist()


def test_documents_are_cut_to_whole_sentences():
    for words, kept in ((14, 2), (15, 2), (16, 3)):
        short = PyDocsProse(source=Manual(), least=2, words=words).load().documents[0]
        assert len(short) == kept and sum(len(s.split()) for s in short) <= words
    assert len(PyDocsProse(source=Manual(), least=1, most=2).load().documents) == 3
    assert len(PyDocsProse(source=Manual(), least=1, documents=1).load().documents) == 1
    with pytest.raises(UsageError, match="no module of split 'test' has 9 sentences"):
        PyDocsProse(source=Manual(), least=9).load()


def test_code_and_parameters_are_no_sentences():
    text = (
        "Adds two of them.\n>>> add(1, 2)\nParameters x : int The first number to add.\n.. note:: x"
    )
    assert list(sentences(text)) == ["Adds two of them."]
    assert (
        list(sentences("too small to say. Return self[k] == d[k] if k in d.\n\nNo end here at all"))
        == []
    )


def test_shuffling_keeps_sentences_with_their_sections():
    data = PyDocsProse(source=Manual(), least=3, document="package", section="module")
    whole, mixed = data.load(), ShuffledSentences(inner=data, seed=3).load()
    pairs = [set(zip(p.documents[0], p.sections[0].tolist(), strict=True)) for p in (whole, mixed)]
    assert pairs[0] == pairs[1] and whole.documents != mixed.documents
    assert ShuffledSentences(inner=data).fingerprint() != data.fingerprint()
    assert ShuffledSentences(inner=data).on("dev").inner.split == "dev"


def test_tasks_survive_json_and_ranges_of_length_are_tasks():
    for task in (NeedleInsertion(), BlockRemoval(), *by_length(SentenceCoefficients())):
        assert from_json(to_json(task)) == task
    ranges = by_length(SentenceCoefficients(data=PyDocsProse(source=Manual())), edges=(3, 4, 6))
    assert [task.name for task in ranges] == ["position@3-3", "position@4-5"]
    assert [len(task.data.load().documents) for task in ranges] == [2, 1]
    with pytest.raises(UsageError, match="only PyDocsProse"):
        by_length(SentenceCoefficients(data=RandomProse()))
