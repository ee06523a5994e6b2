"""Media files made on the spot, for tests: films; pictures and sound take one line where they are needed.

Stays out: asserting.
"""

import struct
from pathlib import Path

import av
import numpy as np


def make_film(path: Path, frames: list[np.ndarray], *, codec: str = "mpeg4", rate: int = 10, **metadata: str) -> Path:
    """A film of RGB frames, without sound."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata)
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def make_film_with_sound(path: Path, frames: list[np.ndarray]) -> Path:
    """A film of RGB frames with a second of silence beside."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=10)
        pictures.height, pictures.width = frames[0].shape[:2]
        pictures.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=8000)
        for frame in frames:
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(pictures.encode())
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 8000
        container.mux(sound.encode(silence))
        container.mux(sound.encode())
    return path


def turn_film(path: Path) -> Path:
    """Write into an MP4 that it is to be shown turned by 90 degrees clockwise."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40  # behind version, times, ids, layer and volume, in version 0
    quarter = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    content[at : at + 36] = struct.pack(">9i", *quarter)
    path.write_bytes(content)
    return path


def plain_frames(count: int, brightness: int = 200, *, height: int = 32, width: int = 64) -> list[np.ndarray]:
    """Frames that are all the same."""
    return [np.full((height, width, 3), brightness, np.uint8)] * count
