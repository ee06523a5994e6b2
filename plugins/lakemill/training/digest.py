"""A digest of what a model has learnt: the same for the same model, however and on however many threads it was fitted.

Files of one model differ in ids and times, and its trees in what memory held between the fields of their nodes. So the
objects are walked as pickle would take them apart, and the content of each is hashed: arrays by type, shape and values,
structured ones field by field, dictionaries and sets in order. Left out is how it was computed (`OF_COMPUTING`), and
where random generators stand. Stays out: where a digest is kept (``registry``).
"""

import functools
import hashlib
import struct
import types
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

# how it was computed, not what was learnt
OF_COMPUTING = frozenset({"n_jobs", "n_threads", "nthread", "num_threads", "verbose", "verbosity"})
PLAIN = (type(None), bool, int, float, complex, str, bytes)


def digest_learnt(model: Any) -> str:
    """Return a digest of a fitted model.

    Parameters
    ----------
    model : estimator
        Or anything that pickle could keep.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    TypeError
        If it holds something that cannot be taken apart.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> one, same, other = (Ridge(alpha).fit([[0], [1], [2]], [0, 1, 3]) for alpha in (1.0, 1.0, 2.0))
    >>> digest_learnt(one) == digest_learnt(same), digest_learnt(one) == digest_learnt(other)
    (True, False)
    """
    hashed = hashlib.sha256()
    _Walk(hashed.update).visit(model)
    return hashed.hexdigest()


class _Walk:
    def __init__(self, put: Callable[[bytes], None]) -> None:
        self._bytes = put
        self._above: list[int] = []  # objects that are being visited: a cycle leads back to one of them

    def visit(self, one: Any) -> None:
        if isinstance(one, np.generic):
            one = one.item() if one.dtype.names is None else np.asarray(one)
        if isinstance(one, PLAIN):
            self._visit_plain(one)
            return
        if id(one) in self._above:
            self._put("above", str(len(self._above) - self._above.index(id(one))))
            return
        self._above.append(id(one))
        self._visit_whole(one)
        self._above.pop()

    def _put(self, *texts: str) -> None:
        for text in texts:
            data = text.encode()
            self._bytes(struct.pack("<q", len(data)) + data)

    def _visit_plain(self, one: Any) -> None:
        # -0.0 and the bits of NaN are told apart by arrays only; 1 and 1.0 are not one value, True is not 1
        self._put(type(one).__name__, one.hex() if isinstance(one, (float, bytes)) else repr(one))

    def _visit_whole(self, one: Any) -> None:
        if isinstance(one, np.ndarray):
            self._visit_array(one)
        elif isinstance(one, (list, tuple)):
            self._visit_all(type(one).__name__, one)
        elif isinstance(one, dict):
            self._visit_pairs(one)
        elif isinstance(one, (set, frozenset)):
            self._visit_all("set", sorted(digest_learnt(item) for item in one))
        elif isinstance(one, (types.FunctionType, types.BuiltinFunctionType, np.ufunc, type)):
            self._put("name", getattr(one, "__module__", None) or "", getattr(one, "__qualname__", one.__name__))
        elif isinstance(one, functools.partial):
            self._visit_all("partial", (one.func, one.args, one.keywords))
        elif isinstance(one, np.dtype):
            self._put("dtype", str(one))
        elif isinstance(one, (pd.Series, pd.Index, pd.DataFrame)):
            labels = [] if isinstance(one, pd.Index) else [one.index]
            self._visit_all(type(one).__name__, (np.asarray(one), *labels, getattr(one, "columns", None)))
        elif sparse.issparse(one):
            rows = one.tocsr()
            rows.sum_duplicates()
            self._visit_all("sparse", (rows.shape, rows.indptr, rows.indices, rows.data))
        elif isinstance(one, (np.random.RandomState, np.random.Generator)):
            self._put("random")  # where it stands was not learnt
        elif type(one).__name__ == "Booster":
            self._put("booster", _write_booster(one))
        else:
            self._visit_object(one)

    def _visit_array(self, one: np.ndarray) -> None:
        if one.dtype.names is not None:  # what lies between its fields is whatever memory held
            self._put("record", *map(str, one.shape))
            for name in one.dtype.names:
                self._put(name)
                self.visit(one[name])
        elif one.dtype.hasobject:
            self._put("objects", *map(str, one.shape))
            for item in one.ravel():
                self.visit(item)
        else:
            self._put("array", one.dtype.str, *map(str, one.shape))
            self._bytes(np.ascontiguousarray(one).tobytes())

    def _visit_all(self, kind: str, items: Iterable[Any]) -> None:
        held = list(items)
        self._put(kind, str(len(held)))
        for item in held:
            self.visit(item)

    def _visit_pairs(self, one: dict[Any, Any]) -> None:
        pairs = sorted((digest_learnt(key), key) for key in one if key not in OF_COMPUTING)
        self._put("pairs", str(len(pairs)))
        for name, key in pairs:
            self._put(name)
            self.visit(one[key])

    def _visit_object(self, one: Any) -> None:
        """Take an object apart as pickle does: what makes it, of what arguments, in which state."""
        self._put("object", type(one).__module__, type(one).__qualname__)
        made = one.__reduce_ex__(4)
        if isinstance(made, str):  # something that has a name
            self._put(made)
            return
        _, arguments, state, *more = (*made, None, None, None)[:5]
        self.visit(tuple(arguments))
        self.visit(state)
        for items in more:
            self._visit_all("items", () if items is None else items)


def _write_booster(one: Any) -> str:
    """Return the trees of LightGBM's or XGBoost's model without parameters, of which threads are one."""
    if hasattr(one, "model_to_string"):
        return str(one.model_to_string()).split("\nparameters:")[0]
    return bytes(one.save_raw(raw_format="json")).decode()
