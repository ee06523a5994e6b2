"""Sound files that were cut off: their decoders play what is left and say nothing.

Stays out: damage that decoders tell.
"""

import struct
from pathlib import Path

UNKNOWN_LENGTHS = (0, 0xFFFFFFFF)  # what programs write that did not know it yet
OGG_PAGE_BYTES = 65_307  # the longest there is
XING_BYTES = 8_192  # of the file's beginning, in which it stands if no large picture is in front


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
    looks = {
        "wav": _is_wav_cut,
        "ogg": _is_ogg_cut,
        "mp3": _is_mp3_cut,
        "aiff": _is_aiff_cut,
        "au": _is_au_cut,
        "caf": _is_caf_cut,
    }
    return family in looks and looks[family](path)


def _is_wav_cut(path: Path) -> bool:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF":
            return False
        at = 12
        while len(chunk := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", chunk)
            at += 8
            if name == b"data":
                return length not in UNKNOWN_LENGTHS and at + length > size
            at += length + length % 2
            file.seek(at)
    return True  # no samples at all


def _is_aiff_cut(path: Path) -> bool:
    with path.open("rb") as file:
        length = struct.unpack(">I", file.read(8)[4:])[0]
    return length not in UNKNOWN_LENGTHS and 8 + length > path.stat().st_size


def _is_au_cut(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
    if len(head) < 12:
        return True
    begin, length = struct.unpack(">II" if head[:4] == b".snd" else "<II", head[4:])
    return length not in UNKNOWN_LENGTHS and begin + length > path.stat().st_size


def _is_caf_cut(path: Path) -> bool:
    size, at = path.stat().st_size, 8
    with path.open("rb") as file:
        file.seek(at)
        while len(head := file.read(12)) == 12:
            length = struct.unpack(">q", head[4:])[0]
            if length < 0:  # to the end
                return False
            at += 12 + length
            if at > size:
                return True
            file.seek(at)
    return False


def _is_ogg_cut(path: Path) -> bool:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 2 * OGG_PAGE_BYTES))
        end = file.read()
    at = end.rfind(b"OggS")
    while at >= 0:
        page = end[at:]
        if len(page) >= 27 and page[4] == 0:  # else the four letters stand there by chance, or the header is cut
            segments = page[26]
            return len(page) < 27 + segments or len(page) < 27 + segments + sum(page[27 : 27 + segments])
        if len(page) < 27:
            return True
        at = end.rfind(b"OggS", 0, at)
    return True


def _is_mp3_cut(path: Path) -> bool:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(10)
        at = 0
        if head[:3] == b"ID3" and len(head) == 10:
            at = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        file.seek(at)
        begin = file.read(XING_BYTES)
    tag = next((found for name in (b"Xing", b"Info") if (found := begin.find(name)) >= 0), -1)
    if tag < 0 or len(begin) < tag + 16:
        return False
    flags = struct.unpack(">I", begin[tag + 4 : tag + 8])[0]
    if not flags & 2:
        return False
    place = tag + 8 + (4 if flags & 1 else 0)
    said = struct.unpack(">I", begin[place : place + 4])[0]
    return size - at < said
