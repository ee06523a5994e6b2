"""EXIF: what a camera wrote into a picture, as far as it can be read.

Stays out: the pixels. Damaged tags are no reason to refuse a picture: they are left out.
"""

import json
import math
import struct
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from PIL import ExifTags, Image

ORIENTATION = 0x0112
DETAILS, GPS = 0x8769, 0x8825
ORIGINAL, ORIGINAL_OFFSET = 0x9003, 0x9011
# other lists of tags, makers' notes, padding, profiles
SKIPPED = {DETAILS, GPS, 0xA005, 0x927C, 0xEA1C, 0x8773, 0x02BC}
# how the pixels of a TIFF lie in the file
LAYOUT = {262, 263, 266, 273, 284, 330, 338, 339, 347}
LAYOUT |= {*range(254, 260), *range(277, 281), *range(317, 327), *range(529, 533)}
LONGEST_VALUE = 500
UNREADABLE = (
    OSError, SyntaxError, ValueError, KeyError, TypeError, IndexError, EOFError, ArithmeticError, AttributeError,
    struct.error,
)  # fmt: skip


@dataclass(frozen=True)
class Exif:
    """What a picture's EXIF says.

    Attributes
    ----------
    orientation : int
        1 (upright) to 8.
    capture_time : str or None
        ISO 8601 without a zone, by the clock of the zone that was asked for where EXIF names one, else as written.
    text : str or None
        The tags that can be read, as JSON; None where there are none.
    """

    orientation: int = 1
    capture_time: str | None = None
    text: str | None = None


def read_exif(image: Image.Image, zone: str) -> Exif:
    """Read a picture's EXIF.

    Parameters
    ----------
    image : PIL.Image.Image
        Loaded.
    zone : str
        Time zone for a capture time that has one.

    Returns
    -------
    Exif
    """
    try:
        exif = image.getexif()
        details = _tags_of(exif, DETAILS)
        tags = {**_name(dict(exif), ExifTags.TAGS), **_name(details, ExifTags.TAGS)}
        places = _name(_tags_of(exif, GPS), ExifTags.GPSTAGS)
        if places:
            tags["GPS"] = places
        orientation = exif.get(ORIENTATION)
    except UNREADABLE:
        return Exif()
    text = json.dumps(tags, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace").decode() if tags else None
    upright = orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
    return Exif(upright, _capture_time(details, zone), text)


def _tags_of(exif: Image.Exif, which: int) -> dict[int, Any]:
    try:
        return dict(exif.get_ifd(which))
    except UNREADABLE:
        return {}


def _name(tags: dict[int, Any], names: dict[int, str]) -> dict[str, Any]:
    named = {}
    for tag, value in tags.items():
        if tag not in SKIPPED | LAYOUT and (said := _as_plain(value)) is not None:
            named[names.get(tag, f"0x{tag:04x}")] = said
    return named


def _as_plain(value: Any) -> Any:
    """Return a value as JSON has it, None where it says nothing to people."""
    if isinstance(value, str):
        return value.replace("\0", "").strip()[:LONGEST_VALUE] or None
    if isinstance(value, bytes):
        text = value.rstrip(b"\0 ")
        return text.decode("ascii")[:LONGEST_VALUE] if text and text.isascii() and text.decode().isprintable() else None
    if isinstance(value, bool | int):
        return value
    if isinstance(value, tuple | list):
        plain = [_as_plain(one) for one in value[:100]]
        return plain if any(one is not None for one in plain) else None
    try:
        number = float(value)
    except UNREADABLE:
        return None
    return number if math.isfinite(number) else None


def _capture_time(details: dict[int, Any], zone: str) -> str | None:
    try:
        taken = datetime.strptime(str(details[ORIGINAL]).replace("\0", "").strip(), "%Y:%m:%d %H:%M:%S")
    except (KeyError, ValueError):
        return None
    try:
        offset = str(details[ORIGINAL_OFFSET]).replace("\0", "").strip()
        aware = datetime.strptime(f"{taken:%Y-%m-%d %H:%M:%S} {offset}", "%Y-%m-%d %H:%M:%S %z")
        return aware.astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat()
    except (KeyError, ValueError, OverflowError):
        return taken.isoformat()
