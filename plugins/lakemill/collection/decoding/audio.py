"""Sound: what a recording says of itself, and its samples block by block.

Stays out: features. Several channels count as their mean.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from lakemill.collection.decoding.contract import (
    DecodingOptions,
    UndecodableError,
    Values,
    round_feature,
    show_progress,
)
from lakemill.collection.decoding.cut_sound import is_cut_off
from lakemill.config.extractors import AudioExtractors

BLOCK_SECONDS = 4
MOST_BLOCK_FRAMES = 1 << 18
MEDIA_TYPES = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "mp3": "audio/mpeg",
    "aiff": "audio/aiff",
    "au": "audio/basic",
    "caf": "audio/x-caf",
}


def read_sound(path: Path, family: str, options: DecodingOptions) -> Values:
    """Read a recording.

    Parameters
    ----------
    path : Path
    family : str
        What its first bytes are.
    options : DecodingOptions

    Returns
    -------
    dict
        ``media_type``, ``duration`` (seconds), ``rate`` (Hz), ``channels``, ``frames``, ``codec``, features.

    Raises
    ------
    UndecodableError
        If it is too long, told before it is decoded, holds no sound, or is damaged.
    """
    extract = options.extract_as(AudioExtractors)
    if is_cut_off(path, family):
        raise UndecodableError("cut off: it is shorter than it says")
    try:
        with soundfile.SoundFile(path) as sound:
            duration = sound.frames / sound.samplerate
            if duration > options.longest:
                raise UndecodableError(f"{duration:,.0f} seconds long, more than {options.longest:,.0f}")
            if sound.frames == 0:
                raise UndecodableError("holds no sound")
            extractors = _open_extractors(extract, sound.samplerate)
            frames = _feed(sound, extractors, options.longest)
            features = {
                name: round_feature(value)
                for parameters, one in extractors
                for name, value in zip(parameters.names, one.finish(), strict=True)
            }
            return {
                "media_type": MEDIA_TYPES[family],
                "duration": frames / sound.samplerate,
                "rate": sound.samplerate,
                "channels": sound.channels,
                "frames": frames,
                "codec": sound.subtype,
                **features,
            }
    except soundfile.LibsndfileError as error:
        raise UndecodableError(f"cut off or damaged: {error.error_string}") from None


def _open_extractors(extract: AudioExtractors, rate: int) -> list[tuple[Any, Any]]:
    chosen = {name: getattr(extract, name) for name in type(extract).model_fields}
    return [
        (parameters, import_module(f"lakemill.collection.extraction.{name}").Extractor(parameters, rate))
        for name, parameters in chosen.items()
        if parameters is not None
    ]


def _feed(sound: soundfile.SoundFile, extractors: list[tuple[Any, Any]], longest: float) -> int:
    """Give all samples to the extractors; return how many there were."""
    block = max(1, min(sound.samplerate * BLOCK_SECONDS, MOST_BLOCK_FRAMES))
    expected, read = sound.frames, 0
    while len(samples := sound.read(block, dtype="float64", always_2d=True)):
        show_progress()
        read += len(samples)
        if not np.isfinite(samples).all():
            raise UndecodableError("damaged: samples that are no numbers")
        if read / sound.samplerate > longest + 1:
            raise UndecodableError(f"more than {longest:,.0f} seconds long")
        mono = samples.mean(axis=1)
        for _, one in extractors:
            one.take(mono)
    if read != expected:
        raise UndecodableError(f"cut off or damaged: {read:,} of {expected:,} samples can be read")
    for _, one in extractors:
        one.take(np.zeros(0), is_last=True)
    return read
