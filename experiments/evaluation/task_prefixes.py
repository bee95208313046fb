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
Found    Retrieval and similarity are not testable: what was trained stays behind the static bag (0.33
         to 0.40 against 0.43 nDCG@10; BM25 0.62). In clustering four prefixes do not help, -0.022
         [-0.044, 0.000]: contradicted at this scale. A vocabulary with English words helps finding
         translations, +0.19 F1 [0.10, 0.28]. What a wrong prefix costs is undecided.
"""

from jaxemb import Better, BetterIn, Experiment, arm, chain, experiment, recipes
from jaxemb.data import Ciphered, Several
from jaxemb.study.two_languages import four_prefixes, one_language_extended, pairs_in_translation

FOUR = {"template": four_prefixes()}
TARGET = {"stages.train.data.view": Several(views=pairs_in_translation())}


@experiment(papers=(78,))
def task_prefixes() -> Experiment:
    base = one_language_extended(Ciphered(), steps=150)
    vocabulary, table, _, train = base.stages
    return Experiment(
        base=base,
        arms=chain(
            (
                arm("four-prefixes", FOUR),
                arm("no-prefix"),
                arm("four-prefixes,target-only", FOUR | TARGET),
                arm("four-prefixes,no-new-words", FOUR, stages=(vocabulary, table, train)),
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
