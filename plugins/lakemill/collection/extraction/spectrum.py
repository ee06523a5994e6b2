"""Sound into frames of mel bands, block by block, so that hours of it need no more memory than seconds.

Stays out: what is made of the frames (``log_mel.py``, ``mfcc.py``).
"""

import numpy as np
from numpy.typing import NDArray

WINDOW_SECONDS = 0.032
QUIETEST = 1e-10  # power that silence counts as: -100 dB


class MelFrames:
    """Decibels by mel band of overlapping windows of a sound.

    Parameters
    ----------
    rate : int
        Of the sound that comes, in Hz.
    wanted_rate : int
        That it is brought to first, in Hz.
    bands : int
        From 0 Hz to half of that rate.

    Notes
    -----
    Hann windows of the power of two that is next above 32 ms, each half over the last; the sound begins with the first
    and is filled up with silence to the end of the last. Power spectra by Slaney's mel filters (librosa's default), in
    dB re 1, at least -100. Where a filter would be narrower than a step of frequency, windows are lengthened by zeros.
    """

    def __init__(self, rate: int, wanted_rate: int, bands: int) -> None:
        import soxr  # type: ignore[import-untyped]

        self._window_length = _power_of_two(wanted_rate * WINDOW_SECONDS)
        self._step = self._window_length // 2
        self._window = np.hanning(self._window_length + 1)[:-1]
        self._filters, self._transform_length = _make_filters(wanted_rate, self._window_length, bands)
        self._resampler = soxr.ResampleStream(rate, wanted_rate, 1, dtype="float64") if rate != wanted_rate else None
        self._rest: NDArray[np.float64] = np.zeros(0)
        self._has_frames = False

    def take(self, samples: NDArray[np.float64], *, is_last: bool = False) -> NDArray[np.float64]:
        """Take a block of one channel and return the frames that it completes.

        Parameters
        ----------
        samples : numpy.ndarray of float64
            In [-1, 1], of shape (n,).
        is_last : bool
            Whether nothing comes after it.

        Returns
        -------
        numpy.ndarray of float64
            In dB, of shape (frames, bands).
        """
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples, last=is_last)
        sound = np.concatenate([self._rest, samples])
        if is_last:
            sound = self._fill_up(sound)
        frames = max(0, (len(sound) - self._window_length) // self._step + 1)
        self._rest = sound[frames * self._step :]
        if frames == 0:
            return np.zeros((0, len(self._filters)))
        self._has_frames = True
        windows = np.lib.stride_tricks.sliding_window_view(sound, self._window_length)[:: self._step][:frames]
        power = np.abs(np.fft.rfft(windows * self._window, self._transform_length, axis=1)) ** 2
        return 10 * np.log10(np.maximum(power @ self._filters.T, QUIETEST))

    def _fill_up(self, sound: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add silence so that the last samples are in a frame too."""
        overlap = self._window_length - self._step if self._has_frames else 0
        if len(sound) <= overlap:  # all of them were in one
            return sound
        beyond = max(0, len(sound) - self._window_length)
        length = self._window_length + -(-beyond // self._step) * self._step
        return np.concatenate([sound, np.zeros(length - len(sound))])


def _power_of_two(least: float) -> int:
    return 1 << max(4, int(np.ceil(np.log2(least))))


def _make_filters(rate: int, window_length: int, bands: int) -> tuple[NDArray[np.float64], int]:
    import warnings

    from librosa.filters import mel

    length = window_length
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that filters are empty; then the next length
            filters = mel(sr=rate, n_fft=length, n_mels=bands, dtype=np.float64)
        if filters.any(axis=1).all():
            return filters, length
        length *= 2
