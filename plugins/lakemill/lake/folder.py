"""The folder of a workflow in the lake, on a disk or in an object store: files, documents, what tasks hand on.

Stays out: tables (``storage.py``). No other room opens a file of the lake.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from lakemill.exceptions import LakeError


@dataclass(frozen=True)
class Pieces:
    """Rows that are read piece by piece.

    Attributes
    ----------
    schema : pyarrow.Schema
    read : callable
        Gives the tables anew each time it is called.
    """

    schema: pa.Schema
    read: Callable[[], Iterator[pa.Table]]


class Folder:
    """A workflow's folder in the lake.

    Parameters
    ----------
    address : str
        The lake's folder, or its ``s3://`` address; keys and endpoint of an object store come from the usual
        ``AWS_`` variables.
    workflow : str
        Name of the workflow: what is its own lies under ``<address>/<workflow>``.
    """

    def __init__(self, address: str, workflow: str) -> None:
        self.address = address.rstrip("/")
        self.workflow = workflow
        self._files, root = fs.FileSystem.from_uri(self._uri(f"{self.address}/{workflow}"))
        self._root = root

    # -- what tasks hand on, and small documents ---------------------------------------------------------------------

    def stage(self, step: str, partition: str, rows: pa.Table) -> None:
        """Hand rows on to the next task, as one Parquet file that is replaced whole."""
        self.stage_pieces(step, partition, Pieces(rows.schema, lambda: iter([rows])))

    def stage_pieces(self, step: str, partition: str, pieces: "Pieces") -> None:
        """Hand rows on piece by piece, as `stage` does."""

        def write(out: pa.NativeFile) -> None:
            with pq.ParquetWriter(out, pieces.schema) as writer:
                for piece in pieces.read():
                    writer.write_table(piece)

        self._write(f"_staging/{step}/{partition}.parquet", write)

    def staged(self, step: str, partition: str) -> pa.Table:
        """Return what an earlier task handed on.

        Raises
        ------
        LakeError
            If it did not.
        """
        path = f"{self._root}/_staging/{step}/{partition}.parquet"
        if self._files.get_file_info(path).type != fs.FileType.File:
            raise LakeError(
                f"nothing staged by {step}",
                where=f"{self.workflow} {partition}",
                remedy=f"run the partition from its first task: clear the run of {self.workflow}.ingestion",
            )
        return pq.read_table(path, filesystem=self._files)

    def unstage(self, partition: str) -> None:
        """Remove what the tasks of a partition handed on."""
        for info in self._files.get_file_info(fs.FileSelector(f"{self._root}/_staging", True, True)):
            if info.type == fs.FileType.File and info.base_name.startswith(f"{partition}.parquet"):
                self._files.delete_file(info.path)

    def write_document(self, name: str, content: dict[str, Any]) -> None:
        """Keep a small JSON document under a name."""
        raw = json.dumps(content, indent=1, sort_keys=True).encode()
        self._write(f"_documents/{name}.json", lambda out: out.write(raw))

    def read_document(self, name: str) -> dict[str, Any] | None:
        """Return a document, None where there is none."""
        path = f"{self._root}/_documents/{name}.json"
        try:
            with self._files.open_input_stream(path) as stream:
                content: dict[str, Any] = json.loads(stream.read())
        except FileNotFoundError:
            return None
        return content

    def list_documents(self, folder: str) -> list[str]:
        """Return the names of all documents under a folder of them, in order."""
        root = f"{self._root}/_documents/"
        selector = fs.FileSelector(f"{root}{folder}", allow_not_found=True, recursive=True)
        paths = [info.path for info in self._files.get_file_info(selector) if info.type == fs.FileType.File]
        return sorted(path.removeprefix(root).removesuffix(".json") for path in paths if path.endswith(".json"))

    def remove_document(self, name: str) -> None:
        """Remove a document if it is there."""
        self.remove(f"_documents/{name}.json")

    def _path(self, table: str) -> str:
        return f"{self.address}/{self.workflow}/{table}"

    def _uri(self, path: str) -> str:
        return path if "://" in path else Path(path).absolute().as_uri()

    @property
    def local_folder(self) -> Path | None:
        """The workflow's folder where the lake lies on this machine, else None."""
        return Path(self._root) if isinstance(self._files, fs.LocalFileSystem) else None

    @property
    def files(self) -> fs.FileSystem:
        """The workflow's folder as a file system, for this room."""
        return fs.SubTreeFileSystem(self._root, self._files)

    def files_of(self, table: str) -> fs.FileSystem:
        """Return a table's folder as a file system, for this room."""
        return fs.SubTreeFileSystem(f"{self._root}/{table}", self._files)

    def uri(self, table: str) -> str:
        """Return the address of a table, for this room."""
        return self._uri(self._path(table))

    def open_for_writing(self, name: str) -> pa.NativeFile:
        """Open a new file under the workflow's folder, for this room."""
        path = f"{self._root}/{name}"
        if isinstance(self._files, fs.LocalFileSystem):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        return self._files.open_output_stream(path)

    def open_for_reading(self, name: str) -> pa.NativeFile:
        """Open a file under the workflow's folder as a stream, for this room."""
        return self._files.open_input_stream(f"{self._root}/{name}")

    def size_of(self, name: str) -> int:
        """Return the size of a file under the workflow's folder in bytes, for this room."""
        size: int = self._files.get_file_info(f"{self._root}/{name}").size
        return size

    def remove(self, name: str) -> None:
        """Remove a file under the workflow's folder if it is there, for this room."""
        path = f"{self._root}/{name}"
        if self._files.get_file_info(path).type == fs.FileType.File:
            self._files.delete_file(path)

    def _write(self, name: str, write: Any) -> None:
        path = f"{self._root}/{name}"
        if not isinstance(self._files, fs.LocalFileSystem):  # an object appears whole, or not at all
            with self._files.open_output_stream(path) as out:
                write(out)
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        unfinished = f"{path}.{os.getpid()}.unfinished"
        with self._files.open_output_stream(unfinished) as out:
            write(out)
        Path(unfinished).replace(path)
