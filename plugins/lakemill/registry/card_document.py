"""The content of model cards, kept in the lake: for whoever shows them where MLflow need not be asked.

Stays out: what a card says, and the files that the registry keeps (``model_card.py``, ``promoting.py``).
"""

from lakemill.lake import Lake
from lakemill.registry.model_card import Card, Figure, Section


def keep_card(lake: Lake, version: str, card: Card) -> None:
    """Keep a version's card, in place of an earlier one."""
    content = {
        "title": card.title,
        "question": card.question,
        "verdict": card.verdict,
        "partition": card.partition,
        "figures": [vars(one) for one in card.figures],
        "sections": [{"title": one.title, "head": one.head, "rows": list(one.rows)} for one in card.sections],
    }
    lake.write_document(f"cards/{version}", content)


def read_card(lake: Lake, version: str) -> Card | None:
    """Return a version's card, None where none was kept."""
    held = lake.read_document(f"cards/{version}")
    if held is None:
        return None
    sections = [
        Section(one["title"], tuple(one["head"]), [tuple(row) for row in one["rows"]]) for one in held["sections"]
    ]
    figures = tuple(Figure(**one) for one in held["figures"])
    return Card(held["title"], held["question"], held["verdict"], held["partition"], figures, tuple(sections))
