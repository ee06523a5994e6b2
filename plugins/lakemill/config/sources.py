"""Kinds of sources as values: what a workflow file may say under ``collect``.

Stays out: reading any of them (``collection``).
"""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from lakemill.config.extractors import AudioExtractors, ImageExtractors, VideoExtractors
from lakemill.config.quantities import ByteSize, Duration
from lakemill.config.section import Name, Section

Type = Literal["integer", "number", "text", "boolean", "timestamp"]
Format = Literal["auto", "csv", "json", "ndjson", "parquet", "excel"]
MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None")


class Csv(Section):
    """How delimited text is written; what is left out is found from its beginning."""

    delimiter: str | None = Field(None, min_length=1, max_length=1, description="Character between fields.")
    quote: str | None = Field('"', min_length=1, max_length=1, description="Character around fields; null for none.")
    escape: str | None = Field(None, min_length=1, max_length=1, description="Character before a quote within a field.")
    encoding: str | None = Field(None, description="Like utf-8 or windows-1252.")
    names: tuple[str, ...] | None = Field(None, description="Names of columns, where no line names them.")
    skip_lines: int = Field(0, ge=0, description="Lines before the header, or before the first row.")

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        try:
            "".encode(value or "utf-8")
        except LookupError:
            raise ValueError(f"must be the name of an encoding like utf-8 or windows-1252; got {value!r}") from None
        return value


class _Rows(Section):
    """What every source of rows may say."""

    types: dict[str, Type] = Field({}, description="Types of columns; those not named are found.")
    missing: tuple[str, ...] = Field(MISSING, description="Texts that mean no value.")
    columns: Literal["fixed", "grow"] = Field(
        "fixed", description="fixed: another column than the first delivery had is an error; grow: it is added."
    )


class _Tabular(_Rows):
    """What sources of files with rows may say."""

    format: Format = Field("auto", description="Of the files; auto: by their first bytes and their names.")
    event_time: str | None = Field(None, description="Column by which one delivery is cut into partitions.")
    csv: Csv = Field(Csv(), description="How delimited text is written.")
    records: str | None = Field(None, description="JSON: dotted path to the list of rows, like data.rows.")
    sheet: str | None = Field(None, description="Excel: name of the sheet; the first by default.")
    longest_line: ByteSize = Field(16 * 2**20, description="A longer line is refused.")
    largest: ByteSize = Field(100 * 2**30, description="A file that is larger, or expands to more, is refused.")


class FilesSource(_Tabular):
    """Files in a folder or an object store: CSV, JSON, NDJSON, Parquet, Excel; plain, gz, bz2, xz, zst or zip."""

    kind: Literal["files"] = Field("files", description="Kind of source.")
    path: str = Field(
        min_length=1,
        description="Path or s3://, gs://, abfss:// address with {partition} for its key, and * for more files; one "
        "without {partition} is taken whole for each partition or, with event_time, read once and cut by it.",
    )
    connection: str | None = Field(None, description="Airflow connection with the object store's keys.")


class HttpSource(_Tabular):
    """An open data set by its URL."""

    kind: Literal["http"] = Field(description="Kind of source.")
    url: str = Field(
        pattern=r"^https?://",
        description="With {partition} for its key; without it taken whole for each partition or, with event_time, read "
        "once and cut by it.",
    )
    sha256: str | dict[str, str] | None = Field(
        None, description="What a download must hash to; by partition where the URL has {partition}."
    )
    connection: str | None = Field(None, description="Airflow connection: login and password, or headers.")
    timeout: Duration = Field(timedelta(seconds=60), description="Silence after which a try is given up.")
    tries: int = Field(5, ge=1, description="Tries without progress before giving up.")

    @field_validator("url")
    @classmethod
    def _names_a_host(cls, value: str) -> str:
        try:
            has_host = bool(urlsplit(value).hostname) and urlsplit(value).port != 0
        except ValueError:
            has_host = False
        if not has_host:
            raise ValueError(f"must be like https://host/file.csv; got {value!r}")
        return value

    @model_validator(mode="after")
    def _hashes_match_files(self) -> "HttpSource":
        if self.sha256 is not None and isinstance(self.sha256, dict) != ("{partition}" in self.url):
            raise ValueError("sha256: one text for a URL without {partition}, else one for each partition by its key")
        return self

    @field_validator("sha256")
    @classmethod
    def _are_hashes(cls, value: str | dict[str, str] | None) -> str | dict[str, str] | None:
        for one in value.values() if isinstance(value, dict) else [value] if value else []:
            if not re.fullmatch(r"[0-9a-fA-F]{64}", one):
                raise ValueError(f"must be 64 hexadecimal digits; got {one!r}")
        return value


