"""What a decoder is told, and how it says that it was given no media.

Stays out: any one kind of media.
"""

import signal
from dataclasses import dataclass
from typing import TypeVar

from lakemill.config.extractors import AudioExtractors, ImageExtractors, VideoExtractors

Values = dict[str, int | float | str | None]
# counted up when a decoder makes other values of the same bytes: then all is decoded again
VERSIONS = {"images": 1, "audio": 1, "video": 1}
SILENCE_SECONDS = 120  # a decoder that makes no progress for so long is ended
SIGNIFICANT_DIGITS = 9  # of features: what processors add up differently lies beyond


Extract = TypeVar("Extract", bound=ImageExtractors | AudioExtractors | VideoExtractors)


class UndecodableError(Exception):
    """A file is not what it should be; the text is the reason, for people."""


@dataclass(frozen=True)
class DecodingOptions:
    """What a workflow file asks of a decoder.

    Attributes
    ----------
    kind : {"images", "audio", "video"}
    extract : Section
        The features that are wanted.
    zone : str
        Time zone by whose clock capture times are told.
    most_pixels : int
        Of a picture, or of a frame.
    longest : float
        In seconds.
    """

    kind: str
    extract: ImageExtractors | AudioExtractors | VideoExtractors
    zone: str = "UTC"
    most_pixels: int = 100_000_000
    longest: float = 7200.0

    def extract_as(self, wanted: type[Extract]) -> Extract:
        """Return the features that are wanted, for the decoder of a kind.

        Raises
        ------
        TypeError
            If they are those of another kind.
        """
        if not isinstance(self.extract, wanted):
            raise TypeError(f"expected {wanted.__name__}, got {type(self.extract).__name__}")
        return self.extract


def show_progress() -> None:
    """Tell that the decoder still gets on, where a limit of silence was set."""
    if _is_watched:
        signal.alarm(SILENCE_SECONDS)


def watch_progress() -> None:
    """End this process by a signal when `show_progress` is not called for `SILENCE_SECONDS`."""
    global _is_watched  # of the process, as the alarm is
    _is_watched = True
    signal.alarm(SILENCE_SECONDS)


def stop_watching() -> None:
    """Let the process wait for as long as it likes."""
    global _is_watched
    _is_watched = False
    signal.alarm(0)


def round_feature(value: float) -> float | None:
    """Return a feature with the digits that all machines agree on; None for what is no number.

    Examples
    --------
    >>> round_feature(1 / 3), round_feature(float("nan"))
    (0.333333333, None)
    """
    rounded = float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    return rounded if abs(rounded) < float("inf") else None


_is_watched = False
