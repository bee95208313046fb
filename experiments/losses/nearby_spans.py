"""Do spans of one document teach a retriever without labels, and does guessing tokens help them?

Paper    DeCLUTR: Deep Contrastive Learning for Unsupervised Textual Representations,
         arXiv:2006.03659. A long span of a document is pulled towards the mean of shorter ones that
         overlap it or touch it, away from all other spans of the batch, while the same model guesses
         hidden tokens of the anchors.
Claim    With both losses the mean of the states is far better than after guessing tokens alone.
Run      jaxemb run nearby_spans          # small: 3 arms x 5 seeds, about 8 min on 2 cores
Differs  Three layers of all-MiniLM-L6-v2, which knows sentences already, where the paper starts from
         a masked language model; spans of 4 to 24 words of docstrings, for 32 to 512 tokens of pages.
         Anchors are read twice, whole for the contrast and with hidden tokens for the guessing,
         where the paper reads them once. Hence the contrast does not see masks.
Found    Supported: both losses .394 recall@10, guessing alone .303, +0.091 [0.044, 0.139]; the static
         bag has .360 and BM25 .685. Contradicted is that guessing adds to spans, -0.027 [-0.042,
         -0.013], and that both are better in text similarity, -0.022 [-0.043, -0.002] on STS-B.
"""

from jaxemb import Better, Experiment, Pretrained, Recipe, arm, experiment
from jaxemb.data import Masked, NearbySpans, Pairs
from jaxemb.evaluation import STS, PyDocsRetrieval, Retrieval
from jaxemb.heads import LanguageModelHead
from jaxemb.losses import ALL_BLOCKS, Composed, InfoNCE, MaskedLanguageModel, Sum
from jaxemb.study.near_bag import trained
from jaxemb.study.sets import graded_sentences


@experiment(papers=(47,))
def nearby_spans() -> Experiment:
    guesses = {"embedder.output": LanguageModelHead()}
    model = Pretrained("all-MiniLM-L6-v2", layers=3, max_tokens=32)
    spans = NearbySpans(shortest=4, longest=24)
    contrast = Composed(inner=InfoNCE(temperature=0.05, blocks=ALL_BLOCKS))
    guessing = MaskedLanguageModel(column="masked")
    data = Masked(inner=Pairs(view=spans, batch_size=32))
    train = trained(data, Sum(losses=(contrast, guessing)), learning_rate=1e-4, steps=40)
    search = Retrieval(data=PyDocsRetrieval(queries=600, documents=1500))
    return Experiment(
        base=Recipe(
            embedder=model, stages=(train,), evaluation=(search, STS(data=graded_sentences()))
        ),
        arms=(
            arm("guessing", guesses, loss=guessing),
            arm("spans", guesses, loss=contrast),
            arm("both", guesses),
        ),
        claims=(
            Better("retrieval/recall@10", "both", than="guessing"),
            Better("sts/spearman", "both", than="guessing"),
            Better("retrieval/recall@10", "both", than="spans"),
        ),
        tuning=None,
    )