class SqlSource(_Rows):
    """Rows of a database, by a query over each partition's interval.

    Times without a zone mean the workflow's time zone, in PostgreSQL when they are compared and in the lake. Decimals
    with declared digits stay exact, others become doubles; lists, JSON, intervals and times of day become texts.
    """

    kind: Literal["sql"] = Field(description="Kind of source.")
    connection: str = Field(description="Airflow connection of any SQL database.")
    query: str = Field(
        min_length=1,
        description="One SELECT, or a file (.sql) with it. :start and :end are bound to the partition's interval, in "
        "UTC (SQLite: as text like datetime() gives; write datetime(column) >= :start), and one must be named; of a "
        "table without times WHERE :end IS NOT NULL takes all. ORDER BY a key makes repeated runs the same.",
    )
    fetch: int = Field(50_000, ge=1, description="Rows fetched at a time, at most; fewer where they are wide.")


class Replay(Section):
    """Recorded readings that stand in for sensors, published by ``lakemill publish``."""

    path: str = Field(description="CSV files, with {partition} for the key.")
    topic: str = Field(description="Where they are published, with {column} for a row's value.")
    readings: int = Field(1, ge=1, description="Readings a message: so many rows that follow each other.")


OWN_COLUMNS = {"partition", "source_file", "source_row", "delivery", "ingested_at"}  # that the lake adds to rows
EMBEDDED = "embedded"  # stands for the address of the broker that Lakemill starts


class MqttSource(_Rows):
    """Readings that sensors publish to an MQTT broker."""

    kind: Literal["mqtt"] = Field(description="Kind of source.")
    broker: str = Field(
        "embedded",
        description="mqtt://host:port or mqtts://host:port; embedded: a broker that Lakemill starts on this machine.",
    )
    connection: str | None = Field(None, description="Airflow connection with login and password.")
    topic: str = Field(
        min_length=1, description="What is subscribed to; {name} stands for one level and becomes a column."
    )
    payload: Literal["json", "csv"] = Field("json", description="How a message is written.")
    names: tuple[str, ...] = Field((), description="CSV: names of its fields; without them the first line names them.")
    event_time: str = Field(description="Field with the moment of a reading: a text, or seconds since 1970.")
    key: tuple[str, ...] = Field(min_length=1, description="Fields that name a reading; one is kept of each.")
    batch: int = Field(5_000, ge=1, description="Messages landed at a time, at most.")
    every: Duration = Field(timedelta(seconds=1), description="Time after which fewer are landed.")
    largest: ByteSize = Field(1 * 2**20, description="A larger message is refused.")
    replay: Replay | None = Field(None, description="Recorded readings that stand in for sensors.")

    @model_validator(mode="after")
    def _consistent(self) -> "MqttSource":
        if self.payload == "json" and self.names:
            raise ValueError("names: only csv needs them")
        if not re.match(r"^(embedded$|mqtts?://)", self.broker):
            raise ValueError(f"broker: must be embedded, mqtt://host:port or mqtts://host:port; got {self.broker!r}")
        return self

    @field_validator("topic")
    @classmethod
    def _is_topic(cls, value: str) -> str:
        levels = value.split("/")
        names = [level[1:-1] for level in levels if re.fullmatch(r"\{.*\}", level)]
        is_plain = all(re.fullmatch(r"\+|#|[^+#{}]*|\{[A-Za-z_]\w*\}", level) for level in levels)
        if not is_plain or "#" in levels[:-1] or len(set(names)) < len(names):
            raise ValueError(f"levels with / between must each be a text, {{name}}, +, or # as the last; got {value!r}")
        if taken := OWN_COLUMNS & {name.lower() for name in names}:
            raise ValueError(f"{{{min(taken)}}} would be a column named as one of the lake's own: take another name")
        return value


