"""From files to pieces: the compression, the format, and a reason for everything that cannot be read.

Stays out: the formats.
"""

import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import PurePosixPath

import pyarrow as pa

from lakemill.collection.delivery import NO_ROWS, PROVENANCE, Piece, Refused
from lakemill.collection.formats.compression import FAULTS, PlainStream, find_compression, list_members, open_plain
from lakemill.collection.input_files import InputFile, find_pointer
from lakemill.config.sources import FilesSource, HttpSource

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
EXCEL_MAGIC = b"\xd0\xcf\x11\xe0"
PARQUET_MAGIC = b"PAR1"
CONTROLS = bytes((*range(0, 9), *range(14, 27), *range(28, 32)))
EXCEL_EXPANDED = 2 * 2**30  # its sheets are held in memory


def read_files(files: Sequence[InputFile], source: FilesSource | HttpSource) -> Iterator[Piece]:
    """Read files one after the other.

    Parameters
    ----------
    files : sequence of InputFile
    source : FilesSource or HttpSource
        Says how they are written.

    Yields
    ------
    Piece
        Each with ``source_file``; what cannot be read is refused with a reason, and the rest goes on.
    """
    for file in files:
        yield from _read_file(file, source)


def peek_columns(files: Sequence[InputFile], source: FilesSource | HttpSource) -> list[list[str]]:
    """Return the columns of files that have some, from their first lines or what they say of themselves.

    Parameters
    ----------
    files : sequence of InputFile
    source : FilesSource or HttpSource
    """
    found = []
    for file in files:
        with closing(_read_file(file, source)) as pieces:
            names = next(pieces).rows.column_names
        if len(names) > 2:  # the reader's own two
            found.append(names[:-2])
    return found


def _stamp(pieces: Iterator[Piece], file: InputFile, form: str = "") -> Iterator[Piece]:
    is_told = False
    for piece in pieces:
        names = piece.rows.column_names
        # of the number of a row the reader's own comes last
        taken = [name for name in names[:-1] if name.lower() in PROVENANCE]
        if taken:
            reason = f"has a column {taken[0]!r}, a name of the lake's own: give it another name"
            refused = [] if is_told else [Refused(reason, file.shown)]
            piece, is_told = Piece(NO_ROWS, [*refused, *piece.refused]), True
        shown = pa.repeat(pa.scalar(file.shown, pa.string()), len(piece.rows))
        yield Piece(
            piece.rows.append_column("source_file", shown), piece.refused, file.shown, form in ("json", "ndjson")
        )


def _read_file(file: InputFile, source: FilesSource | HttpSource) -> Generator[Piece, None, None]:
    if file.size > source.largest:
        yield from _refuse(file, f"{file.size:,} bytes, more than {source.largest:,}")
        return
    with ExitStack() as stack:
        try:
            compression = find_compression(file)
            if compression == "zip" and not _is_workbook(file):
                yield from _read_archive(file, source, stack)
                return
            compression = None if compression == "zip" else compression
            begin = _read_begin(file, compression, source)
            form = _find_format(begin, file, source)
            if (pointed := find_pointer(begin)) is not None:
                yield from _refuse(file, pointed)
            elif form is None:
                yield from _refuse(file, "no text, and no format that is known: looks like binary data")
            elif form in ("parquet", "excel"):
                yield from _stamp(_read_whole(file, form, compression, source, stack), file)
            else:
                plain = open_plain(file, compression, source.largest, stack)
                yield from _stamp(_read_stream(plain, form, file.shown, source), file, form)
                if plain.fault is not None:
                    yield from _refuse(file, plain.fault)
        except FAULTS as error:
            yield from _refuse(file, f"cannot be read: {error or type(error).__name__}")


def _read_archive(file: InputFile, source: FilesSource | HttpSource, stack: ExitStack) -> Iterator[Piece]:
    is_empty = True
    for member in list_members(file, stack):
        is_empty = False
        yield from _read_file(member, source)
    if is_empty:
        yield from _refuse(file, "an archive without files")


