"""Which pairs that need no labels prepare a two-tower retriever best?

Paper    Pre-training Tasks for Embedding-based Large-scale Retrieval, arXiv:2002.03932. Before
         tuning on few labelled pairs, towers learn from a sentence and the passage that it was cut
         out of (inverse cloze), a page's opening and a passage of its body (body first), an opening
         and a passage of a page that it links to (link prediction), or all three.
Claim    The three together prepare towers far better than guessing hidden tokens does, or nothing;
         the inverse cloze is the strongest of the three, and the others add to it.
Run      jaxemb run pretraining_pairs     # small: 6 arms x 5 seeds, about 4 min on 2 cores
Differs  One layer of 128 that starts as the bag of a fitted table, on docstrings for pages and
         "See Also" for links; cosines with a temperature for raw products; one network for both
         sides. Labelled pairs are summaries and code, 1 % of them, searched for among code.
Found    Supported against guessing tokens, which harms: .553 and .407 recall@10, +0.147 [0.100,
         0.193]. Undecided against no preparation (.539), +0.014 [-0.006, 0.034], and so is the
         order of the three, which differ by less than 0.02; BM25 has .538.
"""

from jaxemb import Better, Experiment, arm, experiment
from jaxemb.data import Masked, Pairs, Several, Share, SummaryToCode, Texts
from jaxemb.data.cloze import BodyFirst, InverseCloze, LinkedPassage
from jaxemb.evaluation import PyDocsRetrieval, Retrieval
from jaxemb.heads import LanguageModelHead
from jaxemb.losses import InfoNCE, MaskedLanguageModel
from jaxemb.study.near_bag import near_bag, trained


@experiment(papers=(1,))
def pretraining_pairs() -> Experiment:
    all_three = Several(views=(InverseCloze(), BodyFirst(), LinkedPassage()))
    cloze = Pairs(view=InverseCloze(), batch_size=64)
    labelled = Pairs(source=Share(share=0.01), view=SummaryToCode(), batch_size=32)
    stages = (
        trained(cloze, InfoNCE(), learning_rate=3e-3, steps=120, name="pretrain"),
        trained(labelled, InfoNCE(), learning_rate=1e-3, steps=15, name="tune"),
    )
    search = Retrieval(data=PyDocsRetrieval(answer="code", queries=800, documents=2000))
    base = near_bag(stages, (search,), max_tokens=32, output=LanguageModelHead())
    masked = {
        "pretrain.data": Masked(inner=Texts(batch_size=64)),
        "pretrain.loss": MaskedLanguageModel(column="masked"),
    }
    return Experiment(
        base=base,
        arms=(
            arm("nothing", stages=(*base.stages[:2], base.stages[-1])),
            arm("masked", masked),
            arm("cloze"),
            arm("body", {"pretrain.data.view": BodyFirst()}),
            arm("links", {"pretrain.data.view": LinkedPassage()}),
            arm("all", {"pretrain.data.view": all_three}),
        ),
        claims=(
            Better("retrieval/recall@10", "all", than="masked"),
            Better("retrieval/recall@10", "all", than="nothing"),
            Better("retrieval/recall@10", "cloze", than="body"),
            Better("retrieval/recall@10", "cloze", than="links"),
            Better("retrieval/recall@10", "all", than="cloze"),
        ),
        tuning=None,
    )
