"""A digest of what an estimator has learnt: equal for equal content, whichever process or file it comes from.

Stays out: what is compared with what.
"""

import hashlib
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse


def digest_learnt(value: Any) -> str:
    """Return a digest of all that an estimator holds: parameters and fitted state, through nested ones.

    Parameters
    ----------
    value : object
        An estimator, or anything that one is made of.

    Returns
    -------
    str
        16 hexadecimal digits.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> one, same, other = (StandardScaler().fit([[0.0], [x]]) for x in (1.0, 1.0, 2.0))
    >>> digest_learnt(one) == digest_learnt(same), digest_learnt(one) == digest_learnt(other)
    (True, False)
    """
    digest = hashlib.sha256()
    _add(digest, value, ())
    return digest.hexdigest()[:16]


def _add(digest: Any, value: Any, above: tuple[int, ...]) -> None:
    if id(value) in above:
        digest.update(b"itself;")
        return
    above = (*above, id(value))
    kind = value if isinstance(value, type) else type(value)
    digest.update(f"{kind.__module__}.{kind.__qualname__}:".encode())
    for part in _parts(value):
        if isinstance(part, bytes):
            digest.update(part + b";")
        else:
            _add(digest, part, above)


def _parts(value: Any) -> list[Any]:
    """Return what a value is made of: bytes, or other values."""
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, np.generic, np.dtype)):
        return [repr(value).encode()]
    if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        return [f"{value.__module__}.{value.__qualname__}".encode()]
    if isinstance(value, np.ndarray):
        head = f"{value.dtype}{value.shape}".encode()
        return (
            [head, *value.ravel().tolist()] if value.dtype.hasobject else [head, np.ascontiguousarray(value).tobytes()]
        )
    if sparse.issparse(value):
        coo = sparse.coo_array(value)
        return [repr(value.shape).encode(), coo.data, *coo.coords]
    if isinstance(value, (pd.Series, pd.Index, pd.DataFrame)):
        return [value.to_numpy(), *([value.index.to_numpy()] if not isinstance(value, pd.Index) else [])]
    if isinstance(value, dict):
        return [part for pair in sorted(value.items(), key=lambda pair: repr(pair[0])) for part in pair]
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if isinstance(value, (list, tuple)):
        return [str(len(value)).encode(), *value]
    if isinstance(value, np.random.RandomState):
        return [value.get_state(legacy=True)]
    if hasattr(value, "__getstate__") and not hasattr(value, "__dict__"):
        return [value.__getstate__()]
    return [vars(value)]
