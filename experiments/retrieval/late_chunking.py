"""Does a chunk's vector gain from having read the whole text?

Paper    Late Chunking: Contextual Chunk Embeddings Using Long-Context Embedding Models,
         arXiv:2409.04701. The whole text is encoded once, and each chunk pools its own tokens'
         states, instead of being encoded alone.
Claim    Late chunks are found better than the same chunks encoded alone; so are whole texts by their
         best chunk.
Run      jaxemb run late_chunking         # small: 2 models, about 3 min on 2 cores
Differs  Texts of 230 words read whole by models of 512 positions, where the paper reads 8,000: classes
         of Python's documentation with a chunk per method; articles of XQuAD with a chunk per
         paragraph, read in windows of 256 tokens. No training on spans.
Found    Supported where chunks are methods: late .594 nDCG@10, alone .535, +0.060 [0.025, 0.094];
         their class's name before the chunk does far better (-0.184 [-0.214, -0.154]). Contradicted
         for paragraphs of articles, -0.021 [-0.029, -0.012]; whole texts are level. BM25 has .531
         for methods and .959 for paragraphs.
"""

from jaxemb import BetterIn, Experiment, Recipe, arm, experiment
from jaxemb.evaluation import BestChunkRetrieval, ChunkRetrieval, Neighbouring, PyDocsRetrieval
from jaxemb.evaluation.chunk_sets import PyDocsMethods
from jaxemb.evaluation.chunking import Alone, Headed, InContext, Overlapping, Undivided
from jaxemb.interop import Pretrained
from jaxemb.study.sets import searched_texts

MINILM = "all-MiniLM-L6-v2"
WAYS = {
    "late": InContext(), "windows": InContext(window=128, overlap=32), "alone": Alone(),
    "overlap": Overlapping(), "header": Headed(),
}  # fmt: skip
WIDE = InContext(window=256, overlap=64)  # articles are longer than what a model reads at once


@experiment(papers=(87,))
def late_chunking() -> Experiment:
    methods = PyDocsMethods(split="train", classes=80, words=230)
    found = searched_texts("xquad-en", otherwise=PyDocsRetrieval(documents=300))
    return Experiment(
        base=Recipe(
            embedder=Pretrained(MINILM),
            evaluation=(
                *(ChunkRetrieval(name=n, data=methods, chunking=c) for n, c in WAYS.items()),
                *(BestChunkRetrieval(name=f"text-{n}", data=methods, chunking=c)
                  for n, c in {"late": WAYS["late"], "alone": Alone(), "whole": Undivided()}.items()),
                *(ChunkRetrieval(name=f"article-{n}", data=Neighbouring(inner=found), chunking=c)
                  for n, c in {"windows": WIDE, "alone": Alone()}.items()),
            ),
        ),
        arms=(
            arm(MINILM, {"text.max_tokens": 512}),
            arm(f"{MINILM},layers=4", {"text.max_tokens": 512, "embedder.layers": 4}),
        ),
        claims=(
            BetterIn("late/ndcg@10", MINILM, than_metric="alone/ndcg@10"),
            BetterIn("text-late/ndcg@10", MINILM, than_metric="text-alone/ndcg@10"),
            BetterIn("article-windows/ndcg@10", MINILM, than_metric="article-alone/ndcg@10"),
            BetterIn("late/ndcg@10", MINILM, than_metric="header/ndcg@10"),
        ),
        seeds=(0,),
        tuning=None,
    )  # fmt: skip
