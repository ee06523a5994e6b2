"""An empty lake."""

from pathlib import Path

import pytest

from lakemill.lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), "small")
