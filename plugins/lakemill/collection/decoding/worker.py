"""The process that decodes: reads a request a line from its standard input, and answers with a line.

An alarm of the system ends it when a decoder hangs, even within a C library. What decoders print is thrown away. Stays
out: who asks (``decoder.py``).
"""

import json
import os
import resource
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

from lakemill.collection.decoding.contract import (
    DecodingOptions,
    UndecodableError,
    Values,
    stop_watching,
    watch_progress,
)
from lakemill.config.extractors import AudioExtractors, ImageExtractors, VideoExtractors

READERS = {"images": "read_image", "audio": "read_sound", "video": "read_film"}
EXTRACTORS: dict[str, Any] = {"images": ImageExtractors, "audio": AudioExtractors, "video": VideoExtractors}
MEMORY_BYTES = 8 * 2**30  # of addresses; a file that makes a decoder ask for more is refused


def main() -> None:
    """Answer requests until the input ends."""
    told = json.loads(sys.stdin.readline())
    options = DecodingOptions(**{**told, "extract": EXTRACTORS[told["kind"]].model_validate(told["extract"])})
    reader = getattr(import_module(f"lakemill.collection.decoding.{told['kind']}"), READERS[told["kind"]])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    _silence()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        watch_progress()
        answer = _answer(reader, request, options)
        stop_watching()
        print(json.dumps(answer), file=answers, flush=True)


def _answer(reader: Any, request: dict[str, str], options: DecodingOptions) -> dict[str, Any]:
    try:
        values: Values = reader(Path(request["path"]), request["family"], options)
        return {"values": values}
    except UndecodableError as error:
        return {"reason": str(error)}
    except MemoryError:
        return {"reason": "decoding it needs too much memory"}
    except Exception as error:  # decoders raise anything on what is damaged
        text = " ".join(str(error).replace(request["path"], "the file").split())
        return {"reason": f"cannot be decoded: {type(error).__name__}{': ' if text else ''}{text}"[:500]}


def _silence() -> None:
    warnings.simplefilter("ignore")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


if __name__ == "__main__":
    main()
