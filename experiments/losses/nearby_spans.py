"""Do spans of one document teach a retriever without labels, and does guessing tokens help them?

Paper    DeCLUTR: Deep Contrastive Learning for Unsupervised Textual Representations,
         arXiv:2006.03659. A long span of a document is pulled towards the mean of shorter ones that
         overlap it or touch it, away from all other spans of the batch, while the same model guesses
         hidden tokens of the anchors.
Claim    With both losses the mean of the states is far better than after guessing tokens alone.
Run      jaxemb run nearby_spans          # small: 4 arms x 3 seeds, about 3 min on 2 cores
Differs  One layer of 128 that starts as the bag of a fitted table; spans of 4 to 24 words of
         docstrings, for 32 to 512 tokens of pages. Anchors are read twice, whole for the contrast and
         with hidden tokens for the guessing, where the paper reads them once. Hence the contrast
         does not see masks.
Found    Not testable: no arm is above the static bag (.529 recall@10), which both losses leave at
         .522 and guessing alone takes down to .481. Between the two +0.040 [-0.004, 0.084]; spans
         without guessing are level with both.
"""

from jaxemb import Better, Experiment, arm, experiment
from jaxemb.data import Masked, NearbySpans, Pairs
from jaxemb.evaluation import STS, PyDocsRetrieval, Retrieval
from jaxemb.heads import LanguageModelHead
from jaxemb.losses import ALL_BLOCKS, Composed, InfoNCE, MaskedLanguageModel, Sum
from jaxemb.study.near_bag import near_bag, trained


@experiment(papers=(47,))
def nearby_spans() -> Experiment:
    spans = NearbySpans(shortest=4, longest=24)
    contrast = Composed(inner=InfoNCE(temperature=0.05, blocks=ALL_BLOCKS))
    guessing = MaskedLanguageModel(column="masked")
    data = Masked(inner=Pairs(view=spans, batch_size=48))
    train = trained(data, Sum(losses=(contrast, guessing)), learning_rate=5e-4, steps=100)
    search = Retrieval(data=PyDocsRetrieval(queries=600, documents=1500))
    return Experiment(
        base=near_bag((train,), (search, STS()), max_tokens=32, output=LanguageModelHead()),
        arms=(
            arm("guessing", loss=guessing),
            arm("spans", loss=contrast),
            arm("both"),
            arm("one-positive", {"view.positives": 1}),
        ),
        claims=(
            Better("retrieval/recall@10", "both", than="guessing"),
            Better("sts/spearman", "both", than="guessing"),
            Better("retrieval/recall@10", "both", than="spans"),
            Better("retrieval/recall@10", "both", than="one-positive"),
        ),
        seeds=(0, 1, 2),
        tuning=None,
    )
