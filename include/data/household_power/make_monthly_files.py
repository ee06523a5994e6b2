"""Cut monthly files of readings out of the series of one household's electric power.

The series is that of the UCI Machine Learning Repository, data set 235, as comma- or semicolon-separated text, plain or
.xz::

    python make_monthly_files.py household_power_consumption.txt

Values are copied as they stand, ``?`` for a missing reading too. Of the date (day/month/year) and the time one column is
made, ``read_at``, in the order that machines read.
"""

import csv
import io
import lzma
import sys
from collections import defaultdict
from pathlib import Path

MONTHS = [f"2007-{month:02}" for month in range(1, 7)]
NAMES = (
    "read_at,global_active_power,global_reactive_power,voltage,global_intensity,sub_metering_1,sub_metering_2,sub_metering_3"
)


def main(path: str) -> None:
    opener = lzma.open if path.endswith(".xz") else open
    months: dict[str, list[list[str]]] = defaultdict(list)
    with opener(path, "rt", encoding="ascii") as file:
        delimiter = ";" if ";" in next(file) else ","
        for date, time, *values in csv.reader(file, delimiter=delimiter):
            day, month, year = date.split("/")
            key = f"{year}-{int(month):02}"
            if key in MONTHS:
                months[key].append([f"{key}-{int(day):02} {time}", *values])
    for key, rows in months.items():
        text = io.StringIO()
        text.write(NAMES + "\n")
        csv.writer(text, lineterminator="\n").writerows(rows)
        target = Path(__file__).parent / f"power_{key}.csv.xz"
        target.write_bytes(lzma.compress(text.getvalue().encode(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main(sys.argv[1])
