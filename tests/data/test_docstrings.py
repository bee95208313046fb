import pytest

from jaxemb.data.pydocs.docstrings import mentions, split, without_signature

NUMPYDOC = """
    Return a sorted copy
    of an array.

    Parameters
    ----------
    a : array_like
        Array to be sorted.

    See Also
    --------
    ndarray.sort : Method to sort an array
        in-place.
    argsort, lexsort
    :func:`~numpy.searchsorted` : Find elements.

    Notes
    -----
    Uses :func:`the quick sort <quick.sort>` and `a page <https://example.org>`_.

    Examples
    --------
    >>> sort([2, 1])
    array([1, 2])
"""


def test_the_summary_is_the_first_paragraph_as_one_line():
    summary, body = split(NUMPYDOC)
    assert summary == "Return a sorted copy of an array."
    assert body.startswith("Parameters a : array_like Array to be sorted.\nSee Also")


def test_rules_prompts_and_marks_go_and_their_text_stays():
    body = split(NUMPYDOC)[1]
    assert "---" not in body and ">>>" not in body and ":func:" not in body
    assert "sort([2, 1]) array([1, 2])" in body
    assert "Uses the quick sort and a page." in body
    assert "numpy.searchsorted : Find elements." in body


def test_a_long_first_paragraph_is_cut_after_its_first_sentence():
    first = "Sort the values of an array, e.g. along an axis."
    summary, body = split(first + " " + "The sort is stable. " * 20 + "\n\nMore.")
    assert summary == first
    assert body.startswith("The sort is stable.") and body.endswith("\nMore.")


@pytest.mark.parametrize("docstring", ["", "  \n ", "----"])
def test_nothing_gives_nothing(docstring):
    assert split(docstring) == ("", "")


def test_table_borders_are_dropped():
    assert split("Types.\n\n+----+----+\n| a  | b  |\n+====+====+")[1] == "| a | b |"


def test_mentions_are_the_see_also_section_then_the_roles():
    assert mentions(NUMPYDOC) == [
        "ndarray.sort", "argsort", "lexsort", "numpy.searchsorted", "quick.sort",
    ]  # fmt: skip


def test_prose_after_see_also_is_no_mention():
    assert mentions("Sort.\n\nSee Also\n--------\nThe other page, which tells more.") == []


@pytest.mark.parametrize(
    ("docstring", "rest"),
    [
        ("add(x1, x2, /)\n\nAdd arguments.", "Add arguments."),
        ("add(x1, x2,\n    out=None)\n\nAdd arguments.", "Add arguments."),
        ("add(x)\n\nadd(x, out=None)\n\nAdd arguments.", "Add arguments."),
        ("add(x) -> y\nadd(x, y) -> z\n\nAdd arguments.", "Add arguments."),
        ("y = add(x)\n\nAdd arguments.", "Add arguments."),
        ("Add (x) to y.", "Add (x) to y."),
        ("add(x) -> y", "add(x) -> y"),
        ("added(x) is no call of it", "added(x) is no call of it"),
    ],
)
def test_the_calls_of_compiled_functions_are_dropped(docstring, rest):
    assert without_signature("add", docstring) == rest
