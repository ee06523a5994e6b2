"""Hundreds of damaged inputs of every kind of source: no error, no good row lost, a reason for all that is bad.

They are made by `damage_for_tests`; LAKEMILL_DAMAGE_SEED and LAKEMILL_DAMAGE_COUNT give others, and as many of
each as they say.
"""

import hashlib
import json
import os
import random
import re
import sqlite3
import threading
from collections import Counter, defaultdict
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from connections_for_tests import NamedConnections
from damage_for_tests import (
    ALIASES,
    CAST,
    COLUMNS,
    FILES,
    GOOD_CELLS,
    LARGEST,
    LONGEST_LINE,
    NAMES,
    NEVER_MEDIA,
    ROWS,
    TOPIC,
    WRITERS,
    Damaged,
    find_wrong,
    make_cells,
    make_files,
    make_media,
    make_messages,
    make_rows,
    write_payload,
)
from media_for_tests import good_films, good_pictures, good_sounds
from mqtt_for_tests import make_plant, make_request

from lakemill.collection import collect_source
from lakemill.collection.delivery import PROVENANCE, Request
from lakemill.collection.kinds import open_delivery
from lakemill.collection.landed import collect_landed
from lakemill.collection.reading_batch import Message
from lakemill.collection.readings import MessageReader
from lakemill.config import Partition, Workflow
from lakemill.config.sources import HttpSource
from lakemill.exceptions import CollectionError, LakemillError
from lakemill.lake import Lake
from lakemill.lake.landing import land, landed_partitions

SEED = int(os.environ.get("LAKEMILL_DAMAGE_SEED", "1"))
COUNT = int(os.environ.get("LAKEMILL_DAMAGE_COUNT", "300"))
SOME = COUNT if "LAKEMILL_DAMAGE_COUNT" in os.environ else 100  # of kinds that take longest to make or to read
DEAR = ("xlsx", "csv.xz", "csv.bz2", "audio", "http")
NOW = datetime(2024, 3, 9, tzinfo=timezone.utc)
DAILY = Partition(every="day", start="2024-03-01")
DAYS = ("2024-03-01", "2024-03-02", "2024-03-03")


def make_parcels(**source: Any) -> Workflow:
    return Workflow.model_validate(
        {
            "workflow": "parcels",
            "description": "What does it cost?",
            "partition": {"every": "day", "start": "2024-03-01"},
            "collect": {"parcels": source},
            "table": {
                "key": ["id"],
                "event_time": "at",
                "label": {"column": "price", "problem": "regression"},
            },
            "features": {"text": ["note"]},
            "train": {
                "metric": "mean_absolute_error",
                "candidates": {"plain": {"estimator": "sklearn.linear_model.LinearRegression"}},
            },
        }
    )


def read_lake(lake: Lake) -> tuple[dict[str, list[tuple]], dict[str, list[str]]]:
    """Rows and reasons by the name of the file that they came in; of an archive, of the archive."""
    rows, reasons = defaultdict(list), defaultdict(list)
    for row in lake.read("raw_parcels").to_pylist():
        rows[row["source_file"].split("/")[2]].append(tuple(row.get(name) for name in NAMES))
    refused = lake.read("quarantine")
    for row in refused.to_pylist() if refused is not None else []:
        reasons[json.loads(row["row"])["source_file"].split("/")[2]] += row["reasons"]
    return rows, reasons


