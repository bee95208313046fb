"""Does a prefix that says the type of task make vectors better for that task?

Paper    The Russian-focused embedders' exploration: ruMTEB benchmark and Russian embedding model
         design, arXiv:2408.12503. A model for one language, whose vocabulary is extended by English
         words, learns from pairs of both; four prefixes tell search queries, documents, pairs that
         mean the same and topics apart.
Claim    Prefixes matter for each family of tasks; English data helps the other language.
Run      jaxemb run task_prefixes                # small: 6 arms x 5 seeds, about 8 min on 2 cores
Differs  The other language is a word cipher of English with endings of its own, so its texts are as
         many and as hard as the English ones. Vocabulary and token table are fitted on it alone.
         1 layer of 128 over 32 tokens and a mean, where the paper has a large model and its first
         token; every arm takes 150 steps, so two languages get as many examples as one.
Found    Retrieval and similarity are not testable: what was trained stays behind the static bag (0.34
         to 0.40 against 0.43 nDCG@10; BM25 0.62). In clustering four prefixes do not help, -0.011
         [-0.027, 0.004]: contradicted at this scale. A vocabulary with English words helps finding
         translations, +0.17 F1 [0.11, 0.24]. What a wrong prefix costs is undecided.
"""

import dataclasses

from jaxemb import Better, BetterIn, Experiment, Fit, Recipe, arm, chain, experiment, recipes
from jaxemb.data import (
    Ciphered,
    ForTask,
    Neighbour,
    PyDocs,
    SeeAlso,
    Several,
    StratifiedPairs,
    SummaryToBody,
    Texts,
    Translated,
    Translation,
)
from jaxemb.evaluation import (
    STS,
    BitextMining,
    Classification,
    Clustering,
    MultiLabelClassification,
    PairClassification,
    Presented,
    PyDocsGrades,
    PyDocsLabels,
    PyDocsLabelSets,
    PyDocsLinks,
    PyDocsRetrieval,
    PyDocsTranslation,
    Retrieval,
)
from jaxemb.fitting import MoreWords
from jaxemb.losses import InfoNCE
from jaxemb.text import Prefix, TaskTemplate
from jaxemb.training import Steps

OTHER = Ciphered()
SAME, TOPIC = "classification: ", "clustering: "
FOUR = TaskTemplate(
    query="",
    document="",
    prefixes=(
        Prefix(task="retrieval", side="query", text="search_query: "),
        Prefix(task="retrieval", side="document", text="search_document: "),
        *(Prefix(task=task, text=SAME) for task in ("sts", "pair_classification", "bitext_mining")),
        *(Prefix(task=task, text=TOPIC)
          for task in ("clustering", "classification", "multi_label_classification")),
    ),
)  # fmt: skip
TASKS = {"retrieval": SummaryToBody(), "sts": SeeAlso(), "clustering": Neighbour()}
TARGET = tuple(ForTask(task=task, inner=Translated(inner=view)) for task, view in TASKS.items())
ENGLISH = (
    *(ForTask(task=task, inner=view) for task, view in TASKS.items()),
    ForTask(task="bitext_mining", inner=Translation()),
)
RETRIEVAL = Retrieval(data=PyDocsRetrieval(queries=300, documents=600, source=OTHER))
CLUSTERING = Clustering(role="query", data=PyDocsLabels(train=500, texts=500, source=OTHER))
EVALUATION = (
    RETRIEVAL,
    STS(data=PyDocsGrades(pairs=1000, source=OTHER)),
    Classification(data=CLUSTERING.data),
    CLUSTERING,
    PairClassification(data=PyDocsLinks(pairs=400, source=OTHER)),
    MultiLabelClassification(data=PyDocsLabelSets(train=500, texts=300, source=OTHER)),
    BitextMining(data=PyDocsTranslation(pairs=300)),
    Presented(inner=RETRIEVAL, like="clustering"),
    Presented(inner=CLUSTERING, like="retrieval"),
)


@experiment(papers=(78,))
def task_prefixes() -> Experiment:
    base = recipes.pair_retriever()
    text = dataclasses.replace(base.embedder.text, max_tokens=32)
    encoder = dataclasses.replace(base.embedder.encoder, layers=1)
    embedder = dataclasses.replace(base.embedder, text=text, encoder=encoder)
    vocabulary, table, train = base.stages
    target, english = Texts(source=OTHER), Texts(source=PyDocs())
    fitted = tuple(dataclasses.replace(stage, data=target) for stage in (vocabulary, table))
    more = Fit(name="more_words", estimator=MoreWords(words=2048), data=english)
    train = dataclasses.replace(
        train,
        data=StratifiedPairs(view=Several(views=(*TARGET, *ENGLISH)), batch_size=128),
        loss=InfoNCE(temperature=0.05),
        budget=Steps(steps=150),
    )
    return Experiment(
        base=Recipe(embedder=embedder, stages=(*fitted, more, train), evaluation=EVALUATION),
        arms=chain(
            (
                arm("four-prefixes", template=FOUR),
                arm("no-prefix"),
                arm("four-prefixes,target-only",
                    {"template": FOUR, "stages.train.data.view": Several(views=TARGET)}),
                arm("four-prefixes,no-new-words", template=FOUR, stages=(*fitted, train)),
            ),
            recipes.reading(recipes.standing_arms()[:2], max_tokens=32),
        ),
        claims=(
            Better("retrieval/ndcg@10", "four-prefixes", than="no-prefix"),
            Better("sts/spearman", "four-prefixes", than="no-prefix"),
            Better("clustering/v_measure", "four-prefixes", than="no-prefix"),
            BetterIn("retrieval/ndcg@10", "four-prefixes", than_metric="retrieval@clustering/ndcg@10"),
            BetterIn("clustering/v_measure", "four-prefixes",
                     than_metric="clustering@retrieval/v_measure"),
            Better("retrieval/ndcg@10", "four-prefixes", than="four-prefixes,target-only"),
            Better("bitext_mining/f1", "four-prefixes", than="four-prefixes,no-new-words"),
        ),
        tuning=None,
    )  # fmt: skip
