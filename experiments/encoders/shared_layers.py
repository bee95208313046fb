"""Do convolutions over the states make up for layers that share their parameters?

Paper    Evaluation of BERT and ALBERT Sentence Embedding Performance on Downstream NLP Tasks,
         arXiv:2101.10642. Siamese encoders with layers of their own (BERT) or one shared by all
         (ALBERT) are read by their mean or by a small convolutional network over their states.
Claim    The convolutions help the shared layers in text similarity, more than they help layers of
         their own; the shared ones are then no worse than the others.
Run      jaxemb run shared_layers                # small: 4 arms x 5 seeds, about 9 min on 2 cores
Differs  3 layers of 128 from scratch over fixed PPMI-SVD word vectors, trained on STS-B's 5,749
         graded pairs alone: no pretraining, no factorised table, no inference first. The form of
         the convolutions is not published: two of three tokens, then the mean.
Found    Contradicted: convolutions that start at random take -0.100 Spearman [-0.120, -0.080] from the
         shared layers and -0.144 [-0.172, -0.117] from the others, below the static bag (.489), where
         the mean reads .580 and .602. They take less from the shared ones: +0.032 [-0.007, 0.070]
         ahead of the others, margin included. Whether sharing costs more than 0.01 is undecided.
"""

from jaxemb import Better, Experiment, NotWorse, arm, experiment
from jaxemb.encoders import SharedTransformer, Transformer
from jaxemb.pooling import ConvolutionPooling, Mean
from jaxemb.study.entailment import pair_grader


@experiment(papers=(49,))
def shared_layers() -> Experiment:
    apart = Transformer(layers=3, hidden=256, attention_dropout=0.1)
    shared = SharedTransformer(layers=3, hidden=256, attention_dropout=0.1)
    layers = ConvolutionPooling()
    return Experiment(
        base=pair_grader(shared, Mean(), steps=150),
        arms=(
            arm("shared"),
            arm("shared-convolutions", pooling=layers),
            arm("apart", encoder=apart),
            arm("apart-convolutions", encoder=apart, pooling=layers),
        ),
        claims=(
            Better("sts/spearman", "shared-convolutions", than="shared"),
            Better("sts/spearman", "apart-convolutions", than="apart"),
            NotWorse("sts/spearman", "shared-convolutions", than="apart-convolutions"),
            NotWorse("sts/spearman", "shared", than="apart"),
            Better("sick/accuracy", "shared-convolutions", than="shared"),
        ),
        tuning=None,
    )
