"""Features of media files that a workflow file may ask for, each with its parameters and the columns it makes.

The names of columns are known here, so that ``features`` can speak of them by a pattern before any file is read.
Stays out: computing them (``collection/extraction``).
"""

from pydantic import Field, model_validator

from lakemill.config.section import Section


class Histogram(Section):
    """Share of pixels by brightness of each colour: ``histogram_red_0`` ..."""

    bins: int = Field(8, ge=2, le=256, description="Steps of brightness.")

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that it makes."""
        return tuple(f"histogram_{colour}_{step}" for colour in ("red", "green", "blue") for step in range(self.bins))


class Texture(Section):
    """Share of pixels by local binary pattern: ``texture_0`` ..."""

    points: int = Field(8, ge=4, le=24, description="Neighbours compared with each pixel.")
    radius: float = Field(1.0, gt=0, description="Distance of these, in pixels.")

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that it makes."""
        return tuple(f"texture_{step}" for step in range(self.points + 2))


class Hog(Section):
    """Histogram of oriented gradients of the picture brought to one size: ``hog_0`` ..."""

    size: int = Field(32, ge=8, le=512, description="Height and width that the picture is brought to.")
    cell: int = Field(8, ge=2, description="Height and width of a cell, in pixels of that size.")
    orientations: int = Field(9, ge=2, le=36, description="Directions told apart.")

    @model_validator(mode="after")
    def _holds_cells(self) -> "Hog":
        if self.cell > self.size:
            raise ValueError(f"cell: must be at most size ({self.size}); got {self.cell}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that it makes."""
        return tuple(f"hog_{step}" for step in range((self.size // self.cell) ** 2 * self.orientations))


class Thumbnail(Section):
    """Brightness of the pixels of the picture brought to one size: ``pixel_0_0`` ..."""

    size: int = Field(8, ge=1, le=64, description="Height and width.")

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that it makes."""
        return tuple(f"pixel_{row}_{column}" for row in range(self.size) for column in range(self.size))


class ImageExtractors(Section):
    """Features of pictures; those left out are not made."""

    histogram: Histogram | None = None
    texture: Texture | None = None
    hog: Hog | None = None
    thumbnail: Thumbnail | None = None


class LogMel(Section):
    """Mean and deviation over time of the energy in each mel band, in dB: ``mel_0_mean``, ``mel_0_sd`` ..."""

    bands: int = Field(32, ge=4, le=256, description="Mel bands.")
    rate: int = Field(16_000, ge=2_000, le=192_000, description="Sampling rate that the sound is brought to, in Hz.")

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that it makes."""
        return tuple(f"mel_{band}_{what}" for band in range(self.bands) for what in ("mean", "sd"))


class Mfcc(Section):
    """Mean and deviation over time of mel-frequency cepstral coefficients: ``mfcc_0_mean``, ``mfcc_0_sd`` ..."""

    coefficients: int = Field(20, ge=2, le=64, description="How many.")
    rate: int = Field(16_000, ge=2_000, le=192_000, description="Sampling rate that the sound is brought to, in Hz.")

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that it makes."""
        return tuple(f"mfcc_{number}_{what}" for number in range(self.coefficients) for what in ("mean", "sd"))


class AudioExtractors(Section):
    """Features of recordings; those left out are not made."""

    log_mel: LogMel | None = None
    mfcc: Mfcc | None = None


class Motion(Section):
    """Mean, deviation and maximum of the change from a frame to the next, from 0 to 1: ``motion_mean`` ..."""

    frames: int = Field(16, ge=1, le=1_000, description="Changes sampled evenly over the film.")

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that it makes."""
        return ("motion_mean", "motion_sd", "motion_max")


class Frames(Section):
    """Means over sampled frames of features of pictures: ``frame_histogram_red_0`` ..."""

    frames: int = Field(16, ge=1, le=1_000, description="Frames sampled evenly over the film.")
    extract: ImageExtractors = Field(ImageExtractors(histogram=Histogram()), description="Features of a frame.")

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that it makes."""
        return tuple(f"frame_{name}" for name in name_columns(self.extract))


class VideoExtractors(Section):
    """Features of films; those left out are not made."""

    motion: Motion | None = None
    frames: Frames | None = None


def name_columns(extractors: ImageExtractors | AudioExtractors | VideoExtractors) -> tuple[str, ...]:
    """Return the names of all columns that extractors make, in order.

    Examples
    --------
    >>> name_columns(ImageExtractors(thumbnail=Thumbnail(size=1), texture=Texture(points=4)))[-2:]
    ('texture_5', 'pixel_0_0')
    """
    chosen = [getattr(extractors, field) for field in type(extractors).model_fields]
    return tuple(name for extractor in chosen if extractor is not None for name in extractor.names)
