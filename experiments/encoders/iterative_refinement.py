"""Do several recurrences that each read the words again make a better vector than one wide one?

Paper    Sentence Embeddings in NLI with Iterative Refinement Encoders, arXiv:1808.08762. Three
         bidirectional LSTMs read the same word vectors; each starts with the states that the one
         before ended with; the largest values of all three are the vector.
Claim    It beats one bidirectional LSTM of as many parameters in judging inference and in what
         probes read off its vectors; and it is reading the words again that helps, not depth.
Run      jaxemb run iterative_refinement         # small: 3 arms x 5 seeds, about 7 min on 2 cores
Differs  3 x 64 units each way instead of 600, word vectors by PPMI-SVD, 15,700 pairs of SNLI, no
         dropout in the classifier, 300 steps. Five probes, on sentences of a grammar.
Found    Undecided on SNLI: as one LSTM of equal size does within +0.002 [-0.016, 0.021], and as
         stacked ones do. Carried over to SICK, the refined vectors are ahead, +0.018 [0.013, 0.022];
         of the probes, constituents lean their way, +0.059 [0.019, 0.098]. Three probes are not
         testable: no trained network reads more there than is in the average of words.
"""

import dataclasses

from jaxemb import Better, Experiment, arm, experiment
from jaxemb.encoders import IterativeRefinement, Recurrent
from jaxemb.evaluation import probing_tasks
from jaxemb.heads import Chain, FeedForwardHead, Linear, PairHead
from jaxemb.losses import DeepPairClassifier
from jaxemb.nn import BothWays
from jaxemb.pooling import LayerConcatenation, Max
from jaxemb.study.entailment import pair_judge, transfer_tasks

GRAMMAR = ("tree_depth", "top_constituents", "tense", "subject_number", "object_number")


@experiment(papers=(112,))
def iterative_refinement() -> Experiment:
    every = LayerConcatenation(layers=3, inner=Max())
    base = pair_judge(IterativeRefinement(hidden=64), every, steps=300)
    deep = Chain(heads=(FeedForwardHead(dims=(256, 256)), Linear(dim=3)))
    train = dataclasses.replace(base.stages[-1], loss=DeepPairClassifier(head=PairHead(inner=deep)))
    probes = [task for task in probing_tasks(train=1500, texts=1500) if task.name in GRAMMAR]
    return Experiment(
        base=dataclasses.replace(
            base,
            stages=(*base.stages[:-1], train),
            evaluation=(*transfer_tasks()[:2], *probes),
        ),
        arms=(
            arm("refined"),
            arm("one", encoder=Recurrent(layers=1, hidden=138, direction=BothWays())),
            arm("stacked", encoder=Recurrent(layers=3, hidden=64, direction=BothWays())),
        ),
        claims=(
            Better("nli/accuracy", "refined", than="one"),
            Better("sick/accuracy", "refined", than="one"),
            *(Better(f"{name}/accuracy", "refined", than="one") for name in GRAMMAR),
            Better("nli/accuracy", "refined", than="stacked"),
        ),
        tuning=None,
    )
