"""Which states of an encoder-decoder make the best sentence vector?

Paper    Sentence-T5: Scalable Sentence Encoders from Pre-trained Text-to-Text Models,
         arXiv:2108.08877. The encoder's first state, the mean of its states, and what the decoder
         first gives are tuned by contrast in two stages, questions first and inference then.
Claim    The mean beats the first state; after two stages the decoder's first state is the best in
         text similarity; two stages beat inference alone.
Run      jaxemb run encoder_decoder_readouts # small: 4 arms x 5 seeds, about 5 min on 2 cores
Differs  No weights of T5 are at hand: 2 layers of 128 with relative positions and a decoder of one
         block start at random over PPMI-SVD word vectors, so that nothing is said of read-outs
         before tuning, nor of scale. 8,900 paraphrased questions and SNLI's two small parts.
Found    Contradicted: the decoder's first state is behind the mean, -0.016 Spearman [-0.033, 0.001]
         (.600 and .616). Supported: the mean beats the first state, +0.127 [0.091, 0.164], and two
         stages beat inference alone, +0.039 [0.016, 0.062]. In the other tasks the static bag is
         ahead of all.
"""

from jaxemb import Better, Experiment, arm, experiment
from jaxemb.encoders import Transformer
from jaxemb.nn import PreNorm, RelativeBuckets, RMSNorm
from jaxemb.pooling import FirstDecoderStep, FirstToken, Mean
from jaxemb.study.multi_task import contrast_in_two_stages


@experiment(papers=(81,))
def encoder_decoder_readouts() -> Experiment:
    encoder = Transformer(
        layers=2,
        hidden=256,
        position=RelativeBuckets(),
        block=PreNorm(branch_norm=RMSNorm()),
        norm=RMSNorm(),
        attention_dropout=0.1,
    )
    base = contrast_in_two_stages(encoder, Mean(), steps=150)
    return Experiment(
        base=base,
        arms=(
            arm("mean"),
            arm("first", pooling=FirstToken()),
            arm("decoder", pooling=FirstDecoderStep()),
            arm("mean-inference-alone", stages=(*base.stages[:2], base.stages[-1])),
        ),
        claims=(
            Better("sts/spearman", "decoder", than="mean"),
            Better("sts/spearman", "mean", than="first"),
            Better("sts/spearman", "mean", than="mean-inference-alone"),
            Better("trec/accuracy", "mean", than="first"),
            Better("sick/accuracy", "mean", than="first"),
        ),
        tuning=None,
    )
