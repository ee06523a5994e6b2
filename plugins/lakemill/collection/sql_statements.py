"""The text of a query: what is code in it and what is not, whether it may run, and the interval bound to it.

Stays out: databases.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from lakemill.exceptions import CollectionError

READING = ("select", "with", "values", "table")
_CODE = r"""
    (?P<comment> --[^\n]* | /\*.*?(?:\*/|\Z) )
  | (?P<quoted> {literal} | "(?:[^"]|"")*" | `[^`]*` | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
  | (?P<cast> :: )
  | (?<![\w:]):(?P<parameter> start|end )\b
  | (?P<end> ; )
"""
_STANDARD = r"(?:\b[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*')"
_BACKSLASHES = r"'(?:[^'\\]|\\.|'')*'"


@dataclass(frozen=True)
class Statement:
    """A query.

    Attributes
    ----------
    query : str
        As written.
    has_backslashes : bool
        Whether a backslash in a text literal escapes the next character, as in MySQL.
    """

    query: str
    has_backslashes: bool = False

    @cached_property
    def bound(self) -> str:
        """The query for ``sqlalchemy.text``: nothing but the code's own ``:start`` and ``:end`` are parameters."""
        return self._rewrite(lambda parameter: f":{parameter}")

    def filled(self, **literals: str) -> str:
        """Return the query with literals in place of its parameters."""
        return self._rewrite(lambda parameter: literals[parameter]).replace(r"\:", ":")

    @property
    def parameters(self) -> frozenset[str]:
        """Those of ``start`` and ``end`` that it names."""
        return frozenset(found["parameter"] for found in self._found if found["parameter"])

    @property
    def is_ordered(self) -> bool:
        """Whether it says somewhere in which order rows come."""
        return re.search(r"\border\s+by\b", self._code, re.IGNORECASE) is not None

    def check(self, *, where: str) -> None:
        """Require one statement that reads, and a partition.

        Parameters
        ----------
        where : str
            For errors.

        Raises
        ------
        CollectionError
        """
        word = re.match(r"[\s(]*(\w*)", self._code)
        begin = word[1].lower() if word else ""
        if begin not in READING:
            raise CollectionError(
                f"the query begins with {begin.upper() or 'nothing'!r}; it must be one SELECT",
                where=where,
                remedy="collecting only reads: let the database's own jobs change it",
            )
        if re.search(r";\s*\S", self._code):
            raise CollectionError("several statements", where=where, remedy="leave one SELECT")
        if not self.parameters:
            raise CollectionError(
                "the query names neither :start nor :end, so every partition would get the same rows",
                where=where,
                remedy="add WHERE <event time> >= :start AND <event time> < :end; of a table without times take what "
                "was known by then, or all by WHERE :end IS NOT NULL",
            )

    # -- inside -------------------------------------------------------------------------------------------------------

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        literal = _BACKSLASHES if self.has_backslashes else _STANDARD
        return re.compile(_CODE.replace("{literal}", literal), re.VERBOSE | re.DOTALL)

    @cached_property
    def _found(self) -> list[re.Match[str]]:
        return list(self._pattern.finditer(self.query))

    @cached_property
    def _code(self) -> str:
        """The query without comments and without what is quoted."""

        def blank(found: re.Match[str]) -> str:
            return " " if found["comment"] else "''" if found["quoted"] else found[0]

        return self._pattern.sub(blank, self.query)

    def _rewrite(self, put: Callable[[str], str]) -> str:
        parts, at = [], 0
        for found in self._found:
            parts.append(self.query[at : found.start()].replace(":", r"\:"))
            at = found.end()
            if found["parameter"]:
                parts.append(put(found["parameter"]))
            elif not found["end"]:  # the semicolon at the end: no cursor takes it
                parts.append(found[0].replace(":", r"\:"))
        return "".join([*parts, self.query[at:].replace(":", r"\:")]).strip()
