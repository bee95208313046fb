"""Which way of reading a recurrent network makes the best sentence vector, if it learns inference?

Paper    Supervised Learning of Universal Sentence Representations from Natural Language Inference
         Data, arXiv:1705.02364. Sentence encoders are trained to tell entailment, contradiction and
         neither from [u; v; |u - v|; u * v], then frozen and used for other tasks.
Claim    A bidirectional LSTM read by its largest values beats the same one read by its mean or its
         last states, and beats one that learned from the same sentences without their labels.
Run      jaxemb run sentence_readouts     # small: 5 arms x 5 seeds, about 6 min on 2 cores
Differs  128 units each way, word vectors by PPMI-SVD on the training texts, 15,700 pairs of SNLI's
         development and test parts, where the paper has 2048 units, GloVe and 550,000 pairs. AdamW
         in place of SGD. Without labels a text is told from others after another dropout.
Found    Undecided against the mean: +0.014 accuracy [0.002, 0.025], p .063 (.645 and .631).
         Supported against the last states, +0.038 [0.024, 0.053], and against the mean in text
         similarity, +0.077 [0.049, 0.104]; learning without labels is behind, -0.081 [-0.121,
         -0.040]. Untrained, the same network reads .588, and .570 Spearman.
"""

import dataclasses

from jaxemb import Better, BetterIn, Experiment, arm, experiment
from jaxemb.data import Columns
from jaxemb.encoders import Convolutional, Recurrent
from jaxemb.losses import InfoNCE
from jaxemb.nn import BothWays
from jaxemb.pooling import BothEnds, LayerConcatenation, Max, Mean
from jaxemb.study.entailment import hypothesis_task, pair_judge, transfer_tasks


@experiment(papers=(9,))
def sentence_readouts() -> Experiment:
    encoder = Recurrent(layers=1, hidden=128, direction=BothWays())
    base = pair_judge(encoder, Max(), steps=300)
    tasks = (*transfer_tasks(), hypothesis_task())
    itself = Columns(query="premise", positive="premise")
    return Experiment(
        base=dataclasses.replace(base, evaluation=tasks),
        arms=(
            arm("largest"),
            arm("mean", pooling=Mean()),
            arm("last", pooling=BothEnds()),
            arm(
                "convolutions",
                encoder=Convolutional(layers=4),
                pooling=LayerConcatenation(layers=4, inner=Max()),
            ),
            arm("unlabelled", {"train.data.view": itself, "train.loss": InfoNCE(temperature=0.05)}),
        ),
        claims=(
            Better("nli/accuracy", "largest", than="mean"),
            Better("nli/accuracy", "largest", than="last"),
            Better("nli/accuracy", "largest", than="convolutions"),
            Better("sts/spearman", "largest", than="mean"),
            Better("sts/spearman", "largest", than="unlabelled"),
            Better("sick/accuracy", "largest", than="unlabelled"),
            Better("trec/accuracy", "largest", than="unlabelled"),
            BetterIn("nli/accuracy", "largest", than_metric="hypothesis/accuracy"),
        ),
        tuning=None,
    )