@pytest.mark.parametrize("form", FILES)
def test_of_damaged_files_nothing_good_is_lost_and_all_that_is_bad_is_refused(form, lake, tmp_path):
    count = SOME if form in DEAR else COUNT
    damaged = list(make_files(form, count, SEED))
    good: dict[str, list] = {}
    for number, day in enumerate(DAYS):  # the first gives the table its columns, the last has nothing damaged
        (tmp_path / "in" / day).mkdir(parents=True)
        for one in damaged[number * count // 2 : (number + 1) * count // 2]:
            (tmp_path / "in" / day / one.name).write_bytes(one.content)
        for place in range(0, count // 2 if number < 2 else 1, 15):
            name = f"{number * count // 2 + place:03}_good.{form}"
            good[name] = make_rows(1_000_000 + ROWS * len(good))
            (tmp_path / "in" / day / name).write_bytes(WRITERS[form](good[name]))
    parcels = make_parcels(path="in/{partition}/*", largest=LARGEST, longest_line=LONGEST_LINE)

    for day in DAYS:
        collect_source(parcels, "parcels", day, lake, project=tmp_path, ingested_at=NOW, connections=None)

    rows, reasons = read_lake(lake)
    assert {name: rows[name] for name in good} == good
    assert not set(reasons) & set(good)
    wrong = {one.name: find_wrong(one, rows[one.name], reasons[one.name]) for one in damaged}
    assert {name: said for name, said in wrong.items() if said} == {}
    if form not in ("ndjson", "json"):  # whose rows may have any field in a first delivery
        assert set(lake.read("raw_parcels").column_names) == {*NAMES, *PROVENANCE}


@pytest.mark.parametrize("form", ["json", "csv"])
def test_of_damaged_messages_each_is_refused_or_read_and_all_good_ones_are_kept(form, tmp_path):
    plant, lake = make_plant("mqtt://localhost", payload=form, largest=65_536), Lake(str(tmp_path / "lake"), "plant")
    damaged = list(make_messages(form, COUNT, SEED))
    messages = [(topic, payload) for _, topic, payload in damaged]
    good = {}
    for place in range(0, COUNT, 10):
        house, numbers = f"good{place}", range(place, place + 3)
        messages.insert(2 * place % COUNT, (TOPIC.format(house), write_payload(form, numbers)))
        good[house] = [f"{number}.50" for number in numbers]
    received = [Message(*one, NOW + timedelta(milliseconds=n)) for n, one in enumerate(messages)]

    for at in range(0, len(received), 50):
        readings = MessageReader(plant.collect["meters"], plant.partition).read(received[at : at + 50])
        land(lake, "meters", f"batch{at:04}", readings.rows, readings.refused)
    for key in {*landed_partitions(lake, "meters"), *landed_partitions(lake, "meters", refused=True)}:
        collect_landed(plant.collect["meters"], make_request(plant, lake, key), ingested_at=NOW)

    rows = lake.read("raw_meters").to_pylist()
    refused = [json.loads(row["row"]) | {"reasons": row["reasons"]} for row in lake.read("quarantine").to_pylist()]
    assert {house: [row["watts"] for row in rows if row["house"] == house] for house in good} == good
    assert all(reason for one in refused for reason in one["reasons"])
    told = {one["source_file"] for one in refused}
    assert not told & {TOPIC.format(house) for house in good}
    came = Counter(row["source_file"] for row in rows)
    for damage, topic, payload in damaged:
        shown = topic.encode("utf-8", "replace").decode()
        assert shown in told or came[topic] >= (3 if damage == "topic" else 1), (damage, topic[:80], payload[:200])
    assert landed_partitions(lake, "meters") == []


@pytest.mark.parametrize("comes_first", [True, False])
def test_of_odd_values_of_a_database_each_row_is_refused_or_kept_and_all_good_ones_are_kept(
    comes_first, lake, tmp_path
):
    damaged, days = list(make_cells(COUNT, SEED)), DAYS if comes_first else (DAYS[1], DAYS[0], DAYS[2])
    fields = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop, shop:
        shop.execute(f"CREATE TABLE parcels (id INTEGER, at TEXT, price REAL, {fields})")
        put = f"INSERT INTO parcels VALUES ({', '.join('?' * (3 + len(COLUMNS)))})"
        shop.executemany(put, [(number, days[0], 1.0, *row.values()) for number, row in enumerate(damaged)])
        shop.execute(f"UPDATE parcels SET word = {CAST} WHERE id % 40 = 7")
        for day in DAYS:
            first = 10_000 + 1_000 * DAYS.index(day)
            shop.executemany(put, [(first + number, day, 1.0, *GOOD_CELLS.values()) for number in range(50)])
    query = "SELECT * FROM parcels WHERE datetime(at) >= :start AND datetime(at) < :end ORDER BY (id * 7919) % 1000, id"
    parcels = make_parcels(kind="sql", connection="shop", query=query)

    for day in DAYS:
        shop = NamedConnections(shop=f"sqlite:///{tmp_path / 'shop.db'}")
        collect_source(parcels, "parcels", day, lake, project=tmp_path, ingested_at=NOW, connections=shop)

    rows = {row["id"]: row for row in lake.read("raw_parcels").to_pylist()}
    refused = [(row["reasons"], json.loads(row["row"])["text"]) for row in lake.read("quarantine").to_pylist()]
    numbers = [int(re.search(r"id=(\d+)", text)[1]) for _, text in refused]
    assert len(lake.read("raw_parcels")) == len(rows)
    assert sorted({*rows, *numbers}) == [
        *range(COUNT),
        *(10_000 + 1_000 * day + n for day in range(3) for n in range(50)),
    ]
    assert not set(rows) & set(numbers)
    assert max(numbers) < COUNT
    for number in (number for number in rows if number >= 10_000):
        kept = {name: rows[number][name] for name in COLUMNS}
        # where a damaged row came first, a column may be of texts, for good
        assert kept == {name: type(kept[name])(value) if name != "raw" else value for name, value in GOOD_CELLS.items()}
    assert all(reason for reasons, _ in refused for reason in reasons)


@pytest.mark.parametrize("alias", ALIASES)
def test_an_odd_name_of_a_column_of_a_query_is_taken_or_told(alias, lake, tmp_path):
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop, shop:
        shop.execute("CREATE TABLE parcels (id INTEGER, at TEXT)")
        shop.execute("INSERT INTO parcels VALUES (1, '2024-03-01')")
    quoted = alias.replace('"', '""')
    query = (
        f'SELECT id, at, 7 AS "{quoted}" FROM parcels WHERE datetime(at) >= :start AND datetime(at) < :end ORDER BY id'
    )
    parcels = make_parcels(kind="sql", connection="shop", query=query)
    shop = NamedConnections(shop=f"sqlite:///{tmp_path / 'shop.db'}")
    arguments = {"project": tmp_path, "ingested_at": NOW, "connections": shop}
    if alias.lower() in (*PROVENANCE, "id"):
        with pytest.raises(LakemillError, match="column") as told:
            collect_source(parcels, "parcels", DAYS[0], lake, **arguments)
        assert told.value.remedy
    else:
        collect_source(parcels, "parcels", DAYS[0], lake, **arguments)
        assert lake.read("raw_parcels").column(alias).to_pylist() == [7]


@pytest.fixture
def site():
    """A server of files by path, and of what it does wrong with them: its address, the files, the wrongs."""
    files: dict[str, bytes] = {}
    wrongs: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content, wrong = files.get(self.path, b""), wrongs.get(self.path, "")
            content = PAGE if wrong == "page" else content
            if wrong == "nothing":
                self.close_connection = True
                return
            self.send_response({"error": 500, "gone": 404, "moved": 302}.get(wrong, 200))
            self.send_header("ETag", '"1"')
            if wrong == "page":
                self.send_header("Content-Type", "text/html")
            if wrong == "moved":
                self.send_header("Location", self.path)
            length = {"short": len(content) + 100, "odd": "many"}.get(wrong, len(content))
            self.send_header("Content-Length", str(length))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)
            self.close_connection = True

        do_HEAD = do_GET

        def log_message(self, *arguments: Any) -> None:
            pass

        def handle(self) -> None:
            with suppress(ConnectionError):
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", files, wrongs
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


PAGE = b"<!DOCTYPE html>\n<html><body>Please log in</body></html>\n"
# what a server does wrong with a file that is whole, and whether that must be told
WRONGS = {"nothing": True, "error": True, "gone": True, "moved": True, "page": True, "short": True, "odd": None}
FORMS = ("csv", "ndjson", "json", "csv.gz", "parquet", "zip", "xlsx")


@pytest.mark.thorough
def test_of_damaged_downloads_each_is_an_error_or_refused_and_good_ones_are_kept(site, tmp_path):
    address, files, wrongs = site
    lake = Lake(str(tmp_path / "lake"), "parcels")
    made = [(form, *make_files(form, 1, SEED * 10_000 + n)) for n, form in enumerate(FORMS * (1 + SOME // len(FORMS)))]
    for number, (form, _) in enumerate(made[:SOME]):
        draw = random.Random(f"{SEED} http {number}")
        damage = draw.choice(list(FILES[form]))
        rows = make_rows(number * ROWS)
        whole = WRITERS[form](rows)
        is_wrong = number % 4 == 0
        one = Damaged(whole) if is_wrong else FILES[form][damage](draw, rows, whole)
        name = f"/{number}.{one.suffix or form}"
        files[name] = one.content
        if is_wrong:
            wrongs[name] = draw.choice(list(WRONGS))
            one = replace(one, is_bad=WRONGS[wrongs[name]])
        source = HttpSource(
            kind="http", url=address + name, largest=LARGEST, longest_line=LONGEST_LINE, tries=1, timeout="5 seconds"
        )
        key = f"2024-03-{1 + number % 28:02}"
        request = Request("x", DAILY, key, lake, tmp_path, "p.yaml: collect.x", NamedConnections(), tmp_path)
        found, refused = [], []
        try:
            for piece in open_delivery(source, request).pieces():
                refused += [said.reason for said in piece.refused]
                rows_read = ({name.lower(): value for name, value in row.items()} for row in piece.rows.to_pylist())
                found += [tuple(row.get(name) for name in NAMES) for row in rows_read]
        except CollectionError as error:
            refused.append(error.problem)
        said = replace(one, rows=tuple(rows), damage=wrongs.get(name, damage), name=f"x.{form}")
        if damage != "header":  # only a table tells what a header lacks
            assert (name, said.damage, find_wrong(said, found, refused)) == (name, said.damage, None)
        files[f"/good{number}.{form}"] = whole
        good = HttpSource(kind="http", url=f"{address}/good{number}.{form}")
        pieces = list(open_delivery(good, request).pieces())
        assert [tuple(row[name] for name in NAMES) for piece in pieces for row in piece.rows.to_pylist()] == rows
    assert list(tmp_path.glob("download-*")) == []


KINDS = {
    "images": (good_pictures, {"histogram": {}, "thumbnail": {}}),
    "audio": (good_sounds, {"mfcc": {"coefficients": 4}}),
    "video": (good_films, {"motion": {}}),
}


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS)
def test_of_damaged_media_each_is_a_row_or_refused_and_all_good_ones_are_kept(kind, lake, tmp_path, capfd):
    make, extract = KINDS[kind]
    (tmp_path / "good").mkdir()
    make(tmp_path / "good")
    good = {path.name: path.read_bytes() for path in (tmp_path / "good").iterdir()}
    damaged = list(make_media(good, SOME if kind in DEAR else COUNT, SEED))
    (tmp_path / "in" / DAYS[0]).mkdir(parents=True)
    for name, content in (*good.items(), *((name, content) for _, name, content in damaged)):
        (tmp_path / "in" / DAYS[0] / name).write_bytes(content)
    source = {"kind": kind, "path": "in/{partition}", "label": "folder", "extract": extract}
    media = make_parcels(**source).model_copy(update={"workflow": "media"})

    collect_source(media, "parcels", DAYS[0], lake, project=tmp_path, ingested_at=NOW, connections=None)

    rows = {row["file"]: row for row in lake.read("raw_parcels").to_pylist()}
    refused = {
        json.loads(json.loads(row["row"])["text"])["file"]: row["reasons"]
        for row in lake.read("quarantine").to_pylist()
    }
    assert len(lake.read("raw_parcels")) == len(rows)
    assert len(lake.read("quarantine")) == len(refused)
    assert sorted([*rows, *refused]) == sorted([*good, *(name for _, name, _ in damaged)])
    assert set(good) <= set(rows)
    assert all(rows[name]["sha256"] == hashlib.sha256(content).hexdigest() for name, content in good.items())
    assert not [name for damage, name, _ in damaged if damage in NEVER_MEDIA and name in rows]
    pointers = [refused[name] for damage, name, _ in damaged if damage == "pointer"]
    assert all("git lfs pull" in reasons[0] for reasons in pointers)
    assert all(reason for reasons in refused.values() for reason in reasons)
    assert capfd.readouterr().err == ""
