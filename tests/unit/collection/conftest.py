"""Reading what a source delivers, without a lake to bring it to."""

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
from connections_for_tests import NamedConnections

from lakemill.collection.cutting import cut_piece
from lakemill.collection.delivery import Request
from lakemill.collection.kinds import open_delivery
from lakemill.lake import Lake


@dataclass
class Found:
    """What a source delivered for a partition: rows, and what is refused."""

    rows: pa.Table
    malformed: list[dict[str, Any]]

    @property
    def reasons(self) -> list[str]:
        """Why something is refused."""
        return [one["reason"] for one in self.malformed]


@pytest.fixture
def deliver(tmp_path):
    """Function that opens a source for a partition and reads it to the end."""

    def read(source, key, partition, connections=None) -> Found:
        connections = connections or NamedConnections()
        request = Request(
            "x", partition, key, Lake(str(tmp_path / "lake"), "parcels"), tmp_path, "parcels.yaml: collect.x",
            connections, tmp_path,
        )  # fmt: skip
        delivery = open_delivery(source, request)
        pieces = []
        for piece in delivery.pieces():
            if not delivery.is_whole:
                pieces.append((key, piece))
            else:
                pieces += cut_piece(piece, source.event_time, partition, where="parcels.yaml")
        mine = [piece for found, piece in pieces if found == key]
        tables = [piece.rows for piece in mine] or [piece.rows.slice(0, 0) for _, piece in pieces[:1]]
        rows = pa.concat_tables(tables, promote_options="default").combine_chunks()
        return Found(rows, [vars(one) for piece in mine for one in piece.refused])

    return read


@pytest.fixture
def as_lines():
    """Function that writes rows as lines of JSON."""
    return lambda rows: "".join(json.dumps(row) + "\n" for row in rows)
