"""All word tasks: through JSON, and on real sets."""

import functools

import numpy as np

from jaxemb.config import from_json, to_json
from jaxemb.evaluation import (
    STS,
    Analogy,
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
    LabelFile,
    LeftOut,
    LowerCase,
    MinimalPairs,
    OutlierDetection,
    PairFile,
    Paraphrases,
    SpacesForUnderscores,
    TaggedFile,
    Tagging,
    TargetWord,
    ThreeCosMul,
    TripletFile,
    VariantFile,
    WordSimilarity,
    evaluate,
)
from tests.evaluation.words.word_sets import tagged, weat


def test_word_tasks_survive_json(pairs, questions, contexts, write):
    association, _ = weat(write)
    tasks = (
        WordSimilarity(
            data=pairs, spelling=(LowerCase(), SpacesForUnderscores()), unknown=LeftOut()
        ),
        Analogy(data=questions, rule=ThreeCosMul()),
        Categorisation(),
        OutlierDetection(),
        FewShotSimilarity(data=contexts),
        AnswerRank(),
        Association(data=association),
        Tagging(data=tagged(write), features=TargetWord()),
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
        *(WordSimilarity(name=p.name, data=PairFile(path=str(p))) for p in words.glob("sim-*")),
        *(
            Analogy(
                name=n, data=AnalogyFile(path=str(words / n)), spelling=(SpacesForUnderscores(),)
            )
            for n in ("analogy-google-phrases.tsv.gz", "analogy-fi.tsv")
        ),
        *(
            FewShotSimilarity(
                name=f"crw-{count}",
                data=ContextFiles(
                    pairs=str(few / "crw-pairs.tsv"), contexts=str(few / "crw-contexts.jsonl.gz")
                ),
                contexts=count,
            )
            for count in (1, 16)
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
    tratz = LabelFile(path=str(shared_data / "phrases/tratz-compounds.tsv.gz"), text="phrase")
    cola = LabelFile(
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
