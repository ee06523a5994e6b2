"""Errors are shown to people as they stand."""

import pytest

from lakemill.exceptions import ConfigError, LakemillError, suggest


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (LakemillError("no file"), "no file"),
        (LakemillError("no file", where="x.yaml"), "x.yaml: no file"),
        (LakemillError("no file", remedy="bring it"), "no file\n  -> bring it"),
        (ConfigError("no file", where="x.yaml", remedy="bring it"), "x.yaml: no file\n  -> bring it"),
    ],
)
def test_an_error_says_where_what_and_what_to_do(error, shown):
    assert str(error) == shown


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("colect", "did you mean 'collect'?"),
        ("collect ", "did you mean 'collect'?"),
        ("weather", "known: collect, table"),
        ("", "known: collect, table"),
    ],
)
def test_a_near_name_is_suggested_and_else_all_are_listed(name, said):
    assert suggest(name, ["collect", "table"]) == said
