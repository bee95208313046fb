"""Sentences of a small grammar, whose structure is known because it made them.

    top  -> clause | prepositional clause | adverb clause | clause and clause | "do" question
    clause -> noun-phrase verb noun-phrase
    noun-phrase -> determiner (adjective) noun (prepositional | relative)
    prepositional -> preposition noun-phrase
    relative -> "that" verb noun-phrase

Nouns and verbs of the training sentences are no nouns and verbs of the others: a label cannot be
read off a remembered word, only off its form or its place.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import numpy as np

from jaxemb.config import AtLeast, fingerprint, smaller
from jaxemb.evaluation.grammar.inflection import verb_forms
from jaxemb.evaluation.probes.sentences import Example, GeneratedLabels, Sentence

Words = tuple[str, ...]


def _words(text: str) -> Words:
    return tuple(text.split())


NOUNS = _words(
    """
    teacher doctor farmer singer driver painter student lawyer baker actor writer sailor waiter
    hunter dancer pilot judge banker tailor miner plumber editor poet clown guard dog cat horse
    cow goat bird duck frog bear tiger camel rabbit monkey turtle spider eagle table chair window
    garden river mountain bridge castle tower market village island forest letter picture basket
    bottle blanket jacket hammer ladder wagon lantern kettle mirror
    """
)
VERBS = _words(
    """
    help follow visit watch call thank invite kick push pull lift paint clean cook open answer
    warn greet guard chase attack admire ignore remember mention describe protect support expect
    accept record correct collect deliver return borrow present perform
    """
)
ADJECTIVES = _words("old young small tall quiet happy clever strange famous tired")
ADVERBS = _words("yesterday today often sometimes perhaps suddenly")
PREPOSITIONS = _words("near behind beside under above with")


class Phrase(NamedTuple):
    """Words, and how many phrases deep they nest."""

    words: Words
    depth: int


class Drawn(NamedTuple):
    """A sentence of the grammar with what the probes ask of it."""

    words: Words
    depth: int
    top: str
    tense: str
    subject: str
    object: str


TOPS = ("clause", "preposition clause", "adverb clause", "clause and clause", "question")


class Grammar:
    """Draws sentences from one half of the nouns and verbs."""

    def __init__(self, half: int, seed: int):
        # Python's own generator: single draws from it cost a tenth of numpy's.
        self.draw = random.Random(seed)
        self.nouns, self.verbs = NOUNS[half::2], VERBS[half::2]

    def sentence(self) -> Drawn:
        """One sentence; every kind of top, tense and number is as likely as the others."""
        top = self._one(TOPS)
        tense = self._one(("present", "past"))
        subject, object_ = self._one(("singular", "plural")), self._one(("singular", "plural"))
        if top == "question":
            first = self._noun_phrase(subject, 2)
            second = self._noun_phrase(object_, 2)
            do = "did" if tense == "past" else "does" if subject == "singular" else "do"
            words = (do, *first.words, self._one(self.verbs), *second.words)
            body = Phrase(words, 1 + max(first.depth, second.depth + 1))
        else:
            body = self._clause(tense, subject, object_)
        opened = self._opened(top, body, tense)
        return Drawn(opened.words, opened.depth, top, tense, subject, object_)

    def _opened(self, top: str, body: Phrase, tense: str) -> Phrase:
        if top == "preposition clause":
            before = self._prepositional(1)
            return Phrase((*before.words, *body.words), 1 + max(before.depth, body.depth))
        if top == "adverb clause":
            return Phrase((self._one(ADVERBS), *body.words), 1 + body.depth)
        if top == "clause and clause":
            numbers = self._one(("singular", "plural")), self._one(("singular", "plural"))
            other = self._clause(tense, *numbers)
            words = (*body.words, "and", *other.words)
            return Phrase(words, 1 + max(body.depth, other.depth))
        return body

    def _clause(self, tense: str, subject: str, object_: str) -> Phrase:
        first, second = self._noun_phrase(subject, 2), self._noun_phrase(object_, 2)
        words = (*first.words, self._verb(tense, subject), *second.words)
        return Phrase(words, 1 + max(first.depth, second.depth + 1))

    def _noun_phrase(self, number: str, levels: int) -> Phrase:
        noun = self._one(self.nouns) + ("s" if number == "plural" else "")
        adjective = (self._one(ADJECTIVES),) if self.draw.random() < 0.4 else ()
        head = ("the", *adjective, noun)
        chance = self.draw.random()
        if levels == 0 or chance < 0.5:
            return Phrase(head, 1)
        after = (
            self._prepositional(levels - 1) if chance < 0.8 else self._relative(number, levels - 1)
        )
        return Phrase((*head, *after.words), 1 + after.depth)

    def _prepositional(self, levels: int) -> Phrase:
        inner = self._noun_phrase(self._one(("singular", "plural")), levels)
        return Phrase((self._one(PREPOSITIONS), *inner.words), 1 + inner.depth)

    def _relative(self, number: str, levels: int) -> Phrase:
        """Its verb's tense is drawn on its own: only the main verb's is asked for."""
        inner = self._noun_phrase(self._one(("singular", "plural")), levels)
        verb = self._verb(self._one(("present", "past")), number)
        return Phrase(("that", verb, *inner.words), 2 + inner.depth)

    def _verb(self, tense: str, subject: str) -> str:
        base, third, past, _ = verb_forms(self._one(self.verbs))
        return past if tense == "past" else third if subject == "singular" else base

    def _one(self, words: Sequence[str]) -> str:
        return self.draw.choice(words)


@dataclass(frozen=True, kw_only=True)
class GrammarLabels(GeneratedLabels):
    """Base of probes on sentences of the grammar; strata are lengths.

    `drawn` sentences per split are drawn before they are balanced. Each is its own cluster.
    """

    drawn: Annotated[int, AtLeast(1)] = 12_000

    def examples(self, split: str, draw: np.random.Generator) -> Sequence[Example]:
        grammar = Grammar(0 if split == "train" else 1, int(draw.integers(2**31)))
        different = {s.words: s for s in (grammar.sentence() for _ in range(self.drawn))}
        found = []
        for number, sentence in enumerate(different.values()):
            label = self.label(sentence)
            if label is not None:
                kept = Sentence(sentence.words, f"{number:06d}")
                found.append(Example(kept, label, len(sentence.words)))
        return found

    asked: ClassVar[str]

    def small(self) -> "GrammarLabels":
        return smaller(super().small(), drawn=1500)

    def label(self, sentence: Drawn) -> int | None:
        """The number of the sentence's label; None leaves it out."""
        return self.names.index(getattr(sentence, self.asked))

    def fingerprint(self) -> str:
        return fingerprint(self, [*NOUNS, *VERBS, *ADJECTIVES, *ADVERBS, *PREPOSITIONS])


