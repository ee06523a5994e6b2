"""Columns of text: runs of words or characters, counted in hashed columns and weighted by TF-IDF.

Stays out: the meaning of texts.
"""

from typing import Any

from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.pipeline import Pipeline, make_pipeline

from lakemill.config.features import Transform

BUCKETS = 4096
COMPONENTS = 50


def transform_text(settings: Transform, *, sparse: bool, seed: int) -> Pipeline:
    """Return the unfitted transformer of one column of text.

    Parameters
    ----------
    settings : Transform
    sparse : bool
        Whether columns may be sparse; where not, they are reduced to components.
    seed : int
        For the components.

    Returns
    -------
    Pipeline
        Takes one column, not a frame.
    """
    buckets = settings.buckets or BUCKETS
    count = HashingVectorizer(
        analyzer="word" if settings.tokens == "words" else "char_wb",
        ngram_range=settings.ngrams,
        n_features=buckets,
        alternate_sign=False,  # TF-IDF needs counts
        norm=None,
    )
    steps: list[Any] = [count, TfidfTransformer(sublinear_tf=True)]
    components = settings.components or (None if sparse else COMPONENTS)
    if components is not None:
        steps.append(TruncatedSVD(min(components, buckets - 1), random_state=seed))
    return make_pipeline(*steps)
