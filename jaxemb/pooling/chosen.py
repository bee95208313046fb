"""Poolings that choose tokens by what they are: not the prompt's, or pieces that mark a place."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Bool

from jaxemb.config import UsageError
from jaxemb.pooling.base import Pooling
from jaxemb.pooling.basic import Mean
from jaxemb.runtime.shapes import Depths, TokenMask, Vectors


class WithoutPrompt(Pooling, kw_only=True):
    """What `inner` makes of a text without the tokens that a template wrote before it.

    The encoder reads the prompt, and the pooling does not: `v = inner(h, mask & ~prompt)`. The prompt's
    tokens are the first ones up to its own last, the mark of the beginning (`[CLS]`) among them, as
    sentence-transformers counts them (`Tokenizer.prompt_tokens`); a text that got no prompt keeps all
    its tokens. The tokenizer of a model counts them, in training and in `Model.encode`; a batch that
    was made by hand says it by `TextBatch.prompt`, and else has no prompt.

    Attributes:
        inner: the other tokens to a vector; where none is left, it reads a text without tokens.

    Example:
        >>> states = jnp.arange(8.0).reshape(1, 1, 4, 2)
        >>> mask = jnp.array([[True, True, True, False]])
        >>> prompt = jnp.array([[True, True, False, False]])
        >>> WithoutPrompt().apply({"batch": {"prompt": prompt}}, states, mask).tolist()
        [[4.0, 5.0]]

    Reference: Su et al., One Embedder, Any Task: Instruction-Finetuned Text Embeddings,
    arXiv:2212.09741; `include_prompt` of sentence-transformers.
    """

    inner: Pooling = dataclasses.field(default_factory=Mean)

    def __call__(self, states: Depths, mask: TokenMask) -> Vectors:
        return self.inner(states, self._kept(mask))

    def items(self, mask: TokenMask) -> Bool[Array, "batch *items"] | None:
        return self.inner.items(self._kept(mask))

    @property
    def reads_prompt(self) -> bool:
        return True

    def _kept(self, mask: TokenMask) -> TokenMask:
        prompt = self.told("prompt")
        return mask if prompt is None else mask & ~prompt


class AtMarkers(Pooling, kw_only=True):
    """What `inner` makes of the tokens that are one of some pieces: `v = inner(h, mask & (id in ids))`.

    The states stand where markers such as `[unused1]` or `<eos>` were written, by a template or by the
    text itself. `Mean()` averages over every occurrence, `FirstToken()` and `LastToken()` read one,
    `FirstTokens(tokens=k)` joins the first k, and `EachToken()` keeps each as a vector of its own,
    at its token's place. Where a text has no marker, `inner` reads a text without tokens: zeros, for all
    of these.

    Attributes:
        ids: of the marking pieces, as `Tokenizer.pieces` counts them; by default that of `[CLS]` in
            vocabularies that jaxemb fits.
        inner: the marked tokens to a vector, or several.

    Raises:
        UsageError: `ids` are empty; or the batch has no ids, such as one of images.

    Example:
        >>> states = jnp.arange(8.0).reshape(1, 1, 4, 2)
        >>> ids, mask = jnp.array([[2, 7, 9, 7]]), jnp.array([[True, True, True, False]])
        >>> AtMarkers(ids=(7, 9)).apply({"batch": {"ids": ids}}, states, mask).tolist()
        [[3.0, 4.0]]

    Reference: Zhang et al., Language Models are Universal Embedders, arXiv:2310.08232 (a piece after
    the text); Chevalier et al., Adapting Language Models to Compress Contexts, arXiv:2305.14788
    (several pieces).
    """

    ids: tuple[int, ...] = (2,)
    inner: Pooling = dataclasses.field(default_factory=Mean)

    def __call__(self, states: Depths, mask: TokenMask) -> Vectors:
        return self.inner(states, self._marked(mask))

    def items(self, mask: TokenMask) -> Bool[Array, "batch *items"] | None:
        # A pooling by itself is only asked whether there are items at all.
        return self.inner.items(mask if self.scope is None else self._marked(mask))

    def _marked(self, mask: TokenMask) -> TokenMask:
        ids = self.told("ids")
        if not self.ids:
            raise UsageError("at_markers needs the ids of pieces, as in at_markers(ids=(2,)).")
        if ids is None:
            raise UsageError("at_markers reads the ids of tokens, and this batch has none.")
        return mask & jnp.isin(ids, jnp.asarray(self.ids))
