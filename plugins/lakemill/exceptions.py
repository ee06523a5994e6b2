"""The family of errors that Lakemill raises on purpose.

An error says where it is, what is wrong, and what to do next; it is shown to people as it stands, without a traceback.
What stays out: verdicts. A refused row, a blocked partition or a failed gate is a value.
"""

from collections.abc import Sequence


class LakemillError(Exception):
    """Something that the user can mend.

    Parameters
    ----------
    problem : str
        What is wrong: expected and found.
    where : str, optional
        The file and key, or the table and partition.
    remedy : str, optional
        What to do next.
    """

    def __init__(self, problem: str, *, where: str = "", remedy: str = "") -> None:
        self.problem = problem
        self.where = where
        self.remedy = remedy
        super().__init__(problem)

    def __str__(self) -> str:
        head = f"{self.where}: {self.problem}" if self.where else self.problem
        return f"{head}\n  -> {self.remedy}" if self.remedy else head


class ConfigError(LakemillError):
    """A workflow file or a setting is wrong."""


class CollectionError(LakemillError):
    """A source cannot be read."""


class NothingDeliveredError(CollectionError):
    """A source has nothing for a partition, or not yet."""


class TableError(LakemillError):
    """The table cannot be built from its sources, or lacks a column."""


class LakeError(LakemillError):
    """The lake refuses a read or a write."""


class MisfitError(LakeError):
    """Rows do not fit the columns of their table.

    Parameters
    ----------
    problem, where, remedy : str
    columns : sequence of str
        Those that the table may not get; rows without values in them fit.
    """

    def __init__(self, problem: str, *, where: str = "", remedy: str = "", columns: Sequence[str] = ()) -> None:
        super().__init__(problem, where=where, remedy=remedy)
        self.columns = tuple(columns)


class BlockedPartitionError(LakemillError):
    """An expectation blocks the partition: nothing of it is published."""


class TrainingError(LakemillError):
    """A model cannot be trained on this snapshot."""


class RegistryError(LakemillError):
    """A model cannot be stored or loaded."""


class ForeignLibraryError(RegistryError):
    """A model was fitted by another version of scikit-learn than is installed."""


class ServiceError(LakemillError):
    """A service of the embedded installation does not start or answer."""


class RunError(LakemillError):
    """A DAG run failed."""


def suggest(name: str, known: list[str]) -> str:
    """Return ``did you mean 'x'?`` for the nearest known name, else the names to choose from.

    Examples
    --------
    >>> suggest("colect", ["collect", "table"])
    "did you mean 'collect'?"
    >>> suggest("zzz", ["collect", "table"])
    'known: collect, table'
    """
    import difflib

    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
