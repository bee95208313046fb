"""How commands answer, and the experiment that is asked about."""

NAME = "pooling_and_attention"


def refused(result: tuple[int, str, str]) -> str:
    """The one sentence that a refused command leaves."""
    code, out, err = result
    assert (code, out) == (2, ""), (code, out, err)
    assert err.startswith("error: ") and err.count("\n") == 1
    return err
