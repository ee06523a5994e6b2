"""Model files: fitted pipelines as skops, read only where they hold nothing but types that are trusted.

skops is no pickle: nothing of a file is run, and only types that are named are made. Which these are is found when a
model is kept, and must be of packages that models are made of.
Stays out: where files are (``models.py``).
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from importlib.metadata import version as installed_version
from zipfile import BadZipFile

import skops.io
from sklearn.pipeline import Pipeline

from lakemill.config import Workflow
from lakemill.exceptions import ForeignLibraryError, RegistryError

HASH, TYPES, SKLEARN = "model_sha256", "trusted_types", "sklearn_version"  # tags of a version, in MLflow's database
TRUSTED_PACKAGES = ("sklearn", "numpy", "scipy")
TRUSTED_TYPES = (
    "functools.partial",
    "collections.OrderedDict",
    "collections.defaultdict",
    "lakemill.preprocessing.features.dates.DateParts",
    "lakemill.preprocessing.features.levels.HashedLevels",
    "lakemill.preprocessing.features.levels.RareLevels",
    "lakemill.training.numbered_classes.NumberedClasses",
)


def hash_file(data: bytes) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def dump_pipeline(pipeline: Pipeline, workflow: Workflow) -> tuple[bytes, list[str]]:
    """Return a fitted pipeline as a file, and the types in it that skops does not trust of itself.

    Parameters
    ----------
    pipeline : Pipeline
    workflow : Workflow
        The packages of its candidates are trusted beside those that every model is made of.

    Returns
    -------
    data : bytes
    types : list of str
        By name; these alone are trusted when the file is read.

    Raises
    ------
    RegistryError
        If one of them is of another package.
    """
    data = skops.io.dumps(pipeline)
    types = sorted(skops.io.get_untrusted_types(data=data))
    packages = list_packages(workflow)
    strange = [one for one in types if one.split(".")[0] not in packages and one not in TRUSTED_TYPES]
    if strange:
        raise _distrust(
            strange, where=f"model {workflow.workflow}", remedy=f"trusted are those of {', '.join(packages)}"
        )
    return data, types


def tag_file(data: bytes, types: list[str]) -> dict[str, str]:
    """Return the tags by which `open_kept` knows a file again.

    They are kept in MLflow's database: whoever may write model files may not thereby run code where they are loaded.
    """
    return {HASH: hash_file(data), TYPES: json.dumps(types), SKLEARN: installed_version("scikit-learn")}


def open_kept(data: bytes, tags: Mapping[str, str], *, where: str) -> Pipeline:
    """Read a pipeline, if its file is the one that was kept.

    Parameters
    ----------
    data : bytes
        The file.
    tags : mapping of str to str
        Of its version, as from `tag_file`.
    where : str
        For errors.

    Returns
    -------
    Pipeline

    Raises
    ------
    ForeignLibraryError
        If another scikit-learn has fitted it.
    RegistryError
        If the file is another one, or holds types that it did not hold then.
    """
    _require_sklearn(tags.get(SKLEARN), where)
    if TYPES not in tags or hash_file(data) != tags.get(HASH):
        raise RegistryError(
            "its file is not the one that was kept",
            where=where,
            remedy="find out who changed it; then train again, or put the file back",
        )
    return load_pipeline(data, trusted=json.loads(tags[TYPES]), where=where)


def load_pipeline(data: bytes, *, trusted: Collection[str], where: str) -> Pipeline:
    """Read a pipeline.

    Parameters
    ----------
    data : bytes
        The file.
    trusted : collection of str
        Types beyond those that skops trusts.
    where : str
        For errors.

    Returns
    -------
    Pipeline

    Raises
    ------
    RegistryError
        If it is no skops file, or holds another type; nothing of it is made then.
    """
    try:
        types = skops.io.get_untrusted_types(data=data)
    except (BadZipFile, KeyError, ValueError) as error:
        raise RegistryError(
            f"its file is no skops file ({error})",
            where=where,
            remedy="find out who put it there, and put the model's file back; nothing else is read, a pickle least",
        ) from None
    strange = sorted(set(types) - set(trusted))
    if strange:
        raise _distrust(strange, where=where, remedy="find out who changed it; then put the file back, or train again")
    pipeline: Pipeline = skops.io.loads(data, trusted=types)
    return pipeline


def list_packages(workflow: Workflow) -> tuple[str, ...]:
    """Return the packages whose types a workflow's models may hold."""
    candidates = (one.estimator.split(".")[0] for one in workflow.train.candidates.values())
    return tuple(dict.fromkeys((*TRUSTED_PACKAGES, *candidates)))


def _require_sklearn(fitted_by: str | None, where: str) -> None:
    installed = installed_version("scikit-learn")
    if fitted_by != installed:
        by = f"scikit-learn {fitted_by}" if fitted_by else "a scikit-learn that was not noted"
        remedy = f"install scikit-learn=={fitted_by}" if fitted_by else "install the one of then"
        raise ForeignLibraryError(
            f"it was fitted by {by}, installed is {installed}: what it predicts may differ",
            where=where,
            remedy=f"{remedy}, or train again",
        )


def _distrust(strange: list[str], *, where: str, remedy: str) -> RegistryError:
    named = ", ".join(strange)
    return RegistryError(f"the model file holds types that are not trusted: {named}", where=where, remedy=remedy)
