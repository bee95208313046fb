"""Questions made of sentences by rule, where nobody wrote any."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxemb.data.base import View
from jaxemb.data.views import SummaryToBody, numbered

_ARTICLES = ("a", "an", "the", "all", "any", "each", "some")
_WORDS = """
    abort accept activate add adjust align allow append apply approximate assert assign attach bind
    build calculate call cast change check choose clean clear clip close coerce collect combine compare
    compile compute concatenate configure connect construct convert copy count create decode decompose
    decrease define delete describe destroy detect determine disable display divide download draw drop
    emit enable encode ensure estimate evaluate execute expand export extend extract fetch fill filter
    find fit flatten flip force format generate get give group handle hash hold implement import
    increase indicate infer initialize insert install invoke iterate join keep list load lock log make
    map mark match measure merge modify move multiply normalize open parse perform permute pick place
    plot pop predict prepare print process produce provide push put raise read receive reduce register
    remove rename render repeat replace report represent reset reshape resize resolve restore retrieve
    return reverse rotate round run sample save scale score search select send serialize set shift show
    shuffle simulate skip slice solve sort specify split stack start stop store subtract sum support
    swap switch test trace train transform translate transpose trim truncate try tune unlock unpack
    update upload use validate verify wait warn wrap write yield
"""
_VERBS = frozenset(_WORDS.split())


@dataclass(frozen=True, kw_only=True)
class Questions(View):
    """The inner view with each query as a question, by rule: what a person might type.

    A sentence that begins with what is done becomes "How do I ...?", one that begins with what is
    given back "How do I get ...?", and one that names a thing "What is ...?". Only the first sentence
    is asked. A question stays as it is. The verbs are those of documentation, in English.

    They are synthetic queries without a language model: their words are the document's own, so that
    models trained on them learn less about other words than models trained on what people ask.

    Example:
        >>> from jaxemb.data.questions import question
        >>> question("Sort a list in place.  It is stable."), question("Returns the mean of rows.")
        ('How do I sort a list in place?', 'How do I get the mean of rows?')

    Reference: for queries that a language model writes, Merrick et al., Arctic-Embed,
    arXiv:2405.05374.
    """

    inner: View = SummaryToBody()

    @property
    def columns(self) -> tuple[str, ...]:
        return self.inner.columns

    def __call__(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        asked = [{**one, "query": question(one["query"])} for one in self.inner(records)]
        texts = [name.removesuffix("_id") for name in self.columns if name.endswith("_id")]
        return numbered(asked, *texts)


def question(sentence: str) -> str:
    """A sentence as a question; an empty one stays empty.

    Example:
        >>> question("The number of rows.")
        'What is the number of rows?'
    """
    said = _first(" ".join(sentence.split()))
    if not said or said.endswith("?"):
        return said
    word, _, rest = said.partition(" ")
    verb = _verb(word)
    if verb in ("return", "get", "give") and rest:
        return f"How do I get {rest}?"
    if verb and rest:
        return f"How do I {verb} {rest}?"
    if word in ("This", "These") and " " in rest:
        return f"What {rest.partition(' ')[2]}?"
    thing = word.lower() if word.lower() in _ARTICLES else word
    return f"What is {thing} {rest}".rstrip() + "?"


def _first(text: str) -> str:
    """Up to the first full stop that ends a sentence, without it."""
    head = text.partition(". ")[0]
    return head.rstrip(".:;!, ")


def _verb(word: str) -> str:
    """The verb of a sentence that begins with what is done, as an order has it; else nothing."""
    lowered = word.lower()
    forms = (lowered, lowered.removesuffix("s"), lowered.removesuffix("es"))
    forms = (*forms, lowered.removesuffix("ies") + "y")
    return next((form for form in forms if form in _VERBS), "")
