"""How many documents can vectors of a given width serve in every pair, if nothing else limits them?

Paper    On the Theoretical Limitations of Embedding-Based Retrieval, arXiv:2508.21038. One free
         vector per query and per document is trained on the judgements themselves; the critical size is
         the largest number of documents of which every pair is some query's top two.
Claim    The critical size grows with the width, and is small.
Run      jaxemb run free_embedding_capacity      # small: 6 widths x 3 starts, about 6 min on 2 cores
Differs  Widths 2 to 8 and 20,000 steps at most, where the paper goes to 45 and 100,000. The size at
         width 4 is no theorem: explicit vectors of width 4 serve every pair of any number.
Found    Supported: 3, 4, 10, 14, 19.3 and 38 documents at widths 2, 3, 4, 5, 6 and 8 (30.3 at 8 before
         the vectors were trained as everything else is). The first two are what geometry allows; from
         4 on the optimiser stops, not the width.
"""

from jaxemb import Below, Experiment, Recipe, Trend, experiment, grid
from jaxemb.evaluation import Capacity


@experiment(papers=(95,))
def free_embedding_capacity() -> Experiment:
    return Experiment(
        base=Recipe(evaluation=(Capacity(starts=3),)),
        arms=grid({"capacity.dim": (2, 3, 4, 5, 6, 8)}),
        claims=(
            Trend("capacity/critical_size", along="capacity.dim"),
            Below("capacity/critical_size", 40.0, "capacity.dim=4"),
            Below("capacity/critical_size", 64.0, "capacity.dim=8"),
        ),
        controls=(),
        seeds=(0,),
        tuning=None,
    )
