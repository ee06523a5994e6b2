"""Features of sound, on sounds whose spectrum is known."""

import numpy as np
import pytest
import soundfile

from lakemill.collection.decoding.audio import read_sound
from lakemill.collection.decoding.contract import DecodingOptions
from lakemill.collection.extraction.moments import Moments
from lakemill.collection.extraction.spectrum import MelFrames
from lakemill.config.extractors import AudioExtractors, LogMel, Mfcc, name_columns

RATE = 16_000
ALL = AudioExtractors(log_mel=LogMel(bands=32), mfcc=Mfcc(coefficients=13))
SINE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)


@pytest.fixture
def read(tmp_path):
    """Function that writes a sound and reads it."""

    def run(samples, name="x.wav", rate=RATE, extract=ALL, **how):
        soundfile.write(tmp_path / name, samples, rate, **how)
        return read_sound(tmp_path / name, name.split(".")[-1], DecodingOptions("audio", extract))

    return run


def means(values):
    return np.array([values[f"mel_{band}_mean"] for band in range(32)])


def test_a_sine_is_loudest_in_the_band_that_holds_its_frequency(read):
    import librosa

    edges = librosa.mel_frequencies(34, fmin=0, fmax=RATE / 2)
    loudest = int(np.argmax(means(read(SINE))))
    assert edges[loudest] < 440 < edges[loudest + 2]


def test_frames_are_those_of_librosa():
    import librosa

    power = np.abs(librosa.stft(SINE, n_fft=512, hop_length=256, center=False)) ** 2
    bands = librosa.filters.mel(sr=RATE, n_fft=512, n_mels=32, dtype=np.float64)
    expected = 10 * np.log10(np.maximum(bands @ power, 1e-10)).T
    found = MelFrames(RATE, RATE, 32).take(SINE)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_half_as_loud_is_six_decibels_less_in_every_band(read):
    noise = np.random.default_rng(0).normal(0, 0.1, RATE)
    loud, soft = (means(read(noise * factor, subtype="DOUBLE")) for factor in (1, 0.5))
    assert (loud - soft).tolist() == pytest.approx([20 * np.log10(2)] * 32, abs=1e-6)


def test_silence_is_told_as_the_quietest_there_is(read):
    values = read(np.zeros(RATE))
    assert set(means(values)) == {-100.0}
    assert values["mfcc_0_mean"] == pytest.approx(-100 * np.sqrt(40))
    assert values["mfcc_1_mean"] == pytest.approx(0)


@pytest.mark.parametrize("samples", [1, 100, 511, 512, 513, 768, 769])
def test_clips_of_any_length_have_all_features(samples, read):
    values = read(SINE[:samples])
    assert all(isinstance(values[name], float) for name in name_columns(ALL))
    assert values["frames"] == samples


def test_blocks_make_the_same_frames_as_the_whole():
    noise = np.random.default_rng(0).normal(0, 0.1, 5_003)
    for rate in (RATE, 8_000):
        whole, parts = MelFrames(rate, RATE, 32), MelFrames(rate, RATE, 32)
        expected = np.concatenate([whole.take(noise), whole.take(np.zeros(0), is_last=True)])
        found = [parts.take(noise[at : at + 100]) for at in range(0, len(noise), 100)]
        np.testing.assert_allclose(np.concatenate([*found, parts.take(np.zeros(0), is_last=True)]), expected, atol=1e-6)


def test_two_channels_count_as_their_mean(read):
    one, two = read(SINE / 2, subtype="DOUBLE"), read(np.stack([SINE, 0 * SINE], axis=1), subtype="DOUBLE")
    assert (one["channels"], two["channels"]) == (1, 2)
    assert means(one) == pytest.approx(means(two))


@pytest.mark.parametrize(
    ("name", "how", "codec", "media_type"),
    [
        ("x.wav", {"subtype": "PCM_U8"}, "PCM_U8", "audio/wav"),
        ("x.wav", {"subtype": "FLOAT"}, "FLOAT", "audio/wav"),
        ("x.flac", {"subtype": "PCM_24"}, "PCM_24", "audio/flac"),
        ("x.ogg", {}, "VORBIS", "audio/ogg"),
        ("x.mp3", {}, "MPEG_LAYER_III", "audio/mpeg"),
        ("x.aiff", {}, "PCM_16", "audio/aiff"),
    ],
)
def test_the_usual_files_are_read(name, how, codec, media_type, read):
    values = read(SINE, name, **how)
    assert (values["codec"], values["media_type"]) == (codec, media_type)
    assert (values["duration"], values["rate"], values["channels"]) == (pytest.approx(1, abs=0.1), RATE, 1)
    assert int(np.argmax(means(values))) == int(np.argmax(means(read(SINE))))


def test_another_rate_makes_nearly_the_same_features(read):
    same = 0.5 * np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)
    difference = means(read(same, rate=44_100)) - means(read(SINE))
    assert abs(difference[np.argmax(means(read(SINE)))]) < 0.1


def test_many_bands_at_a_low_rate_are_none_of_them_empty(read):
    extract = AudioExtractors(log_mel=LogMel(bands=256, rate=2_000))
    values = read(np.random.default_rng(0).normal(0, 0.1, RATE), extract=extract)
    assert min(values[f"mel_{band}_mean"] for band in range(256)) > -99


def test_moments_of_parts_are_those_of_the_whole():
    rows = np.random.default_rng(0).normal(5, 2, (100, 3))
    moments = Moments(3)
    for part in np.array_split(rows, 7):
        moments.take(part)
    np.testing.assert_allclose([moments.mean, moments.deviation], [rows.mean(axis=0), rows.std(axis=0)])
