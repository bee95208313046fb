"""What does a sentence encoder gain over words where it learns several tasks in turn?

Paper    Universal Sentence Encoder, arXiv:1803.11175. A deep averaging network over words and bigrams
         and a transformer are trained on several tasks in alternation; vectors are compared by angle.
Claim    Sentence vectors carry over to other tasks better than word vectors, most of all where few
         labels are at hand; the transformer does so better; the angle suits graded pairs better than
         the cosine.
Run      jaxemb run averaging_in_turn            # small: 5 arms x 5 seeds
Differs  Three tasks: SNLI's classes, the next paragraph of four novels for the next sentence, and
         paraphrased questions for answers; vectors of 128; 16,384 bigram rows; a transformer of 2
         layers; 400 steps. Three association tests of words stand in the tables without a claim.
         Vectors are frozen at transfer.
Found    Not recorded yet.
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
                encoder=Transformer(layers=2, hidden=256),
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
