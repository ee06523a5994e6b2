"""Features of media files are named before any file is read, and a workflow may speak of them by a pattern."""

import pytest

from lakemill.config import Workflow
from lakemill.config.extractors import AudioExtractors, ImageExtractors, VideoExtractors, name_columns

AUDIO = {"kind": "audio", "path": "sounds/{partition}", "extract": {"mfcc": {"coefficients": 2}}}
PROMPTS = {
    "workflow": "prompts",
    "description": "Who speaks?",
    "partition": {"every": "day", "start": "2024-03-01"},
    "collect": {"sounds": AUDIO},
    "table": {"key": ["file"], "event_time": "at", "label": {"column": "label", "problem": "classification"}},
    "features": {"numeric": ["mfcc_*", "duration"]},
    "train": {
        "metric": "accuracy",
        "candidates": {"plain": {"estimator": "sklearn.linear_model.LogisticRegression"}},
    },
}


@pytest.mark.parametrize(
    ("extractors", "count"),
    [
        (ImageExtractors(), 0),
        (ImageExtractors.model_validate({"histogram": {"bins": 4}, "thumbnail": {"size": 3}}), 12 + 9),
        (AudioExtractors.model_validate({"mfcc": {}, "log_mel": {"bands": 8}}), 40 + 16),
        (VideoExtractors.model_validate({"motion": {}, "frames": {"extract": {"histogram": {"bins": 2}}}}), 3 + 6),
    ],
)
def test_every_column_has_a_name_of_its_own(extractors, count):
    names = name_columns(extractors)
    assert (len(names), len(set(names))) == (count, count)


def test_a_pattern_stands_for_all_columns_that_it_fits():
    workflow = Workflow.model_validate(PROMPTS)
    assert workflow.features.numeric == ("mfcc_0_mean", "mfcc_0_sd", "mfcc_1_mean", "mfcc_1_sd", "duration")


def test_a_pattern_that_fits_nothing_is_told():
    with pytest.raises(ValueError, match=r"features.numeric: .mel_\*. is none of the columns"):
        Workflow.model_validate({**PROMPTS, "features": {"numeric": ["mel_*"]}})
