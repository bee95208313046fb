"""Real sets that experiments name, and the part of pydocs that takes the place of an absent one."""

from jaxemb.data import (
    Columns,
    GradedLabels,
    Neighbour,
    Pairs,
    PyDocsEntailment,
    Resplit,
    SeeAlso,
    Several,
    Source,
    SummaryToBody,
    SummaryToCode,
    TextFile,
    at_hand,
)
from jaxemb.evaluation import (
    LabelData,
    LabelFile,
    PairData,
    PairFile,
    PyDocsGrades,
    PyDocsLabels,
    PyDocsRetrieval,
    RetrievalData,
    RetrievalFolder,
)

_STSB = "stsb-en"


def judged_pairs() -> Source:
    """SNLI where it is at hand, split anew by premise; else pairs made from pydocs by rule.

    Of SNLI only the two parts to judge on are small enough to be at hand, 19,666 pairs: four fifths
    of their premises are trained on here.
    """
    there = at_hand(TextFile, "nli/snli.tsv.gz", otherwise=PyDocsEntailment())
    return Resplit(inner=there, of=("dev", "test"), field="premise")


def graded_sentences(
    name: str = _STSB, *, split: str | None = "test", otherwise: PairData | None = None
) -> PairData:
    """Pairs of sentences that people graded, for tasks: a set of `sts/`, else links of pydocs.

    Example:
        >>> graded_sentences("no-such-set")
        PyDocsGrades(...)
    """
    chosen = {} if split is None else {"split": split}
    return at_hand(PairFile, f"sts/{name}.tsv.gz", otherwise=otherwise or PyDocsGrades(), **chosen)


def grades_to_learn(**fields: int) -> Pairs:
    """Pairs and their grades, for losses: STS-B's, else pairs of pydocs graded by their label.

    Args:
        fields: others of `Pairs`, such as `batch_size`.
    """
    source = at_hand(TextFile, f"sts/{_STSB}.tsv.gz", otherwise=PyDocsEntailment())
    texts = Columns(query="sentence1", positive="sentence2", score="score")
    view = GradedLabels() if source == PyDocsEntailment() else texts
    return Pairs(source=source, view=view, **fields)


def labelled_texts(name: str) -> LabelData:
    """Texts with their classes: a set of `classification/`, else the packages of pydocs."""
    return at_hand(LabelFile, f"classification/{name}.tsv.gz", otherwise=PyDocsLabels())


def searched_texts(name: str, *, otherwise: RetrievalData | None = None) -> RetrievalData:
    """Queries and documents: a set of `retrieval/`, else summaries and bodies of pydocs."""
    other = otherwise or PyDocsRetrieval()
    return at_hand(RetrievalFolder, f"retrieval/{name}", otherwise=other)


def kinds_of_pairs() -> Several:
    """Four kinds of pairs of pydocs: summary to body and to code, neighbours, and "See Also"."""
    return Several(views=(SummaryToBody(), SummaryToCode(), Neighbour(), SeeAlso()))
