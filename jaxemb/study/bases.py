"""Settings that experiments share at a scale larger than `small`: a language model, real sets."""

from typing import Any

from jaxemb.adaptation import LoRA
from jaxemb.data import (
    EntailmentTriplets,
    Pairs,
    PyDocs,
    PyDocsEntailment,
    Resplit,
    Source,
    SummaryToBody,
    TextFile,
    View,
    at_hand,
)
from jaxemb.evaluation import STS, Classification, Clustering, Retrieval, Task
from jaxemb.interop import Pretrained, weights_at_hand
from jaxemb.losses import InfoNCE
from jaxemb.study.sets import graded_sentences, labelled_texts, searched_texts
from jaxemb.text import Template
from jaxemb.training import AdamW, Steps, Train, WithParts

QUERY = "Instruct: Given a text, find what answers it or means the same\nQuery: "


def language_model_tuning(*, steps: int = 200, batch_size: int = 64) -> dict[str, Any]:
    """Overrides of a base: SmolLM2 tuned by LoRA on pairs, then on triplets; eleven real tasks.

    Additions of rank 16 to all maps of attention and feed-forward networks; pooling and head, where
    they have parameters, are trained whole. Where the model or a set is not on this machine,
    all-MiniLM-L6-v2 and pydocs stand in.

    Example:
        >>> sorted(language_model_tuning())
        ['embedder', 'evaluation', 'runtime.dtype', 'stages', 'text.template']
    """
    minilm = Pretrained("all-MiniLM-L6-v2", max_tokens=64)
    model = weights_at_hand("SmolLM2-135M-Instruct", max_tokens=64, otherwise=minilm)
    entailed = judged_sentences()
    return {
        "embedder": model,
        "text.template": Template(query=QUERY),
        "stages": (
            _tuned("pairs", PyDocs(), SummaryToBody(), steps, batch_size),
            _tuned("train", entailed, EntailmentTriplets(), steps, batch_size),
        ),
        "evaluation": _real_tasks(),
        "runtime.dtype": "bfloat16",
    }


def language_model(**fields: int) -> Pretrained:
    """SmolLM2 of 135M parameters where it can be read, else all-MiniLM-L6-v2 whole.

    Args:
        fields: of `Pretrained`, such as `layers` and `max_tokens`.
    """
    other = Pretrained("all-MiniLM-L6-v2")
    return weights_at_hand("SmolLM2-135M-Instruct", otherwise=other, **fields)


def judged_sentences() -> Source:
    """SNLI where it is at hand, split anew by premise; else pairs made from pydocs by rule."""
    return at_hand(_snli, "nli/snli.tsv.gz", otherwise=PyDocsEntailment())


def _snli(path: str) -> Resplit:
    """SNLI of which only the two parts to judge on are at hand."""
    return Resplit(inner=TextFile(path=path), of=("dev", "test"), field="premise")


def _tuned(name: str, source: Source, view: View, steps: int, batch_size: int) -> Train:
    return Train(
        name=name,
        data=Pairs(source=source, view=view, split="train", batch_size=batch_size),
        loss=InfoNCE(temperature=0.02),
        optimizer=AdamW(learning_rate=3e-4, weight_decay=0.01),
        trains=WithParts(inner=LoRA(rank=16, alpha=32.0, targets=("encoder",))),
        budget=Steps(steps=steps),
    )


def _real_tasks() -> tuple[Task, ...]:
    """Similarity, retrieval, classification and clustering: the main ones under their plain names."""

    return (
        Retrieval(),
        Retrieval(name="retrieval-paragraphs", data=searched_texts("xquad-en")),
        STS(data=graded_sentences()),
        *(
            STS(name=f"sts-{name}", data=graded_sentences(name, split=None))
            for name in ("sts12", "sts14", "sts15")
        ),
        STS(name="sts-sick", data=graded_sentences("sick-en")),
        *(
            Classification(name=f"classification-{name}", data=labelled_texts(name))
            for name in LABELLED
        ),
        *(Clustering(name=f"clustering-{name}", data=labelled_texts(name)) for name in LABELLED),
    )


LABELLED = ("ag-news", "banking77")
