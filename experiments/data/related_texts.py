"""Which relation between texts that people link makes the better training pairs?

Paper    Exploiting Twitter as Source of Large Corpora of Weakly Similar Pairs for Semantic Sentence
         Embeddings, EMNLP 2021. A text and its quote, two quotes of one text, a text and its reply,
         two replies: pairs for in-batch ranking, and four ranking lists of 5 related and 25 other
         texts that are cut from the same graph.
Claim    Training on the pairs beats the start on such lists and stays good at text similarity;
         quotes and co-quotes are better pairs than replies.
Run      jaxemb run related_texts         # small: 5 arms x 5 seeds, about 2 min on 2 cores
Differs  Summaries of Python's documentation for tweets: links for quotes, objects that a third
         one links to for co-quotes, bodies for replies; no co-replies. The 25 others are of the
         query's package, since those of any package are told apart by its name. One layer of 128.
Found    Undecided on the lists, +0.006 nDCG@30 [-0.009, 0.021] (.841 and .835), and no relation is
         told from another. Text similarity does not suffer, +0.013 Spearman [0.002, 0.025].
"""

from jaxemb import Better, Experiment, NotWorse, arm, experiment
from jaxemb.data import Linked, LinkedTogether, Pairs, RelatedTexts, Several, SummaryToBody
from jaxemb.evaluation import STS, RelatedCandidates, Reranking
from jaxemb.losses import InfoNCE
from jaxemb.study.near_bag import near_bag, trained
from jaxemb.study.sets import graded_sentences

TEXT = ("summary",)  # the rest of a docstring names what it links to


@experiment(papers=(110,))
def related_texts() -> Experiment:
    quotes = RelatedTexts(fields=TEXT, each=3)
    co_quotes = RelatedTexts(fields=TEXT, each=3, relation=LinkedTogether())
    data = Pairs(view=quotes, batch_size=64)
    train = trained(data, InfoNCE(temperature=0.05), learning_rate=3e-3, steps=100)
    lists = {
        name: RelatedCandidates(fields=TEXT, within="package", relation=relation)
        for name, relation in (("cited", Linked()), ("co_cited", LinkedTogether()))
    }
    ranked = [Reranking(name=name, data=data, k=30) for name, data in lists.items()]
    tasks = (*ranked, STS(data=graded_sentences()))
    base = near_bag((train,), tasks, max_tokens=32)
    return Experiment(
        base=base,
        arms=(
            arm("start", stages=base.stages[:2]),
            arm("cited"),
            arm("co-cited", view=co_quotes),
            arm("sections", view=SummaryToBody()),
            arm("all", view=Several(views=(quotes, co_quotes, SummaryToBody()))),
        ),
        claims=(
            Better("cited/ndcg@30", "all", than="start"),
            Better("co_cited/ndcg@30", "all", than="start"),
            NotWorse("sts/spearman", "all", than="start"),
            Better("cited/ndcg@30", "cited", than="sections"),
            Better("co_cited/ndcg@30", "co-cited", than="sections"),
        ),
        tuning=None,
    )
