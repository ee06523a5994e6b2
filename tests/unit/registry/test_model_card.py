"""The model card: the same content as Markdown and as HTML, with what is not known left open."""

from html.parser import HTMLParser
from typing import Any

import pytest
from workflows_for_tests import make_workflow

from lakemill.registry.model_card import make_card, write_html, write_markdown

EVALUATED: dict[str, Any] = {
    "verdict": "pass",
    "metric": "roc_auc",
    "score": 0.8,
    "standard_error": 0.01,
    "naive": 0.5,
    "champion_score": None,
    "left_out": {"code": "has one value only"},
    "findings": [
        {"rule": "floor", "is_met": True, "text": "roc_auc 0.8000, no floor set"},
        {"rule": "leakage", "is_met": True, "text": "warning: <leak> | alone reaches 1.000"},
    ],
    "label_noise": {"noise_rate": 0.0123, "verdict": "estimated"},
    "sampled": None,
}
TAGS = {"snapshot": "abc", "as_of": "2020-01-02T00:00:00+00:00", "sklearn_version": "1.9.0", "commit": "c0ffee"}
DETAILS = {"snapshot": {"partitions": ["2020-01-01", "2020-01-02"]}, "fit": {"note": "the best score"}}
FIGURES = {"rows_train": 70.0, "rows_test": 15.0, "fit_cpu_seconds": 1.25, "fit_peak_bytes": 2.0**20}


def make(**said: Any) -> Any:
    given = {"tags": TAGS, "details": DETAILS, "parameters": {"C": "1.0"}, "figures": FIGURES, **said}
    return make_card(make_workflow(), "3", **{"evaluated": EVALUATED, **given})


class Reader(HTMLParser):
    """What a page holds: its titles, and the cells of its tables."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.titles: list[str] = []
        self.cells: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["h2"]:
            self.titles.append(data)
        if "tbody" in self.open:
            self.cells.append(data)


def test_both_forms_hold_all_sections_and_all_values() -> None:
    card = make()

    markdown, page = write_markdown(card), Reader(write_html(card))

    titles = [
        "Question",
        "Data",
        "Features",
        "Model",
        "Scores on test rows",
        "Slices",
        "Gate",
        "Labels",
        "Cost",
        "Limits",
    ]
    assert page.titles == titles
    assert page.open == []
    assert [line.removeprefix("## ") for line in markdown.splitlines() if line.startswith("## ")] == titles
    for told in (
        "Is this big?",
        "abc",
        "2: 2020-01-01 to 2020-01-02",
        "70 train, 15 test",
        "has one value only",
        "c0ffee",
    ):
        assert any(told in cell for cell in page.cells)
        assert told in markdown


def test_a_score_has_its_interval() -> None:
    page = Reader(write_html(make()))
    at = page.cells.index("roc_auc")
    assert page.cells[at : at + 3] == ["roc_auc", "0.8000", "0.7804 to 0.8196"]


def test_figures_and_slices_of_the_gate_are_told_where_it_has_them() -> None:
    figure = {"metric": "accuracy", "score": 0.9, "low": 0.8, "high": 0.95, "champion": {"gain": 0.85}}
    slices = {"slices": [{"cut": "colour = red", "rows": 12, "score": 0.7, "other": 0.6, "gain": 0.1}]}

    page = Reader(write_html(make(evaluated={**EVALUATED, "figures": [figure], "slices": slices})))

    for told in (["accuracy", "0.9000", "0.8000 to 0.9500", "0.8500"], ["colour = red", "12", "0.7000", "0.6000"]):
        at = page.cells.index(told[0])
        assert page.cells[at : at + 4] == told


@pytest.mark.parametrize("write", [write_markdown, write_html])
def test_what_values_hold_breaks_no_form(write: Any) -> None:
    written = write(make())
    if write is write_html:
        assert "<leak>" not in written
        assert "warning: <leak> | alone reaches 1.000" in Reader(written).cells
    else:
        assert r"&lt;leak> \| alone" in written


def test_what_is_not_known_is_left_open() -> None:
    bare = {"tags": {}, "details": {}, "parameters": {}, "figures": {}}
    nothing = {**EVALUATED, "score": None, "label_noise": None, "left_out": {}}

    page = Reader(write_html(make(**bare, evaluated=nothing)))

    assert "not estimated" in page.cells
