"""Places that files lie in: a folder of this machine, or an object store with the keys of a connection.

Stays out: which files are wanted, and what is in them.
"""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from pyarrow import fs

from lakemill.collection.delivery import Credentials
from lakemill.exceptions import CollectionError

SCHEMES = ("s3", "gs", "gcs", "abfs", "abfss", "file")


def open_store(
    address: str, *, project: Path, credentials: Credentials | None = None, where: str = ""
) -> tuple[fs.FileSystem, str]:
    """Return a file system and the path within it.

    Parameters
    ----------
    address : str
        A path, relative to the project, or an address such as ``s3://bucket/folder/file``.
    project : Path
    credentials : Credentials, optional
        Of an object store: login and password are its keys, extra may name ``endpoint_url`` and ``region_name``, as
        Airflow's connections of type aws do. Without them the usual variables and files of the store count.
    where : str
        For errors.

    Returns
    -------
    filesystem : pyarrow.fs.FileSystem
    path : str

    Raises
    ------
    CollectionError
        If the address is of no kind that is known.

    Examples
    --------
    >>> open_store("data/x.csv", project=Path("/srv"))[1]
    '/srv/data/x.csv'
    """
    if "://" not in address:
        return fs.LocalFileSystem(), str(project / address)
    parts = urlsplit(address)
    if parts.scheme not in SCHEMES:
        raise CollectionError(
            f"cannot open {parts.scheme}:// addresses", where=where, remedy=f"known: {', '.join(SCHEMES)}"
        )
    path = (parts.netloc + parts.path).rstrip("/")
    if parts.scheme == "s3":
        return _open_s3(credentials, parse_qs(parts.query)), path
    if credentials is not None and parts.scheme in ("abfs", "abfss"):
        return fs.AzureFileSystem(account_name=str(credentials.login), account_key=credentials.password), path
    try:
        return fs.FileSystem.from_uri(address)
    except (OSError, ValueError) as error:
        raise CollectionError(f"cannot open {address}: {error}", where=where, remedy="mend the address") from None


def _open_s3(credentials: Credentials | None, query: dict[str, list[str]]) -> fs.FileSystem:
    extra = dict(credentials.extra) if credentials is not None else {}
    endpoint = extra.get("endpoint_url") or next(iter(query.get("endpoint_override", [])), None)
    options = {
        "access_key": credentials.login if credentials is not None else None,
        "secret_key": credentials.password if credentials is not None else None,
        "session_token": extra.get("aws_session_token"),
        "region": extra.get("region_name"),
        "endpoint_override": endpoint,
    }
    if extra.get("anonymous"):
        options = {"anonymous": True, "region": options["region"], "endpoint_override": endpoint}
    return fs.S3FileSystem(**{name: value for name, value in options.items() if value is not None})
