"""Do the codes of a byte autoencoder tell more of a sentence than the mean of its word vectors?

Paper    Efficient Purely Convolutional Text Encoding, arXiv:1808.01160, after the byte-level recursive
         autoencoder of arXiv:1802.01817. The same convolutions halve a text until four vectors are
         left; a mirror image doubles these, and gives all bytes at once.
Claim    Frozen codes beat the mean of word vectors in a probe of questions, and in telling subjective
         sentences; a linear layer between encoder and decoder, which the paper takes out, does not
         help; without norms the codes are worse.
Run      jaxemb run byte_autoencoder             # small: 4 arms x 3 seeds, about 6 min on 2 cores
Differs  Four vectors of 64, two blocks a group and 300 steps on short sentences of SNLI, where the paper
         has four of 256, eight blocks and days of training; norms of each token's features, not of
         the batch. Word vectors are PPMI-SVD of the same sentences, as wide as the codes.
Found    Undecided among questions, -0.037 accuracy [-0.123, 0.050] (500 examples are few), and
         contradicted among subjective sentences, -0.154 [-0.197, -0.111]: words tell more. Norms help,
         +0.095 [0.024, 0.165], undecided by Holm. Random convolutions do as well among questions (.692).
"""

from jaxemb import Better, Experiment, NotWorse, arm, experiment
from jaxemb.encoders import Bag, RecursiveConvolutional
from jaxemb.heads import Chain, Identity, Linear, RecursiveDecoder
from jaxemb.losses import Reconstruction
from jaxemb.model import Embedder
from jaxemb.nn import NoNorm
from jaxemb.pooling import Mean
from jaxemb.study.scratch import byte_codes, fitted_words
from jaxemb.text import Words
from jaxemb.tokens import TokenTable

WIDTH, BLOCKS = 64, 2


@experiment(papers=(19,))
def byte_autoencoder() -> Experiment:
    base = byte_codes(width=WIDTH, blocks=BLOCKS, steps=300)
    unnormed = Reconstruction(decoder=RecursiveDecoder(blocks=BLOCKS, norm=NoNorm()))
    words = Embedder(
        text=Words(vocabulary=8192, max_tokens=32), tokens=TokenTable(),
        encoder=Bag(width=4 * WIDTH), pooling=Mean(),
    )  # fmt: skip
    return Experiment(
        base=base,
        arms=(
            arm("codes"),
            arm("codes-linear", head=Chain(heads=(Linear(dim=4 * WIDTH), Identity()))),
            arm(
                "codes-no-norm",
                encoder=RecursiveConvolutional(width=WIDTH, blocks=BLOCKS, norm=NoNorm()),
                loss=unnormed,
            ),
            arm("word-vectors", embedder=words, stages=fitted_words()),
        ),
        claims=(
            Better("trec/accuracy", "codes", than="word-vectors"),
            Better("subj/accuracy", "codes", than="word-vectors"),
            NotWorse("trec/accuracy", "codes", than="codes-linear"),
            Better("trec/accuracy", "codes", than="codes-no-norm"),
        ),
        seeds=(0, 1, 2),
        tuning=None,
    )
