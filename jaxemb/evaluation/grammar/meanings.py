"""A small grammar that says one meaning in many ways, so that sameness of meaning is exact."""

import dataclasses
import functools
import itertools
from typing import Annotated, NamedTuple

import numpy as np

from jaxemb.config import AtLeast, smaller
from jaxemb.evaluation.paraphrase.paraphrasers import Paraphraser
from jaxemb.evaluation.problems import RetrievalData, RetrievalProblem


class Meaning(NamedTuple):
    """Who does what to whom, and where: the numbers of the concepts."""

    agent: int
    action: int
    patient: int
    place: int


# Each row is a concept, each entry a way of saying it.
PEOPLE = (
    ("doctor", "physician"),
    ("teacher", "instructor"),
    ("lawyer", "attorney"),
    ("child", "kid"),
    ("author", "writer"),
    ("soldier", "trooper"),
    ("thief", "burglar"),
    ("guest", "visitor"),
    ("policeman", "constable"),
    ("farmer", "grower"),
    ("sailor", "mariner"),
    ("buyer", "purchaser"),
)
ACTIONS = (
    (("helps", "helped"), ("assists", "assisted")),
    (("hires", "hired"), ("employs", "employed")),
    (("phones", "phoned"), ("calls", "called")),
    (("watches", "watched"), ("observes", "observed")),
    (("annoys", "annoyed"), ("irritates", "irritated")),
    (("scares", "scared"), ("frightens", "frightened")),
    (("rescues", "rescued"), ("saves", "saved")),
    (("chases", "chased"), ("pursues", "pursued")),
)
PLACES = (
    ("in the woods", "in the forest"),
    ("in the shop", "in the store"),
    ("on the road", "on the street"),
    ("on the boat", "on the vessel"),
    ("at the airport", "at the airfield"),
    ("in the cellar", "in the basement"),
)


class Style(NamedTuple):
    """How a meaning is said: which word for each concept, voice, and where the place stands."""

    words: tuple[int, int, int, int]
    passive: bool
    place_first: bool


PLAIN = Style((0, 0, 0, 0), passive=False, place_first=False)


def render(meaning: Meaning, style: Style = PLAIN) -> str:
    """The sentence that says a meaning in a style.

    Example:
        >>> render(Meaning(0, 0, 1, 0))
        'The doctor helps the teacher in the woods.'
        >>> render(Meaning(0, 0, 1, 0), Style((1, 1, 0, 1), passive=True, place_first=True))
        'In the forest, the teacher is assisted by the physician.'
    """
    agent, action, patient, place = style.words
    who, whom = PEOPLE[meaning.agent][agent], PEOPLE[meaning.patient][patient]
    third, participle = ACTIONS[meaning.action][action]
    where = PLACES[meaning.place][place]
    clause = (
        f"the {whom} is {participle} by the {who}"
        if style.passive
        else f"the {who} {third} the {whom}"
    )
    sentence = f"{where}, {clause}." if style.place_first else f"{clause} {where}."
    return sentence[0].upper() + sentence[1:]


@functools.cache
def styles() -> list[Style]:
    """Every way of saying a meaning, 64 of them."""
    return [
        Style(words, passive, first)
        for words in itertools.product((0, 1), repeat=4)
        for passive, first in itertools.product((False, True), repeat=2)
    ]


def understand(text: str) -> Meaning | None:
    """The meaning of a sentence of the grammar; None for any other text.

    Example:
        >>> understand("In the forest, the teacher is assisted by the physician.")
        Meaning(agent=0, action=0, patient=1, place=0)
    """
    words = text.lower().replace(",", " ").replace(".", " ").split()
    places = [n for n, row in enumerate(PLACES) for place in row if place in text.lower()]
    people = [_PEOPLE[word] for word in words if word in _PEOPLE]
    actions = [_ACTIONS[word] for word in words if word in _ACTIONS]
    if (len(people), len(actions), len(places)) != (2, 1, 1):
        return None
    found = (Meaning(a, actions[0], b, places[0]) for a, b in (people, people[::-1]))
    return next((m for m in found if any(render(m, style) == text for style in styles())), None)


_PEOPLE = {word: n for n, row in enumerate(PEOPLE) for word in row}
_ACTIONS = {form: n for n, row in enumerate(ACTIONS) for verb in row for form in verb}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Restyled(Paraphraser):
    """Says the meaning of a sentence of the grammar in another style, drawn at random.

    The meaning is the same exactly, not in somebody's judgement. Other texts stay as they are.

    Example:
        >>> said = Restyled()("The doctor helps the teacher in the woods.", np.random.default_rng(0))
        >>> understand(said)
        Meaning(agent=0, action=0, patient=1, place=0)
    """

    def __call__(self, text: str, draw: np.random.Generator) -> str:
        meaning = understand(text)
        if meaning is None:
            return text
        others = [said for style in styles() if (said := render(meaning, style)) != text]
        return others[draw.integers(len(others))]


def meanings(count: int, draw: np.random.Generator) -> list[Meaning]:
    """Different meanings in pairs that differ in nothing but who does it to whom.

    A model that counts words cannot tell the two of a pair apart.
    """
    found: dict[Meaning, None] = {}
    while len(found) < count:
        agent, patient = draw.choice(len(PEOPLE), 2, replace=False).tolist()
        action, place = int(draw.integers(len(ACTIONS))), int(draw.integers(len(PLACES)))
        found[Meaning(agent, action, patient, place)] = None
        found[Meaning(patient, action, agent, place)] = None
    return list(found)[:count]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeaningRetrieval(RetrievalData):
    """Find the sentence that says the same, with the place first, among sentences about others.

    Query and answer use the same words. Every meaning has a counterpart with agent and patient in
    each other's place, which the same words say, so that counting words is right every other time.
    `Paraphrased(inner=..., paraphraser=Restyled())` then puts both into other words.

    Example:
        >>> problem = MeaningRetrieval(documents=4).load()
        >>> len(problem.documents), problem.relevant[0]
        (4, {0: 1})
    """

    documents: Annotated[int, AtLeast(1)] = 300
    seed: Annotated[int, AtLeast(0)] = 0

    def load(self) -> RetrievalProblem:
        said = meanings(self.documents, np.random.default_rng(self.seed))
        first = PLAIN._replace(place_first=True)
        return RetrievalProblem(
            queries=[render(meaning, first) for meaning in said],
            documents=[render(meaning) for meaning in said],
            relevant=[{place: 1} for place in range(len(said))],
            clusters=np.arange(len(said), dtype=np.int32) // 2,
        )

    def small(self) -> "MeaningRetrieval":
        return smaller(self, documents=64)
