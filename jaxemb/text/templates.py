"""What is written before a text, by its role: one policy for training and for evaluation."""

from dataclasses import dataclass, fields

from jaxemb.config import Part, UsageError


@dataclass(frozen=True, kw_only=True)
class Template(Part):
    """A prefix a role: the text that is embedded is `prefix(role) + text`.

    A role is a side, `"query"` or `"document"`, or a task's type and a side, `"clustering/document"`.
    This template tells sides apart; `TaskTemplate` tells tasks apart too.

    Example:
        >>> Template(query="search: ").prefix("query")
        'search: '

    Reference: Wang et al., "Text Embeddings by Weakly-Supervised Contrastive Pre-training",
    arXiv:2212.03533 (the prefixes "query: " and "passage: ").
    """

    query: str = ""
    document: str = ""

    def prefix(self, role: str) -> str:
        """The prefix of a role.

        Raises:
            UsageError: the role is not a field of the template.
        """
        roles = [field.name for field in fields(Template)]
        side = side_of(role)
        if side not in roles:
            raise UsageError(f"unknown role {role!r} of a text; roles: {', '.join(roles)}")
        return getattr(self, side)

    def suffix(self, role: str) -> str:
        """What is written after a text; it is kept where a long text is cut."""
        return ""

    def spelled(self, text: str) -> str:
        """The text as it stands between prefix and suffix."""
        return text

    @property
    def ways(self) -> tuple["Template", ...]:
        """Templates that a text is embedded with in turn; its vector is the mean of what they give."""
        return (self,)

    @property
    def prompts(self) -> dict[str, str]:
        """Every prefix by its role; a side without one, of which texts are refused, is left out."""
        sides = {"query": self.query, "document": self.document}
        return {side: said for side, said in sides.items() if said is not None}

    @property
    def tells_tasks_apart(self) -> bool:
        """Whether a prefix depends on the type of the task."""
        return False


@dataclass(frozen=True, kw_only=True)
class Enclosed(Template):
    """A mark of each side before a text and another one after it: `[before] text [after]`.

    The closing mark stays where a long text is cut, so that `LastToken` reads the state at it; a mark
    that the tokenizer knows as one piece, such as "[SEP]", is one token.

    Args:
        query: before a query.
        document: before a document.
        after_query: after a query.
        after_document: after a document.

    Example:
        >>> marks = Enclosed(query="[ask] ", after_query=" [/ask]", after_document=" [/text]")
        >>> marks.suffix("query"), marks.suffix("retrieval/document")
        (' [/ask]', ' [/text]')

    Reference: Neelakantan et al., Text and Code Embeddings by Contrastive Pre-Training,
    arXiv:2201.10005 (whose delimiters differ between the two sides).
    """

    after_query: str = ""
    after_document: str = ""

    def suffix(self, role: str) -> str:
        """The closing mark of a role's side.

        Raises:
            UsageError: the role has no side.
        """
        self.prefix(role)
        return getattr(self, f"after_{side_of(role)}")


@dataclass(frozen=True, kw_only=True)
class Prefix(Part):
    """What is written before the texts of one type of task, on one side or, with None, on both."""

    task: str
    text: str
    side: str | None = None

    @property
    def written(self) -> str:
        """The prefix as it stands before a text."""
        return self.text


@dataclass(frozen=True, kw_only=True)
class Instruction(Prefix):
    r"""What a model is asked to do with the texts of one type of task, before them.

    It is written as `Instruct: {text}\nQuery: `. Of tasks that search, instruct the queries alone
    (`side="query"`, and an empty `Prefix` for documents); of tasks whose two texts are alike, both.

    Example:
        >>> Instruction(task="sts", text="Retrieve semantically similar text").written
        'Instruct: Retrieve semantically similar text\nQuery: '

    Reference: Wang et al., Improving Text Embeddings with Large Language Models, arXiv:2401.00368;
    KaLM-Embedding-V2, arXiv:2506.20923.
    """

    @property
    def written(self) -> str:
        return f"Instruct: {self.text}\nQuery: "


@dataclass(frozen=True, kw_only=True)
class TaskTemplate(Template):
    """A policy: a prefix for each type of task and side, in training and in evaluation alike.

    Types of tasks are what `Task.kind` says: `"retrieval"`, `"sts"`, `"clustering"`, ... A type that
    the policy does not list is refused, rather than embedded without prefix. `query` and `document`
    are for texts that belong to no task, such as those of `Model.encode("a text")`; None refuses
    these as well.

    Example:
        >>> policy = TaskTemplate(
        ...     prefixes=(
        ...         Prefix(task="retrieval", side="query", text="search_query: "),
        ...         Prefix(task="retrieval", side="document", text="search_document: "),
        ...         Prefix(task="clustering", text="clustering: "),
        ...     ),
        ... )
        >>> policy.prefix("retrieval/query"), policy.prefix("clustering/document")
        ('search_query: ', 'clustering: ')

    Raises:
        UsageError: two prefixes for one type and side.

    Reference: Snegirev et al., "The Russian-focused embedders' exploration: ruMTEB benchmark and
    Russian embedding model design", arXiv:2408.12503.
    """

    query: str | None = None
    document: str | None = None
    prefixes: tuple[Prefix, ...] = ()

    def __post_init__(self) -> None:
        for n, prefix in enumerate(self.prefixes):
            for other in self.prefixes[:n]:
                if other.task == prefix.task and (
                    None in (other.side, prefix.side) or other.side == prefix.side
                ):
                    raise UsageError(
                        f"the template has two prefixes for {prefix.task}: "
                        f"{other.text!r} and {prefix.text!r}"
                    )

    def prefix(self, role: str) -> str:
        """The prefix of a task's type and side.

        Raises:
            UsageError: the policy lists none.
        """
        found = self.prompts.get(role)
        if found is None:
            listed = ", ".join(dict.fromkeys(prefix.task for prefix in self.prefixes)) or "no task"
            raise UsageError(
                f"this model's template has no prefix for {role!r}; it has prefixes for {listed}. "
                'Name the task, as in role="retrieval/query", or add a Prefix.'
            )
        return found

    @property
    def prompts(self) -> dict[str, str]:
        told = {
            f"{prefix.task}/{side}": prefix.written
            for prefix in self.prefixes
            for side in ((prefix.side,) if prefix.side else ("query", "document"))
        }
        return super().prompts | told

    @property
    def tells_tasks_apart(self) -> bool:
        return True


def side_of(role: str) -> str:
    """The side of a role: `"query"` of `"retrieval/query"`."""
    return role.rpartition("/")[2]
