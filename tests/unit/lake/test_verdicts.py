"""Decisions are kept with their evidence, one for each kind and partition."""

from datetime import datetime, timezone

from lakemill.lake.verdicts import KINDS, Verdict, read_all_verdicts, read_verdicts, record_verdict

AS_OF = datetime(2024, 3, 2, tzinfo=timezone.utc)


def published(key: str = "2024-03-01", **changes) -> Verdict:
    values = {"verdict": "published", "reasons": ("a", "b"), "evidence": {"rows": 3, "share": 0.5, "none": None}}
    return Verdict(**{"kind": "ingestion", "partition": key, "as_of": AS_OF, **values, **changes})


def test_a_verdict_comes_back_as_it_was(lake):
    assert record_verdict(lake, published()) is True
    assert read_verdicts(lake, "ingestion") == {"2024-03-01": published()}


def test_a_verdict_without_reasons_or_evidence_comes_back_too(lake):
    plain = published(reasons=(), evidence={})
    record_verdict(lake, plain)
    assert read_verdicts(lake, "ingestion") == {"2024-03-01": plain}


def test_the_same_verdict_again_changes_nothing(lake):
    record_verdict(lake, published())
    assert record_verdict(lake, published()) is False


def test_a_later_verdict_takes_the_place_of_the_earlier(lake):
    record_verdict(lake, published(verdict="blocked"))
    record_verdict(lake, published())
    assert [found.verdict for found in read_verdicts(lake, "ingestion").values()] == ["published"]


def test_kinds_and_partitions_stand_beside_each_other_in_order(lake):
    record_verdict(lake, published("2024-03-02"))
    record_verdict(lake, published("2024-03-01"))
    record_verdict(lake, published(kind="gate", verdict="pass"))
    assert list(read_verdicts(lake, "ingestion")) == ["2024-03-01", "2024-03-02"]
    assert [found.verdict for found in read_verdicts(lake, "gate").values()] == ["pass"]


def test_a_lake_without_verdicts_has_none(lake):
    assert read_verdicts(lake, "ingestion") == {}


def test_all_verdicts_are_those_of_each_kind(lake):
    record_verdict(lake, published("2024-03-02"))
    record_verdict(lake, published("2024-03-01"))
    record_verdict(lake, published(kind="gate", verdict="pass"))
    found = read_all_verdicts(lake)
    assert found == {kind: read_verdicts(lake, kind) for kind in KINDS}
    assert list(found["ingestion"]) == ["2024-03-01", "2024-03-02"]


def test_all_verdicts_are_read_in_one_pass(lake, monkeypatch):
    record_verdict(lake, published())
    reads, read = [], lake.read
    monkeypatch.setattr(lake, "read", lambda table, **how: reads.append(table) or read(table, **how))
    read_all_verdicts(lake)
    assert reads == ["verdicts"]


def test_a_lake_without_verdicts_has_none_of_any_kind(lake):
    assert read_all_verdicts(lake) == {"ingestion": {}, "labels": {}, "monitoring": {}, "gate": {}}
