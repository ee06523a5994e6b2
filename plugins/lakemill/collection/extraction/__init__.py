"""Features of media: one small module an extractor, named as in ``config/extractors.py``, each with a ``VERSION``.

A module's ``VERSION`` is counted up when it makes other numbers of the same bytes: then all is computed again, and only
where the extractor is asked for. Stays out: decoding, and the names of the columns (``config/extractors.py``).
"""

from importlib import import_module

from pydantic import BaseModel


def find_versions(extractors: BaseModel, prefix: str = "") -> dict[str, int]:
    """Return the versions of the extractors that are asked for.

    Parameters
    ----------
    extractors : ImageExtractors, AudioExtractors or VideoExtractors
    prefix : str
        Of the names, for extractors within one.

    Returns
    -------
    dict of str to int

    Examples
    --------
    >>> from lakemill.config.extractors import ImageExtractors, Thumbnail
    >>> find_versions(ImageExtractors(thumbnail=Thumbnail()))
    {'thumbnail': 1}
    """
    versions: dict[str, int] = {}
    for name in type(extractors).model_fields:
        chosen = getattr(extractors, name)
        if chosen is None:
            continue
        versions[prefix + name] = import_module(f"{__name__}.{name}").VERSION
        inner = getattr(chosen, "extract", None)
        if inner is not None:
            versions |= find_versions(inner, f"{prefix}{name}.")
    return versions
