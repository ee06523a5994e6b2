"""Films: what they say of themselves, and their frames one by one.

Stays out: features, and sound. A film is gone through twice: its packets, which tells how many frames there are and
whether it is whole, then its frames, all of which are decoded, so that damage anywhere is found.
"""

from collections.abc import Iterator
from datetime import datetime, timezone
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import av
from av.container import InputContainer
from av.video.stream import VideoStream
from PIL import Image

from lakemill.collection.decoding.contract import (
    DecodingOptions,
    UndecodableError,
    Values,
    round_feature,
    show_progress,
)
from lakemill.collection.decoding.cut_film import is_cut_off
from lakemill.config.extractors import VideoExtractors

# the demuxer is named: one that finds out by itself might take a playlist and follow what it names
DEMUXERS = {
    "mp4": "mov",
    "matroska": "matroska",
    "avi": "avi",
    "flv": "flv",
    "asf": "asf",
    "mpeg": "mpeg",
    "mpegts": "mpegts",
    "ogg": "ogg",
}
MEDIA_TYPES = {
    "mp4": "video/mp4",
    "matroska": "video/x-matroska",
    "avi": "video/x-msvideo",
    "flv": "video/x-flv",
    "asf": "video/x-ms-wmv",
    "mpeg": "video/mpeg",
    "mpegts": "video/mp2t",
    "ogg": "video/ogg",
}
LOST_SECONDS = 1.0  # by which the last frame may end before the film says that it does


def read_film(path: Path, family: str, options: DecodingOptions) -> Values:
    """Read a film.

    Parameters
    ----------
    path : Path
    family : str
        What its first bytes are.
    options : DecodingOptions

    Returns
    -------
    dict
        ``media_type``, ``width`` and ``height`` (upright), ``duration`` (seconds), ``rate`` (frames a second),
        ``frames``, ``codec``, ``capture_time``, features.

    Raises
    ------
    UndecodableError
        If it is too long or too large, told before it is decoded, holds no pictures, or is damaged.
    """
    extract = options.extract_as(VideoExtractors)
    if is_cut_off(path, family):
        raise UndecodableError("cut off: it is shorter than it says")
    try:
        packets, seconds = _survey(path, family, options)
        extractors = _open_extractors(extract, packets)
        with _open(path, family) as container:
            stream = container.streams.video[0]
            decoded, size = 0, (0, 0)
            for frame in _decode(container, stream, options):
                turned = frame.rotation % 180 != 0
                size = size if decoded else ((frame.height, frame.width) if turned else (frame.width, frame.height))
                takers = [one for _, one in extractors if one.wants(decoded)]
                picture = _make_upright(frame) if takers else None
                for one in takers:
                    one.take(decoded, picture)
                decoded += 1
            if decoded == 0:
                raise UndecodableError("no frame of it can be decoded")
            rate = stream.average_rate or Fraction(0)
            return {
                "media_type": _media_type(path, family),
                "width": size[0],
                "height": size[1],
                "duration": round_feature(seconds or (packets / float(rate) if rate else 0.0)),
                "rate": round_feature(float(rate)) if rate else None,
                "frames": decoded,
                "codec": stream.codec_context.name,
                "capture_time": _capture_time(container, options.zone),
                **{
                    name: round_feature(value)
                    for parameters, one in extractors
                    for name, value in zip(parameters.names, one.finish(), strict=True)
                },
            }
    except av.FFmpegError as error:
        raise UndecodableError(f"cut off or damaged: {error.strerror}") from None


def _open(path: Path, family: str) -> InputContainer:
    options = {"protocol_whitelist": "file"}
    return av.open(f"file:{path}", format=DEMUXERS[family], options=options, metadata_errors="replace")


def _survey(path: Path, family: str, options: DecodingOptions) -> tuple[int, float]:
    """Return the number of packets with pictures and the duration, of a film that is whole and within the limits."""
    with _open(path, family) as container:
        if not container.streams.video:
            raise UndecodableError("holds no pictures")
        stream = container.streams.video[0]
        said = _said_seconds(container, stream)
        if said > options.longest:
            raise UndecodableError(f"{said:,.0f} seconds long, more than {options.longest:,.0f}")
        _check_size(stream.codec_context.width, stream.codec_context.height, options)
        packets, end = 0, 0.0
        begin: float | None = None
        for packet in container.demux(stream):
            show_progress()
            if packet.size == 0:
                continue
            if packet.is_corrupt:
                raise UndecodableError(f"cut off or damaged after {packets:,} frames")
            packets += 1
            at = packet.pts if packet.pts is not None else packet.dts
            if at is not None and packet.time_base is not None:
                moment = float(at * packet.time_base)
                begin = moment if begin is None else min(begin, moment)
                end = max(end, float((at + (packet.duration or 0)) * packet.time_base))
            if end - (begin or 0.0) > options.longest + LOST_SECONDS:
                raise UndecodableError(f"more than {options.longest:,.0f} seconds long")
        if packets == 0:
            raise UndecodableError("holds no pictures")
        if stream.frames and packets < stream.frames:
            raise UndecodableError(f"cut off: {packets:,} of {stream.frames:,} frames are there")
        seen = end - (begin or 0.0)
        if family == "matroska" and said > seen + LOST_SECONDS + (begin or 0.0):
            raise UndecodableError(f"cut off: {seen:,.1f} of {said:,.1f} seconds are there")
        return packets, seen


def _said_seconds(container: InputContainer, stream: VideoStream) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else 0.0


def _check_size(width: int, height: int, options: DecodingOptions) -> None:
    if width * height > options.most_pixels:
        raise UndecodableError(f"{width * height:,} pixels a frame, more than {options.most_pixels:,}")


def _decode(container: InputContainer, stream: VideoStream, options: DecodingOptions) -> Iterator[av.VideoFrame]:
    for frame in container.decode(stream):
        show_progress()
        if frame.is_corrupt:
            raise UndecodableError("damaged: a frame of it cannot be decoded")
        _check_size(frame.width, frame.height, options)
        yield frame


def _open_extractors(extract: VideoExtractors, count: int) -> list[tuple[Any, Any]]:
    chosen = {name: getattr(extract, name) for name in type(extract).model_fields}
    return [
        (parameters, import_module(f"lakemill.collection.extraction.{name}").Extractor(parameters, count))
        for name, parameters in chosen.items()
        if parameters is not None
    ]


def _make_upright(frame: av.VideoFrame) -> Image.Image:
    picture = frame.to_image()
    return picture.rotate(frame.rotation, expand=True) if frame.rotation % 360 else picture


def _media_type(path: Path, family: str) -> str:
    with path.open("rb") as file:
        begin = file.read(64)
    if family == "mp4" and begin[4:12] == b"ftypqt  ":
        return "video/quicktime"
    if family == "matroska" and b"webm" in begin:
        return "video/webm"
    return MEDIA_TYPES[family]


def _capture_time(container: InputContainer, zone: str) -> str | None:
    """Return when the container says that it was made, by the clock of a zone."""
    said = container.metadata.get("creation_time")
    try:
        made = datetime.fromisoformat(str(said))
        made = made if made.tzinfo is not None else made.replace(tzinfo=timezone.utc)
        return made.astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat()
    except (ValueError, OverflowError):
        return None
