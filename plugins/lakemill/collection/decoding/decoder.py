"""Decoding in a process of its own: started when it is needed, and again when a file has ended it.

Stays out: what that process does (``worker.py``).
"""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import lakemill
from lakemill.collection.decoding.contract import SILENCE_SECONDS, DecodingOptions, UndecodableError, Values
from lakemill.exceptions import CollectionError

WORKER = "lakemill.collection.decoding.worker"
LEAST_PIPE_BYTES = 4096  # a pipe holds so many at least, before its writer has to wait
# several of them share the machine; and one thread adds up in one order
ENVIRONMENT = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Decoder:
    """A process that decodes files, one at a time; as a context it is ended with it.

    Parameters
    ----------
    options : DecodingOptions
    """

    def __init__(self, options: DecodingOptions) -> None:
        self._options = options
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def decode(self, path: Path, family: str) -> Values:
        """Return what a file says of itself, and its features.

        Parameters
        ----------
        path : Path
        family : str
            What its first bytes are, one of `lakemill.collection.media_families.FAMILIES`.

        Returns
        -------
        dict
            By column.

        Raises
        ------
        UndecodableError
            If it is damaged, beyond a limit, or its decoder crashes or hangs.
        """
        [answer] = self.decode_all([(path, family)])
        if isinstance(answer, UndecodableError):
            raise answer
        return answer

    def decode_all(self, files: Sequence[tuple[Path, str]]) -> list[Values | UndecodableError]:
        """Return what files say of themselves; of one that cannot be decoded, why.

        Asked about together, for each would wait for the other side's turn.

        Parameters
        ----------
        files : sequence of (Path, str)
            Each with its family.

        Returns
        -------
        list of dict or UndecodableError
            As many as files.
        """
        answers: list[Values | UndecodableError] = []
        while len(answers) < len(files):
            process = self._process
            if process is None or process.poll() is not None:
                process = self._start()
            left = [_write_request({"path": str(path), "family": family}) for path, family in files[len(answers) :]]
            for answer in _ask(process, left[: _count_fitting(left)]):
                if answer is None:  # it ended on this file; the next ones are asked of another process
                    answers.append(UndecodableError(self._explain_end(process)))
                elif "reason" in answer:
                    answers.append(UndecodableError(answer["reason"]))
                else:
                    answers.append(answer["values"])
        return answers

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):  # what was not sent to a process that is gone
                stream.close() if stream is not None else None

    # -- inside -------------------------------------------------------------------------------------------------------

    def _start(self) -> "subprocess.Popen[str]":
        self.close()
        package = str(Path(lakemill.__file__).parents[1])
        known = os.environ.get("PYTHONPATH")
        with tempfile.TemporaryFile("w+") as errors:
            process = self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", WORKER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                env={**os.environ, **ENVIRONMENT, "PYTHONPATH": f"{package}:{known}" if known else package},
            )
            options = {**vars(self._options), "extract": self._options.extract.model_dump()}
            if next(_ask(process, [_write_request(options)])) is not None:
                return process
            process.wait()
            errors.seek(0)
            lines = errors.read().strip().splitlines()
        self.close()
        raise CollectionError(
            f"the process that decodes {self._options.kind} does not start: {lines[-1] if lines else 'no reason'}",
            where="decoding",
            remedy="install the requirements again",
        )

    def _explain_end(self, process: "subprocess.Popen[str]") -> str:
        code = process.wait()
        self.close()
        if code == -signal.SIGALRM:
            return f"its decoder got no further for {SILENCE_SECONDS} seconds"
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"its decoder crashed on it ({how})"


def _write_request(request: dict[str, Any]) -> str:
    return json.dumps(request) + "\n"


def _count_fitting(requests: list[str]) -> int:
    """Return how many requests can be written before an answer is read: more could make both sides wait for ever."""
    sizes = itertools.accumulate(len(one) for one in requests)  # ASCII
    return max(1, sum(size <= LEAST_PIPE_BYTES for size in sizes))


def _ask(process: "subprocess.Popen[str]", requests: list[str]) -> Iterator[dict[str, Any] | None]:
    """Yield the answers, None as the last where the process ended instead."""
    if process.stdin is None or process.stdout is None:
        yield None
        return
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write("".join(requests))
        process.stdin.flush()
    for _ in requests:
        line = process.stdout.readline()
        if not line.endswith("\n"):
            yield None
            return
        yield json.loads(line)