@dataclass(frozen=True, kw_only=True)
class Tense(GrammarLabels):
    """Is the main verb in the past? Reference: arXiv:1805.01070 (Tense)."""

    names: ClassVar[tuple[str, ...]] = ("present", "past")
    asked: ClassVar[str] = "tense"


@dataclass(frozen=True, kw_only=True)
class SubjectNumber(GrammarLabels):
    """Is the main subject plural? Reference: arXiv:1805.01070 (SubjNum)."""

    names: ClassVar[tuple[str, ...]] = ("singular", "plural")
    asked: ClassVar[str] = "subject"


@dataclass(frozen=True, kw_only=True)
class ObjectNumber(GrammarLabels):
    """Is the main object plural? Reference: arXiv:1805.01070 (ObjNum)."""

    names: ClassVar[tuple[str, ...]] = ("singular", "plural")
    asked: ClassVar[str] = "object"


@dataclass(frozen=True, kw_only=True)
class TreeDepth(GrammarLabels):
    """How deep does the sentence nest: `shallowest` or up to `classes` - 1 phrases deeper?

    Sentences of other depths are left out. Reference: arXiv:1805.01070 (TreeDepth).
    """

    shallowest: Annotated[int, AtLeast(0)] = 5
    classes: Annotated[int, AtLeast(1)] = 3

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(str(self.shallowest + n) for n in range(self.classes))

    def label(self, sentence: Drawn) -> int | None:
        label = sentence.depth - self.shallowest
        return label if 0 <= label < self.classes else None


@dataclass(frozen=True, kw_only=True)
class TopConstituents(GrammarLabels):
    """What is the sentence made of at the top? Reference: arXiv:1805.01070 (TopConst)."""

    names: ClassVar[tuple[str, ...]] = TOPS
    asked: ClassVar[str] = "top"
