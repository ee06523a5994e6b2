"""Families of media files: how their names end, how their bytes begin, and what they hold.

Stays out: decoding. A family says which decoder is asked, and whether a name fits the bytes.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from lakemill.collection.input_files import find_pointer

WORDS = {"images": "a picture", "audio": "sound", "video": "a film"}
KNOWN = {
    "images": "PNG, JPEG, GIF, BMP, TIFF, WebP, AVIF, JPEG 2000, PNM",
    "audio": "WAV, FLAC, OGG, MP3, AIFF, AU, CAF",
    "video": "MP4, MOV, MKV, WebM, AVI, MPEG, OGG, FLV, WMV",
}
SNIFFED_BYTES = 1024


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# what lies beside media and is none: passed over, unless its bytes are media
TEXTS = _words(
    "txt md rst csv tsv tab json jsonl ndjson yaml yml xml html htm xmp srt vtt sub cue log ini cfg toml url pdf rtf "
    "sha1 sha256 sha512 md5 sfv m3u m3u8 pls nfo license py sh sql db lnk torrent parquet"
)
NAMES = "readme|licen[cs]e|copying|notice|authors|changes|changelog|makefile|sha\\d*sums?|md5sums?"
TEXT_NAMES = re.compile(f"({NAMES})$", re.IGNORECASE)


@dataclass(frozen=True)
class Family:
    """Media files that are written alike.

    Attributes
    ----------
    name : str
    shown : str
        What people call it.
    kinds : tuple of str
        Kinds of sources that may take it.
    extensions : frozenset of str
        Of their names, in small letters without the dot.
    begins : callable
        Tells by the first bytes whether a file is one.
    """

    name: str
    shown: str
    kinds: tuple[str, ...]
    extensions: frozenset[str]
    begins: Callable[[bytes], bool]


def _starts(*magics: bytes) -> Callable[[bytes], bool]:
    return lambda begin: begin.startswith(magics)


def _chunk(outer: tuple[bytes, ...], *inner: bytes) -> Callable[[bytes], bool]:
    return lambda begin: begin[:4] in outer and begin[8:12] in inner


def _is_avif(begin: bytes) -> bool:
    return begin[4:8] == b"ftyp" and begin[8:12] in (b"avif", b"avis")


def _is_heif(begin: bytes) -> bool:
    return begin[4:8] == b"ftyp" and begin[8:12] in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc")


def _is_mp4(begin: bytes) -> bool:
    return begin[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


def _is_mp3(begin: bytes) -> bool:
    # a tag, or the sync bits of a frame of layer III
    return begin.startswith(b"ID3") or (len(begin) > 1 and begin[0] == 0xFF and begin[1] & 0xE6 == 0xE2)


def _is_mpeg_ts(begin: bytes) -> bool:
    return len(begin) > 376 and begin[0] == begin[188] == begin[376] == 0x47


def _family(name: str, shown: str, kinds: str, extensions: str, begins: Callable[[bytes], bool]) -> Family:
    return Family(name, shown, tuple(kinds.split()), _words(extensions), begins)


FAMILIES = (
    _family("png", "PNG", "images", "png apng", _starts(b"\x89PNG\r\n\x1a\n")),
    _family("jpeg", "JPEG", "images", "jpg jpeg jpe jfif mpo", _starts(b"\xff\xd8\xff")),
    _family("gif", "GIF", "images", "gif", _starts(b"GIF87a", b"GIF89a")),
    _family("tiff", "TIFF", "images", "tif tiff", _starts(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    _family("webp", "WebP", "images", "webp", _chunk((b"RIFF",), b"WEBP")),
    _family("avif", "AVIF", "images", "avif", _is_avif),
    _family("jpeg2000", "JPEG 2000", "images", "jp2 j2k jpx jpf", _starts(b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")),
    _family("pnm", "PNM", "images", "ppm pgm pbm pnm", lambda begin: bool(re.match(rb"P[1-6][\s#]", begin))),
    _family("heif", "HEIF", "", "heic heif", _is_heif),
    _family("wav", "WAV", "audio", "wav wave bwf", _chunk((b"RIFF", b"RF64", b"RIFX"), b"WAVE")),
    _family("flac", "FLAC", "audio", "flac", _starts(b"fLaC")),
    _family("ogg", "OGG", "audio video", "ogg oga ogv opus ogx", _starts(b"OggS")),
    _family("aiff", "AIFF", "audio", "aif aiff aifc", _chunk((b"FORM",), b"AIFF", b"AIFC")),
    _family("au", "AU", "audio", "au snd", _starts(b".snd", b"dns.")),
    _family("caf", "CAF", "audio", "caf", _starts(b"caff")),
    _family("mp4", "MP4", "video", "mp4 m4v mov qt m4a m4b 3gp 3g2 aac", _is_mp4),
    _family("matroska", "Matroska", "video", "mkv webm mka mk3d", _starts(b"\x1a\x45\xdf\xa3")),
    _family("avi", "AVI", "video", "avi", _chunk((b"RIFF",), b"AVI ", b"AVIX")),
    _family("flv", "FLV", "video", "flv f4v", _starts(b"FLV\x01")),
    _family("asf", "WMV", "video", "wmv asf wma", _starts(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11")),
    _family("mpeg", "MPEG", "video", "mpg mpeg vob m2p", _starts(b"\0\0\x01\xba")),
    _family("mpegts", "MPEG-TS", "video", "ts mts m2ts", _is_mpeg_ts),
    _family("mp3", "MP3", "audio", "mp3 mp2", _is_mp3),
    _family("bmp", "BMP", "images", "bmp dib", _starts(b"BM")),
)
BY_EXTENSION = {extension: family for family in FAMILIES for extension in family.extensions}


def find_family(begin: bytes) -> Family | None:
    """Return the family of a file by its first bytes, None where it is no media.

    Examples
    --------
    >>> find_family(b"GIF89a...").shown, find_family(b"file,label")
    ('GIF', None)
    """
    return next((family for family in FAMILIES if family.begins(begin)), None)


def is_text_beside(name: str) -> bool:
    """Tell by its name whether a file lies beside media to explain them.

    Examples
    --------
    >>> [is_text_beside(name) for name in ("a/README", "LICENSE.txt", "labels.csv", "x.png", "x.dat")]
    [True, True, True, False, False]
    """
    path = PurePosixPath(name)
    return extension_of(name) in TEXTS or bool(TEXT_NAMES.match(path.stem))


def is_hidden(name: str) -> bool:
    """Tell whether a file is one that systems put into folders: no one delivered it.

    Examples
    --------
    >>> is_hidden("a/.DS_Store"), is_hidden("__MACOSX/a.png"), is_hidden("a/Thumbs.db"), is_hidden("a/b.png")
    (True, True, True, False)
    """
    parts = name.split("/")
    own = any((part.startswith(".") and part not in (".", "..")) or part == "__MACOSX" for part in parts)
    return own or parts[-1].lower() in ("thumbs.db", "desktop.ini", "ehthumbs.db")


def extension_of(name: str) -> str:
    """Return how a name ends, in small letters without the dot."""
    return PurePosixPath(name).suffix.lower().removeprefix(".")


def find_contradiction(name: str, begin: bytes, kind: str) -> str | None:
    """Return why a file's name, bytes and kind don't fit each other, None where they do.

    Parameters
    ----------
    name : str
    begin : bytes
        The first `SNIFFED_BYTES` of the file.
    kind : {"images", "audio", "video"}

    Examples
    --------
    >>> find_contradiction("x.png", b"GIF89a", "images"), find_contradiction("x.jpeg", b"GIF89a", "audio")
    ('its name says PNG, its bytes are GIF', 'GIF: a picture, not sound')
    """
    if not begin:
        return "empty"
    if (pointed := find_pointer(begin)) is not None:
        return pointed
    family = find_family(begin)
    said = BY_EXTENSION.get(extension_of(name))
    if family is None:
        if said is not None:
            return f"its name says {said.shown}, its bytes are of no known kind"
        return f"no media: not {WORDS[kind]} that can be read ({KNOWN[kind]})"
    if kind not in family.kinds:
        what = " or ".join(WORDS[one] for one in family.kinds)
        return f"{family.shown}: {what}, not {WORDS[kind]}" if what else f"{family.shown} cannot be read"
    if said is not None and said != family:
        return f"its name says {said.shown}, its bytes are {family.shown}"
    if said is None and extension_of(name) in TEXTS:
        return f"its name says .{extension_of(name)}, its bytes are {family.shown}"
    return None
