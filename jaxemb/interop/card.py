"""The model card of a folder that is given to others."""

from jaxemb.config import expression
from jaxemb.config.provenance import commit, versions
from jaxemb.model import Model

_CARD = """\
---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
tags:
- sentence-transformers
- sentence-similarity
- feature-extraction
---

# A text embedding model

It maps texts to vectors of {dim} numbers. Texts are cut at {tokens} tokens.

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("this folder")
queries = model.encode_query(["a question"])
documents = model.encode_document(["a text that may answer it"])
print(model.similarity(queries, documents))
```

{prompts}

## Its parts

| | |
|:--|:--|
| network | `{network}` |
{parts}

## Where it is from

{source} The hash of its parts, weights and tokenizer is `{fingerprint}`; `jaxemb.load` reads this
folder too. Which data it was trained on, and what it is good for, are for its author to say here.
"""


def card(model: Model, network: str) -> str:
    """`README.md` in the form of a model card: what it is, how to call it, and what wrote it.

    Args:
        network: what transformers calls the network.
    """
    embedder = model.embedder
    parts = {slot: getattr(embedder, slot) for slot in ("encoder", "pooling", "head", "similarity")}
    return _CARD.format(
        dim=model.dim,
        tokens=embedder.text.max_tokens,
        prompts=_prompts(embedder.text.template.prompts),
        network=network,
        parts="\n".join(f"| {slot} | `{_cell(part)}` |" for slot, part in parts.items()),
        source=_source(),
        fingerprint=model.fingerprint()[:16],
    )


def _cell(part: object) -> str:
    return expression(part).replace("|", "\\|")


def _prompts(prompts: dict[str, str]) -> str:
    said = [f"`{text}` before a {role}" for role, text in prompts.items() if text]
    return f"It was made with prompts: {', '.join(said)}." if said else "It needs no prompts."


def _source() -> str:
    found, at = versions(), commit()
    code = f" (commit {at})" if at else ""
    return f"jaxemb {found.get('jaxemb', 'unknown')}{code} wrote it, on JAX {found['jax']}."