def _read_stream(plain: PlainStream, form: str, shown: str, source: FilesSource | HttpSource) -> Iterator[Piece]:
    from lakemill.collection.formats.delimited import read_delimited
    from lakemill.collection.formats.records import read_document, read_lines

    reader = {"csv": read_delimited, "json": read_document, "ndjson": read_lines}[form]
    yield from reader(plain, shown, source)


def _read_whole(
    file: InputFile, form: str, compression: str | None, source: FilesSource | HttpSource, stack: ExitStack
) -> Iterator[Piece]:
    from lakemill.collection.formats.parquet import read_parquet
    from lakemill.collection.formats.sheets import read_sheet

    if compression is not None:
        yield Piece(NO_ROWS, [Refused(f"a compressed {form} file: bring it without {compression}", file.shown)])
        return
    if form == "excel":
        yield from read_sheet(stack.enter_context(file.open()), file.shown, source)
    else:
        yield from read_parquet(stack.enter_context(file.open()), file.shown)


def _read_begin(file: InputFile, compression: str | None, source: FilesSource | HttpSource) -> bytes:
    with ExitStack() as stack:
        return open_plain(file, compression, source.largest, stack).read(64 * 1024) or b""


def _find_format(begin: bytes, file: InputFile, source: FilesSource | HttpSource) -> str | None:
    """Return the format, by bytes before names; None for binary data that is none of them."""
    found = None
    if begin.startswith(PARQUET_MAGIC):
        found = "parquet"
    elif begin.startswith((EXCEL_MAGIC, b"PK\x03\x04")):
        found = "excel"
    if source.format in ("parquet", "excel") or found is not None:
        return found if source.format in ("auto", found) else None
    if source.format != "auto":
        return source.format
    if not _looks_like_text(begin, source.csv.encoding):
        return None
    names = PurePosixPath(file.shown.split("?")[0]).suffixes
    named = next((SUFFIXES[suffix.lower()] for suffix in reversed(names) if suffix.lower() in SUFFIXES), None)
    if named == "json" or named is None:
        return _sniff(begin) or named or "csv"
    return named


def _sniff(begin: bytes) -> str | None:
    text = begin.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"["):
        return "json"
    if not text.startswith(b"{"):
        return None
    lines = [line for line in text.split(b"\n") if line.strip()]
    is_a_line_each = len(lines) > 1 and all(line.lstrip().startswith(b"{") for line in lines)
    return "ndjson" if is_a_line_each else "json"


def _looks_like_text(begin: bytes, encoding: str | None) -> bool:
    if encoding is not None or begin.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    begin = begin[:4096]  # damage further on is for the format to find
    if len(begin.translate(None, CONTROLS)) >= len(begin) - max(32, len(begin) // 20):
        return True
    lines = [line for line in begin.split(b"\n") if line.strip()]  # a stretch of zeros costs a text its line only
    return 2 * sum(line.translate(None, CONTROLS) == line for line in lines) > len(lines) > 2


def _is_workbook(file: InputFile) -> bool:
    try:
        with file.open() as raw, zipfile.ZipFile(raw) as archive:
            names = archive.namelist()
            if "[Content_Types].xml" not in names and "mimetype" not in names:
                return False
            if sum(info.file_size for info in archive.infolist()) > EXCEL_EXPANDED:
                raise zipfile.BadZipFile(f"a workbook that expands to more than {EXCEL_EXPANDED:,} bytes")
            return "mimetype" in names or any(name.startswith("xl/") for name in names)
    except zipfile.BadZipFile as error:
        if "workbook" in str(error):
            raise
        return False


def _refuse(file: InputFile, reason: str) -> Iterator[Piece]:
    yield from _stamp(iter([Piece(NO_ROWS, [Refused(reason, file.shown)])]), file)
