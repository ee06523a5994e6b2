"""Formats of files with rows: what comes in pieces out of CSV, JSON, NDJSON, Parquet and Excel files.

One small file a format, each a function ``(stream, shown, source) -> Iterator[Piece]``. A file's format and its
compression are found from its bytes. Stays out: where files come from (``files.py``, ``http.py``).
"""

from lakemill.collection.formats.reading import peek_columns, read_files

__all__ = ["peek_columns", "read_files"]
