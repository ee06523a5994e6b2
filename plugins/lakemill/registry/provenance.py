"""Which code made a model: a digest of it, and the commit where the code lies in a git checkout.

Stays out: which data (``training.snapshots``).
"""

import functools
import hashlib
import subprocess
from pathlib import Path

import lakemill

SECONDS = 5


def describe_code() -> dict[str, str]:
    """Return what tells the code that is running.

    Returns
    -------
    dict of str to str
        ``package``: a digest of all of Lakemill. ``commit`` where it lies in a git checkout, with ``, changed`` where
        files of it differ from that. What fitting depends on, libraries included, is told by the snapshot.
    """
    commit = find_commit(Path(lakemill.__file__).resolve().parent)
    return {"package": _digest_package()} | ({"commit": commit} if commit else {})


def find_commit(folder: Path) -> str | None:
    """Return the commit of a folder in a git checkout, None where it is in none, or there is no git."""
    commit = _ask_git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    return commit + (", changed" if _ask_git(folder, "status", "--porcelain", "--", ".") else "")


@functools.cache
def _digest_package() -> str:
    root, digest = Path(lakemill.__file__).parent, hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _ask_git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ended.stdout.strip() if ended.returncode == 0 else None
