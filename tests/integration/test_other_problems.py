"""Problems unlike the others, added as files alone and brought through all four DAGs: many classes, a regression."""

import pytest
from house import House

from lakemill.lake.verdicts import read_verdicts

pytestmark = pytest.mark.integration


def test_many_classes_and_another_dialect_need_no_python(house: House):
    house.run("wines")
    predictions = house.lake("wines").read("predictions", ["2020-03"]).to_pandas()
    assert set(predictions["predicted"]) <= {"barolo", "grignolino", "barbera"}
    assert predictions["probabilities"].map(sum).sub(1).abs().max() < 1e-9
    assert read_verdicts(house.lake("wines"), "monitoring")["2020-03"].evidence["score"] > 0.7


def test_a_regression_on_one_big_file_needs_no_python(house: House):
    house.run("diabetes")
    lake = house.lake("diabetes")
    collected = [len(lake.read("clean", [key])) for key in ("2021-01", "2021-02", "2021-03")]
    assert collected == [149, 135, 148]
    gate = read_verdicts(lake, "gate")["2021-01"]
    assert gate.evidence["score"] < gate.evidence["naive"]
    assert lake.read("predictions", ["2021-03"]).column("score").null_count == (0 if gate.verdict == "pass" else 149)