class _Media(Section):
    """What all media files may say."""

    path: str = Field(
        min_length=1,
        description="Folder, archive (zip, tar) or object store address, with {partition}; ** for all below.",
    )
    connection: str | None = Field(None, description="Airflow connection with the object store's keys.")
    label: Literal["folder"] | None = Field(None, description="folder: the name of the folder that a file lies in.")
    manifest: str | None = Field(
        None, description="CSV with a column 'file' and more about each file, with {partition} for the key."
    )
    event_time: str | None = Field(
        None, description="Column of the manifest, or capture_time, by which one folder is cut into partitions."
    )
    largest: ByteSize = Field(2 * 2**30, description="A larger file is refused.")
    types: dict[str, Type] = Field({}, description="Types of the manifest's columns; those not named are found.")
    missing: tuple[str, ...] = Field(MISSING, description="Texts of the manifest that mean no value.")
    columns: Literal["fixed", "grow"] = Field(
        "fixed", description="fixed: another column than the first delivery had is an error; grow: it is added."
    )

    @model_validator(mode="after")
    def _has_event_times(self) -> "_Media":
        if self.event_time is None:
            return self
        if self.manifest is None and self.event_time != "capture_time":
            raise ValueError("event_time: must be capture_time, or a column of a manifest: name one under manifest")
        if "{partition}" not in self.path and "{partition}" in (self.manifest or ""):
            raise ValueError("manifest: a folder that is cut by event_time has one manifest, without {partition}")
        return self


class ImagesSource(_Media):
    """Pictures: PNG, JPEG, GIF, BMP, TIFF, WebP, AVIF, JPEG 2000, PNM."""

    kind: Literal["images"] = Field(description="Kind of source.")
    extract: ImageExtractors = Field(ImageExtractors(), description="Features made of each picture.")
    most_pixels: int = Field(100_000_000, ge=1, description="A picture with more is refused.")


class AudioSource(_Media):
    """Sound: WAV, FLAC, OGG, MP3, AIFF, AU, CAF."""

    kind: Literal["audio"] = Field(description="Kind of source.")
    extract: AudioExtractors = Field(AudioExtractors(), description="Features made of each recording.")
    longest: Duration = Field(timedelta(hours=2), description="A longer recording is refused.")


class VideoSource(_Media):
    """Films: MP4, MOV, MKV, WebM, AVI, MPEG, OGG, FLV, WMV."""

    kind: Literal["video"] = Field(description="Kind of source.")
    extract: VideoExtractors = Field(VideoExtractors(), description="Features made of each film.")
    longest: Duration = Field(timedelta(hours=4), description="A longer film is refused.")
    most_pixels: int = Field(40_000_000, ge=1, description="A film with more in a frame is refused.")


def _kind_of(value: Any) -> str:
    return str(value.get("kind", "files")) if isinstance(value, dict) else str(getattr(value, "kind", "files"))


Source = Annotated[
    Annotated[FilesSource, Tag("files")]
    | Annotated[HttpSource, Tag("http")]
    | Annotated[SqlSource, Tag("sql")]
    | Annotated[MqttSource, Tag("mqtt")]
    | Annotated[ImagesSource, Tag("images")]
    | Annotated[AudioSource, Tag("audio")]
    | Annotated[VideoSource, Tag("video")],
    Discriminator(_kind_of),
]
MEDIA = (ImagesSource, AudioSource, VideoSource)
__all__ = ["MEDIA", "AudioSource", "Csv", "FilesSource", "HttpSource", "ImagesSource", "MqttSource", "Name", "Replay"]
__all__ += ["Source", "SqlSource", "Type", "VideoSource"]
