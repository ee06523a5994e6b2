"""All features of one picture, by what a workflow file asks for.

Stays out: decoding.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from lakemill.collection.decoding.contract import show_progress
from lakemill.config.extractors import ImageExtractors

if TYPE_CHECKING:
    from PIL.Image import Image


def extract_all(picture: "Image", extractors: ImageExtractors) -> list[float]:
    """Return the features of a picture, in the order of `lakemill.config.extractors.name_columns`.

    Parameters
    ----------
    picture : PIL.Image.Image
        In RGB, upright.
    extractors : ImageExtractors

    Returns
    -------
    list of float
    """
    values: list[float] = []
    for name in type(extractors).model_fields:
        parameters = getattr(extractors, name)
        if parameters is not None:
            show_progress()
            values += import_module(f"lakemill.collection.extraction.{name}").extract(picture, parameters)
    return values
