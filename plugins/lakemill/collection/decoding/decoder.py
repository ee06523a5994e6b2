"""Decoding in a process of its own: started when it is needed, and again when a file has ended it.

Stays out: what that process does (``worker.py``).
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import lakemill
from lakemill.collection.decoding.contract import SILENCE_SECONDS, DecodingOptions, UndecodableError, Values
from lakemill.exceptions import CollectionError

WORKER = "lakemill.collection.decoding.worker"
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
        process = self._process
        if process is None or process.poll() is not None:
            process = self._start()
        answer = _ask(process, {"path": str(path), "family": family})
        if answer is None:
            raise UndecodableError(self._explain_end(process))
        if "reason" in answer:
            raise UndecodableError(answer["reason"])
        values: Values = answer["values"]
        return values

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
            if _ask(process, options) is not None:
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


def _ask(process: "subprocess.Popen[str]", request: dict[str, Any]) -> dict[str, Any] | None:
    """Return an answer, None where the process ended instead."""
    if process.stdin is None or process.stdout is None:
        return None
    try:
        print(json.dumps(request), file=process.stdin, flush=True)
        line = process.stdout.readline()
    except BrokenPipeError:
        return None
    answer: dict[str, Any] | None = json.loads(line) if line.endswith("\n") else None
    return answer
