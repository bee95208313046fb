"""Which pooling and attention mask serve an embedder best?

Paper    Pooling And Attention: What Are Effective Designs For LLM-Based Embedding Models?
         arXiv:2409.02727. Five arms share base model, data and steps, and differ in the attention
         mask and in what reads the hidden states: the last token, or a trainable cross-attention
         over the last layer's tokens, or over one vector from every layer.
Claim    Bidirectional attention with pooling over all layers beats causal attention with the last
         token in retrieval and in text similarity.
Run      jaxemb run pooling_and_attention        # small: 5 arms x 5 seeds, about 20 min on 2 cores
         jaxemb run pooling_and_attention --scale medium   # one GPU, over 10 min; not recorded
Differs  2 layers of 128 trained whole on a token table fitted to the training text, where the paper
         tunes a 7B language model by LoRA. At medium SmolLM2 of 135M parameters is tuned by LoRA on
         pairs of documentation and then on SNLI triplets, without dropout in the additions and without
         a token for the text's end, and judged on STS-B, SICK, XQuAD, Banking77 and AG News.
Found    Retrieval: supported, +0.041 nDCG@10 [0.016, 0.066]. Similarity: undecided, +0.008 Spearman
         [-0.007, 0.023]. Reading the last layer's tokens is better than reading all layers, .430 to
         .403. After 80 steps instead of 128 no arm of the claim reached the static bag, .396; BM25,
         .555, is ahead of every arm. With 160 steps, +0.030 [0.013, 0.047] and +0.003; with no dropout
         of attention weights +0.025 [-0.008, 0.058] and +0.005, level with the bag: not testable.
"""

from jaxemb import Better, Experiment, arm, experiment, recipes
from jaxemb.nn import Bidirectional, Causal
from jaxemb.pooling import LastToken, LatentOverLayers, LatentOverTokens, Mean


@experiment(papers=(101,))
def pooling_and_attention() -> Experiment:
    return Experiment(
        base=recipes.pair_retriever(steps=128),
        arms=(
            arm("causal-last", mask=Causal(), pooling=LastToken()),
            arm("causal-tokens", mask=Causal(), pooling=LatentOverTokens()),
            arm("causal-layers", mask=Causal(), pooling=LatentOverLayers(summary=LastToken())),
            arm("bidirectional-tokens", mask=Bidirectional(), pooling=LatentOverTokens()),
            arm(
                "bidirectional-layers",
                mask=Bidirectional(),
                pooling=LatentOverLayers(summary=Mean()),
            ),
        ),
        claims=tuple(
            Better(metric, "bidirectional-layers", than="causal-last")
            for metric in ("retrieval/ndcg@10", "sts/spearman")
        ),
        scales={"medium": recipes.language_model_tuning()},
    )
