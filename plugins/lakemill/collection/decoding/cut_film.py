"""Films that were cut off: the parts that they are made of say how long they are.

Stays out: damage that decoders tell.
"""

import struct
from pathlib import Path

MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"mfra", b"meta", b"uuid", b"sidx", b"styp")
SEGMENT = b"\x18\x53\x80\x67"


def is_cut_off(path: Path, family: str) -> bool:
    """Tell whether a file is shorter than it says itself.

    Parameters
    ----------
    path : Path
    family : str
        What its first bytes are; of families that don't say it, nothing is cut off.

    Returns
    -------
    bool
    """
    looks = {"mp4": _is_mp4_cut, "matroska": _is_matroska_cut, "avi": _is_avi_cut}
    return family in looks and looks[family](path)


def _is_mp4_cut(path: Path) -> bool:
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while len(head := file.read(16)) >= 8:
            length, name = struct.unpack(">I4s", head[:8])
            if name not in MP4_BOXES:
                return False  # what lies behind a film is no part of it
            if length == 1 and len(head) == 16:
                length = struct.unpack(">Q", head[8:])[0]
            if length == 0:  # to the end
                return False
            if length < 8 or at + length > size:
                return True
            at += length
            file.seek(at)
    return len(head) > 0


def _is_matroska_cut(path: Path) -> bool:
    size = path.stat().st_size
    with path.open("rb") as file:
        begin = file.read(4096)
    header = _read_length(begin, 4)
    if header is None:
        return True
    at = header[1] + header[0]
    if begin[at : at + 4] != SEGMENT:
        return at + 12 > size
    segment = _read_length(begin, at + 4)
    return segment is None or (segment[0] >= 0 and segment[1] + segment[0] > size)


def _read_length(begin: bytes, at: int) -> tuple[int, int] | None:
    """Return the length of an element, -1 where it is left open, and where its content begins."""
    if at >= len(begin) or begin[at] == 0:
        return None
    count = 9 - begin[at].bit_length()
    raw = begin[at : at + count]
    if len(raw) < count:
        return None
    value = int.from_bytes(raw, "big") & ((1 << (7 * count)) - 1)
    return (-1 if value == (1 << (7 * count)) - 1 else value), at + count


def _is_avi_cut(path: Path) -> bool:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = struct.unpack("<I", file.read(8)[4:])[0]
    return length not in (0, 0xFFFFFFFF) and 8 + length > size
