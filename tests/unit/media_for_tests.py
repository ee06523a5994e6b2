"""Media files made on the spot, for tests: films, and a file of each format of pictures, sound and films.

Stays out: asserting.
"""

import struct
from pathlib import Path

import av
import numpy as np
import soundfile
from PIL import Image


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


def good_pictures(folder: Path) -> None:
    """A picture of noise in each format."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8))
    for name in ("x.png", "x.jpg", "x.gif", "x.bmp", "x.tif", "x.webp", "x.jp2", "x.ppm", "x.avif"):
        noise.save(folder / name)


def good_sounds(folder: Path) -> None:
    """Half a second of noise in each format."""
    noise = np.random.default_rng(0).normal(0, 0.1, (8000, 2))
    for name in ("x.wav", "x.flac", "x.ogg", "x.mp3", "x.aiff", "x.au", "x.caf"):
        soundfile.write(folder / name, noise, 16_000)


def good_films(folder: Path) -> None:
    """A second of noise in each format."""
    frames = [np.random.default_rng(number).integers(0, 255, (32, 64, 3)).astype(np.uint8) for number in range(12)]
    for name, codec in {
        "x.mp4": "mpeg4",
        "y.mp4": "libx264",
        "x.avi": "mpeg4",
        "x.mkv": "mpeg4",
        "x.webm": "libvpx",
    }.items():
        make_film(folder / name, frames, codec=codec)
    make_film(folder / "x.mpg", frames, codec="mpeg2video", rate=25)
