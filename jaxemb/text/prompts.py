"""Templates that ask a language model about a text, so that the next token's state sums it up."""

from dataclasses import dataclass, replace

from jaxemb.config import Part, UsageError
from jaxemb.text.templates import Template


@dataclass(frozen=True, kw_only=True)
class Demonstration(Part):
    """A sentence with the word that is the right answer."""

    sentence: str
    word: str


@dataclass(frozen=True, kw_only=True)
class Asking(Template):
    """The text in quotes between `before` and `after`, which opens the quotes of an answer.

    Read by a causal model with `LastToken`, the state that would begin the answer is the text's
    vector. Demonstrations stand before it, each with its answer. A text that is too long is cut, and
    what is written after it is kept. The prefix of a role, if any, comes first.

    Inside quotes a text ends with a full stop: one is added where there is none, or takes a question
    mark's place; double quotes become single ones.

    Raises:
        UsageError: on reading a text: the model's `max_tokens` leave no room for it.

    Example:
        >>> shown = (Demonstration(sentence="meat from a deer.", word="Venison"),)
        >>> Asking(demonstrations=shown).prefix("query")
        'This sentence : "meat from a deer." means in one word:"Venison".This sentence : "'

    Reference: Jiang et al., Scaling Sentence Embeddings with Large Language Models,
    arXiv:2307.16645.
    """

    before: str = 'This sentence : "'
    after: str = '" means in one word:"'
    demonstrations: tuple[Demonstration, ...] = ()

    def prefix(self, role: str) -> str:
        shown = (
            f'{self.before}{self.spelled(one.sentence)}{self.after}{one.word}".'
            for one in self.demonstrations
        )
        return super().prefix(role) + "".join(shown) + self.before

    def suffix(self, role: str) -> str:
        return self.after

    def spelled(self, text: str) -> str:
        """The text as it stands in double quotes.

        Example:
            >>> Asking().spelled('Is "this" it?')
            "Is 'this' it."
        """
        text = text.strip().replace('"', "'")
        if text.endswith("?"):
            return f"{text[:-1]}."
        return text if text.endswith((".", "'")) else f"{text}."

    @property
    def prompts(self) -> dict[str, str]:
        return {side: self.prefix(side) for side in ("query", "document")}

    def small(self) -> "Asking":
        """The last word before the text and the last one after it: room for a text in few tokens."""
        ends = self.before.split(" ")[-1], self.after.split(" ")[-1]
        return replace(self, before=ends[0], after=ends[1], demonstrations=())


@dataclass(frozen=True, kw_only=True)
class PromptEnsemble(Template):
    r"""Several templates: a text's vector is the mean of those that it has with each of them.

    $$v = \frac{1}{K} \sum_k v_k$$

    before any scaling to unit length but the head's own: choose the head `Identity` to average states
    as they are. It embeds, and is not trained with: a batch of training holds each text once.

    Raises:
        UsageError: there is no template; or a text is to be tokenised in all ways at once.

    Reference: Lei et al., Meta-Task Prompting Elicits Embeddings from Large Language Models,
    arXiv:2402.18458.
    """

    templates: tuple[Template, ...]

    def __post_init__(self) -> None:
        if not self.templates:
            raise UsageError("PromptEnsemble needs at least one template.")

    @property
    def ways(self) -> tuple[Template, ...]:
        return tuple(way for template in self.templates for way in template.ways)

    def prefix(self, role: str) -> str:
        raise UsageError("A mean over prompts has no prefix of its own: name one of its templates.")

    @property
    def prompts(self) -> dict[str, str]:
        return {}


# --- tasks that a text can be asked about

_TOLD = {
    "topic": (
        "In this task, you're presented with a text excerpt. Your task is to categorize the excerpt "
        "into a broad category such as 'Education', 'Technology', 'Health', 'Business', "
        "'Environment', 'Politics', or 'Culture'. These categories help in organizing content for "
        "better accessibility and targeting. For this task,",
        "should be classified under one general category",
    ),
    "opinion": (
        "In this task, you're given a statement and you need to determine whether it's presenting "
        "an 'Opinion' or a 'Fact'. This distinction is vital for information verification, "
        "educational purposes, and content analysis. For this task,",
        "discriminates between opinion and fact",
    ),
    "rating": (
        "In this task, you're given a review from an online platform. Your task is to generate a "
        "rating for the product based on the review on a scale of 1-5, where 1 means 'extremely "
        "negative' and 5 means 'extremely positive'. For this task,",
        "reflects the sentiment",
    ),
    "emotion": (
        "In this task, you're reading a personal diary entry. Your task is to identify the "
        "predominant emotion expressed, such as joy, sadness, anger, fear, or love. For this task,",
        "conveys the emotion",
    ),
    "paraphrase": (
        "In this task, you're presented with two sentences. Your task is to assess whether the "
        "sentences convey the same meaning. Use 'identical', 'similar', 'different', or 'unrelated' "
        "to describe the relationship. To enhance the performance of this task,",
        "means",
    ),
    "synonym": (
        "In this task, you're given a sentence and a phrase. Your task is to determine if the phrase "
        "can be a contextual synonym within the given sentence. Options include 'yes', 'no', or "
        "'partially'. To enhance the performance of this task,",
        "means",
    ),
    "fact": (
        "In this task, you're examining a news article. Your task is to extract the most critical "
        "fact from the article. For this task,",
        "encapsulates the key fact",
    ),
    "entity": (
        "In this task, you're reviewing a scientific abstract. Your task is to identify the main "
        "entities (e.g., proteins, diseases) and their relations (e.g., causes, treats). For this "
        "task,",
        "highlights the primary entity or relation",
    ),
}
TASK_PROMPTS = {
    name: Asking(before=f'{told} this sentence : "', after=f'" {asked} in one word:"')
    for name, (told, asked) in _TOLD.items()
}
"""What a text can be asked about: its topic, opinion, rating, emotion, meaning (twice), fact, entity.

Reference: Lei et al., Meta-Task Prompting Elicits Embeddings from Large Language Models,
arXiv:2402.18458, appendix.
"""
