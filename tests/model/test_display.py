"""A model is printed in a few lines."""

import jax

from jaxemb import Model, recipes


def test_a_model_is_printed_without_its_weights():
    model = Model.create(recipes.static_bag().embedder, jax.random.key(0))
    lines = repr(model).splitlines()
    assert lines[:2] == ["Model of 1,048,576 parameters", "weights: float32, 4.2 MB"]
    assert len(lines) < 15 and "pooling: Mean()" in lines
    assert "array" not in repr(model).lower()


def test_a_notebook_shows_the_same_lines_as_a_table():
    model = Model.create(recipes.static_bag().embedder, jax.random.key(0))
    page = model._repr_html_()
    assert page.startswith("<table>") and page.count("<tr>") == len(repr(model).splitlines())
    assert "Template(query=&#x27;&#x27;" in page


def test_no_model_is_printed_too():
    assert repr(Model.create(None, jax.random.key(0))) == "Model of 0 parameters"
