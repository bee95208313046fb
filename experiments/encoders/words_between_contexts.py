"""Does a recurrence on both sides of each word tell classes better than windows of words do?

Paper    Word and Document Embeddings based on Neural Network Approaches, arXiv:1611.05962, part on
         recurrent convolutional networks. Each word stands between what was read left and right of
         it; the largest values over all words make the vector, and a linear layer the classes.
Claim    It beats convolutions over windows of words, an LSTM read at its ends, and an average.
Run      jaxemb run words_between_contexts       # small: 4 arms x 5 seeds, about 5 min on 2 cores
Differs  BANKING77's 77 intents of customers, 11 words each, in place of long documents; word
         vectors by PPMI-SVD in place of skip-gram; AdamW; accuracy is that of a logistic regression
         on the network's logits. The thesis's parts on word vectors and on Chinese are not here.
Found    Contradicted: windows of 2, 3 and 4 words are ahead, -0.022 accuracy [-0.028, -0.016] (.884
         and .862). It beats the LSTM's ends by +0.042 [0.033, 0.052] and the average by +0.062
         [0.048, 0.075]. Questions of 11 words leave little beyond a window to be read.
"""

from jaxemb import Better, Experiment, arm, experiment
from jaxemb.encoders import Bag, ConvolutionWindows, Recurrent, RecurrentConvolutional
from jaxemb.nn import BothWays
from jaxemb.pooling import BothEnds, Max, Mean
from jaxemb.study.labelled import text_classifier


@experiment(papers=(108,))
def words_between_contexts() -> Experiment:
    return Experiment(
        base=text_classifier(RecurrentConvolutional(context=64, hidden=128), Max(), steps=400),
        arms=(
            arm("between"),
            arm("windows", encoder=ConvolutionWindows(windows=(2, 3, 4), features=100)),
            arm(
                "ends",
                encoder=Recurrent(layers=1, hidden=64, direction=BothWays()),
                pooling=BothEnds(),
            ),
            arm("average", encoder=Bag(), pooling=Mean()),
        ),
        claims=(
            Better("banking/accuracy", "between", than="windows"),
            Better("banking/accuracy", "between", than="ends"),
            Better("banking/accuracy", "between", than="average"),
        ),
        tuning=None,
    )
