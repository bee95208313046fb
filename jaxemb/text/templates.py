"""What is written before a text, by its role: one policy for training and for evaluation."""

from dataclasses import dataclass, fields

from jaxemb.config import Part, UsageError


@dataclass(frozen=True, kw_only=True)
class Template(Part):
    """A prefix a role: the text that is embedded is `prefix(role) + text`.

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
        roles = [field.name for field in fields(self)]
        if role not in roles:
            raise UsageError(f"unknown role {role!r} of a text; roles: {', '.join(roles)}")
        return getattr(self, role)
