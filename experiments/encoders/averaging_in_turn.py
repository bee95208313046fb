"""What does a sentence encoder gain over words where it learns several tasks in turn?

Paper    Universal Sentence Encoder, arXiv:1803.11175. A deep averaging network over words and bigrams
         and a transformer are trained on several tasks in alternation; vectors are compared by angle.
Claim    Sentence vectors carry over to other tasks better than word vectors, most of all where few
         labels are at hand; the transformer does so better; the angle suits graded pairs better than
         the cosine.
Run      jaxemb run averaging_in_turn            # small: 5 arms x 5 seeds, about 8 min on 2 cores
Differs  Three tasks: SNLI's classes, the next paragraph of four novels for the next sentence, and
         paraphrased questions for answers; vectors of 128; 16,384 bigram rows; a transformer of 2
         layers; 400 steps. Three association tests of words stand in the tables without a claim.
         Vectors are frozen at transfer.
Found    Undecided: in text similarity the transformer leads words by +0.061 [0.010, 0.112], not clearly
         after correction, and the averaging network by +0.041 [-0.006, 0.088]. Several tasks lean
         ahead of inference alone, +0.074 [0.024, 0.125]. With 8 questions per type no network
         reaches the average of words (.470; .420 and .380), so that is not testable. Bigrams
         (-0.005 [-0.015, 0.005]) and the angle (-0.002 [-0.012, 0.008]) gain nothing: contradicted.
"""

from jaxemb import Better, BetterIn, Experiment, arm, experiment
from jaxemb.encoders import Transformer
from jaxemb.heads import Identity, Linear
from jaxemb.losses import PairClassifier
from jaxemb.pooling import RootLengthSum
from jaxemb.study.entailment import PAIR
from jaxemb.study.multi_task import inference, tasks_in_turn
from jaxemb.tokens import TokenTable


@experiment(papers=(70,))
def averaging_in_turn() -> Experiment:
    judged = {"train.data": inference(), "train.loss": PairClassifier(classes=3, features=PAIR)}
    return Experiment(
        base=tasks_in_turn(steps=400),
        arms=(
            arm("averaging"),
            arm("without-bigrams", tokens=TokenTable()),
            arm(
                "transformer",
                tokens=TokenTable(),
                encoder=Transformer(layers=2, hidden=256, attention_dropout=0.1),
                pooling=RootLengthSum(),
                head=Linear(dim=128),
            ),
            arm("inference-alone", judged),
            arm("words", {"train.budget.steps": 0}, tokens=TokenTable(), head=Identity()),
        ),
        claims=(
            Better("sts/spearman", "transformer", than="words"),
            Better("sts/spearman", "averaging", than="words"),
            Better("trec_few/accuracy", "averaging", than="words"),
            Better("sts/spearman", "transformer", than="averaging"),
            Better("trec_few/accuracy", "transformer", than="averaging"),
            Better("sts/spearman", "averaging", than="inference-alone"),
            Better("sts/spearman", "averaging", than="without-bigrams"),
            BetterIn("angular/pearson", "averaging", than_metric="sts/pearson"),
        ),
        tuning=None,
    )
