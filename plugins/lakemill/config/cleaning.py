"""Cleaning rules as they stand in a workflow file: one frozen model a rule, every key described.

What a rule names is found by name: fields ``columns``, ``by``, ``unit_column``, ``order_by`` hold columns of the table.
Stays out: what the rules do (``preprocessing.cleaning``).
"""

from datetime import timedelta
from typing import Annotated, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from lakemill.config.quantities import Duration
from lakemill.config.section import Section

Value = str | int | float | bool
Columns = Annotated[tuple[str, ...], Field(min_length=1, description="Columns of the table.")]
Unreadable = Annotated[
    Literal["quarantine", "missing"], Field(description="What becomes of a value that cannot be read.")
]
Decimal = Annotated[
    Literal[".", ",", "either"],
    Field(description="Decimal sign; either: seen value by value, 1.234 and 1,234 being ambiguous, so unreadable."),
]
TRUE = ("true", "t", "yes", "y", "1", "on", "ja", "j", "oui", "si", "sí", "sim", "da", "wahr", "vrai")
FALSE = ("false", "f", "no", "n", "0", "off", "nein", "non", "não", "net", "falsch", "faux")
DATE_FORMATS = (
    "iso",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
)
SLASHED = ("{}/%Y", "{}/%Y %H:%M", "{}/%Y %H:%M:%S")


class Rule(Section):
    """What all rules have: the columns that they name, and the columns that they add."""

    reads: ClassVar[bool] = False  # gives texts their type, so that its columns stay as delivered until then

    @property
    def learns_from_past(self) -> bool:
        """Whether earlier partitions must have been ingested before it can be applied."""
        return getattr(self, "learn_from", None) == "past"

    @property
    def named(self) -> tuple[str, ...]:
        """All columns that must be there."""
        found: list[str] = []
        for field in ("columns", "by", "unit_column", "order_by"):
            value = getattr(self, field, None)
            found += [value] if isinstance(value, str) else list(value or ())
        return tuple(dict.fromkeys(found))

    @property
    def added(self) -> tuple[str, ...]:
        """Columns that it adds: flags."""
        return ()


class _Flagging(Rule):
    """A rule that may flag each of its columns in a column of its own."""

    suffix: ClassVar[str] = ""

    def flag_of(self, column: str) -> str:
        """Return the name of a column's flag."""
        return f"{column}{self.suffix}"

    @property
    def added(self) -> tuple[str, ...]:
        """Flags, where it flags."""
        outcomes = {getattr(self, name, None) for name in ("outside", "action", "unknown")}
        return tuple(self.flag_of(column) for column in getattr(self, "columns", ())) if "flag" in outcomes else ()


# -- consistency ------------------------------------------------------------------------------------------------------


class Replace(Rule):
    """Cleaning rule: values replaced by others."""

    rule: Literal["replace"] = Field(description="Name of the rule.")
    columns: Columns
    values: dict[Value, Value | None] = Field(description="Found: replacement; null for missing.")


class Sentinels(Rule):
    """Cleaning rule: values that stand for none made missing."""

    rule: Literal["sentinels"] = Field(description="Name of the rule.")
    columns: Columns
    values: tuple[Value, ...] = Field(
        ("", "?", "-", "NA", "N/A", "null", "none", "nan"),
        min_length=1,
        description="Such values; texts without regard to case and white space around them, numbers as numbers.",
    )


class Strip(Rule):
    """Cleaning rule: white space around texts removed, empty texts made missing."""

    rule: Literal["strip"] = Field(description="Name of the rule.")
    columns: tuple[str, ...] | None = Field(None, description="All text columns if left out.")


class Texts(Rule):
    """Cleaning rule: texts in one form: white space, invisible characters, Unicode, case."""

    rule: Literal["text"] = Field(description="Name of the rule.")
    columns: tuple[str, ...] | None = Field(None, description="All text columns if left out.")
    white_space: Literal["collapse", "trim", "keep"] = Field(
        "collapse", description="Collapse: none around texts, one blank within."
    )
    unicode: Literal["NFC", "NFKC", "keep"] = Field(
        "NFC", description="Normal form; NFKC makes one of what looks alike, such as full-width letters."
    )
    invisible: Literal["remove", "keep"] = Field("remove", description="Zero-width, direction and control characters.")
    case: Literal["keep", "lower", "upper", "title"] = Field("keep", description="Of all letters.")


class Numbers(Rule):
    """Cleaning rule: texts read as numbers: decimal commas, thousands, currencies."""

    reads: ClassVar[bool] = True
    rule: Literal["numbers"] = Field(description="Name of the rule.")
    columns: Columns
    decimal: Decimal = "."
    symbols: tuple[str, ...] = Field(
        ("€", "$", "£", "¥"), description="Signs and units that may stand before or after and mean nothing."
    )
    unreadable: Unreadable = "quarantine"


class Conversion(Section):
    """From a unit to the one that is wanted: value * factor + offset."""

    factor: float = Field(1.0, description="Multiplied by first.")
    offset: float = Field(0.0, description="Added then.")


class Units(Rule):
    """Cleaning rule: amounts in several units brought to one."""

    reads: ClassVar[bool] = True
    rule: Literal["units"] = Field(description="Name of the rule.")
    columns: Columns
    to: str = Field(description="The unit that is wanted.")
    units: dict[str, float | Conversion] = Field(
        description="Other units: what one of them is in the wanted one, or {factor, offset}, as for °F."
    )
    unit_column: str | None = Field(None, description="Column with the unit, where it stands apart.")
    decimal: Decimal = "."
    low: float | None = Field(None, description="Least that an amount in the wanted unit can be.")
    high: float | None = Field(
        None,
        description="Most that it can be. An amount without a unit beyond low or high is converted from the one unit "
        "that brings it between them; where none or several do, it stays.",
    )
    unreadable: Unreadable = "quarantine"

    @model_validator(mode="after")
    def _one_unit_column(self) -> "Units":
        if self.unit_column is not None and len(self.columns) > 1:
            raise ValueError("unit_column holds the unit of one column: write a rule for each")
        return self


class Booleans(Rule):
    """Cleaning rule: yes, ja, 1 and no, nein, 0 read as true and false."""

    reads: ClassVar[bool] = True
    rule: Literal["booleans"] = Field(description="Name of the rule.")
    columns: Columns
    true: tuple[str | int | bool, ...] = Field(TRUE, description="What means true, in any case.")
    false: tuple[str | int | bool, ...] = Field(FALSE, description="What means false, in any case.")
    unreadable: Unreadable = "quarantine"


class Dates(Rule):
    """Cleaning rule: dates and times in mixed formats read as moments in UTC."""

    reads: ClassVar[bool] = True
    rule: Literal["dates"] = Field(description="Name of the rule.")
    columns: Columns
    formats: tuple[str, ...] | None = Field(
        None,
        description="strptime formats, or iso, seconds, milliseconds (since 1970); the first that fits counts. If left "
        "out: iso, 31.01.2013, 31 Jan 2013, Jan 31, 2013 and, by day_first, slashes; with times.",
    )
    day_first: bool | None = Field(None, description="Whether 01/02/2013 is in February; unreadable if left out.")
    timezone: str | None = Field(None, description="Of times without one; the partition's if left out.")
    ambiguous: Literal["earliest", "latest", "missing", "quarantine"] = Field(
        "earliest", description="Of a local time that comes twice, when summer time ends."
    )
    nonexistent: Literal["latest", "earliest", "missing", "quarantine"] = Field(
        "latest", description="Of a local time that never comes, when summer time begins: the moment after, or before."
    )
    unreadable: Unreadable = "quarantine"

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        try:
            ZoneInfo(value or "UTC")
        except (KeyError, ValueError, OSError):  # OSError: a folder of zones, like "America"
            raise ValueError(f"must be the name of a time zone like Europe/Paris; got {value!r}") from None
        return value

    @property
    def all_formats(self) -> tuple[str, ...]:
        """The formats in the order in which they are tried."""
        if self.formats is not None:
            return self.formats
        slashed = {True: ("%d/%m",), False: ("%m/%d",), None: ()}[self.day_first]
        return DATE_FORMATS + tuple(pattern.format(days) for days in slashed for pattern in SLASHED)


class Categories(_Flagging):
    """Cleaning rule: other spellings and misspellings of categories brought to a vocabulary."""

    suffix: ClassVar[str] = "_is_unknown"
    rule: Literal["categories"] = Field(description="Name of the rule.")
    columns: Columns
    vocabulary: tuple[str, ...] | dict[str, tuple[str, ...]] = Field(
        description="The categories, or each with its other spellings."
    )
    similarity: float = Field(
        0.8, gt=0, le=1, description="Least likeness of a misspelling: 1 - changes of a letter / length."
    )
    unknown: Literal["leave", "missing", "quarantine", "flag"] = Field(
        "leave", description="What becomes of a value that is like none, or like two alike."
    )


# -- accuracy ---------------------------------------------------------------------------------------------------------


class LimitRange(_Flagging):
    """Cleaning rule: values out of a range made missing, moved to its ends, refused or flagged."""

    suffix: ClassVar[str] = "_is_out_of_range"
    rule: Literal["range"] = Field(description="Name of the rule.")
    columns: Columns
    low: float | None = Field(None, description="Least that is in the range.")
    high: float | None = Field(None, description="Most that is in the range.")
    outside: Literal["missing", "clip", "quarantine", "flag"] = Field(
        "missing", description="What becomes of a value out of it; clip moves it to the end that it is beyond."
    )


class Require(Rule):
    """Cleaning rule: a condition over the columns of a row, in SQL."""

    rule: Literal["require"] = Field(description="Name of the rule.")
    condition: str = Field(
        min_length=1, description="DuckDB expression, like arr_time > dep_time; one that is null is met."
    )
    action: Literal["quarantine", "missing", "flag"] = Field(
        "quarantine", description="What becomes of a row that does not meet it."
    )
    columns: tuple[str, ...] = Field((), description="Columns made missing, with that action.")
    flag: str | None = Field(None, description="Name of the flag, with that action.")

    @model_validator(mode="after")
    def _names_what_it_changes(self) -> "Require":
        if (self.action == "missing") != bool(self.columns):
            raise ValueError("columns: name those that are to be made missing, with action missing only")
        if (self.action == "flag") != (self.flag is not None):
            raise ValueError("flag: name the column of the flag, with action flag only")
        return self

    @property
    def added(self) -> tuple[str, ...]:
        """The flag, where it has one."""
        return (self.flag,) if self.flag else ()


class Reference(_Flagging):
    """Cleaning rule: values that must be among those of a file or of a source."""

    suffix: ClassVar[str] = "_is_unknown"
    rule: Literal["reference"] = Field(description="Name of the rule.")
    columns: Columns
    file: str | None = Field(None, description="CSV or Parquet file with the known values.")
    source: str | None = Field(None, description="Source whose rows of the same partition hold them.")
    column: str = Field(description="Column of the file or source.")
    unknown: Literal["missing", "quarantine", "flag"] = Field(
        "quarantine", description="What becomes of a value that is not among them."
    )

    @model_validator(mode="after")
    def _one_place(self) -> "Reference":
        if (self.file is None) == (self.source is None):
            raise ValueError("name a file or a source, one of the two")
        return self


class Outliers(_Flagging):
    """Cleaning rule: values far from the rest, by median and median deviation or by quartiles."""

    suffix: ClassVar[str] = "_is_outlier"
    rule: Literal["outliers"] = Field(description="Name of the rule.")
    columns: Columns
    by: tuple[str, ...] = Field((), description="Columns: each of their combinations has limits of its own.")
    method: Literal["mad", "iqr"] = Field(
        "mad",
        description="mad: median ± distance * 1.4826 * median absolute deviation; iqr: quartiles ± distance * the "
        "range between them.",
    )
    distance: float = Field(6.0, gt=0, description="How far is too far.")
    action: Literal["flag", "clip", "missing", "quarantine"] = Field(
        "flag", description="What becomes of them; clip moves them to the limit."
    )
    learn_from: Literal["past", "partition"] = Field(
        "past", description="Earlier partitions as of this one, or this partition itself."
    )
    partitions: int = Field(12, ge=1, description="At most so many of the past.")
    rows: int = Field(100, ge=10, description="With fewer values to learn from, nothing is judged.")


# -- duplicates -------------------------------------------------------------------------------------------------------


class Duplicates(Rule):
    """Cleaning rule: of rows that are the same one is kept."""

    rule: Literal["duplicates"] = Field(description="Name of the rule.")
    columns: tuple[str, ...] | None = Field(None, description="What they have in common; the key if left out.")
    whole_row: bool = Field(False, description="All columns instead.")
    keep: Literal["first", "last"] = Field("last", description="Which of them.")
    order_by: str | None = Field(None, description="Column that says which is first; the delivery if left out.")

    @model_validator(mode="after")
    def _one_measure(self) -> "Duplicates":
        if self.whole_row and self.columns is not None:
            raise ValueError("columns: leave them out with whole_row")
        return self


class NearDuplicates(Rule):
    """Cleaning rule: of rows that are nearly the same one is kept."""

    rule: Literal["near_duplicates"] = Field(description="Name of the rule.")
    columns: Columns = Field(description="Columns to compare. Leave out those that say nothing of which thing it is.")
    within: dict[str, float] = Field(
        {}, description="Numbers among them and how far apart they may be; other columns are compared as texts."
    )
    similarity: float = Field(
        0.42,
        gt=0,
        le=1,
        description="Least share of what the columns tell that must agree, less what contradicts; a column of many "
        "values tells more. Raise it where rows that are not the same share many columns.",
    )
    blocks: tuple[tuple[str, ...], ...] | None = Field(
        None, description="Columns that must be equal for rows to be compared, several times; found if left out."
    )
    window: int = Field(10, ge=1, description="With how many rows after it a row of a block is compared.")
    keep: Literal["first", "last", "most_complete"] = Field("first", description="Which of them, as delivered.")
    action: Literal["drop", "quarantine", "flag"] = Field("drop", description="What becomes of the others.")

    @model_validator(mode="after")
    def _compares_what_it_names(self) -> "NearDuplicates":
        for name in (*self.within, *(name for block in self.blocks or () for name in block)):
            if name not in self.columns:
                raise ValueError(f"{name!r} is not among its columns")
        return self

    @property
    def added(self) -> tuple[str, ...]:
        """The flag, where it flags."""
        return ("is_near_duplicate",) if self.action == "flag" else ()


# -- gaps -------------------------------------------------------------------------------------------------------------


class Gaps(_Flagging):
    """Cleaning rule: missing values of a series marked, and filled where the gap is short."""

    suffix: ClassVar[str] = "_was_missing"
    rule: Literal["gaps"] = Field(description="Name of the rule.")
    columns: Columns
    by: tuple[str, ...] = Field((), description="Columns that name a series, such as the sensor.")
    fill: Literal["linear", "last", "none"] = Field(
        "linear", description="Between the neighbours in this partition, by the last value before, or not."
    )
    longest: Duration = Field(timedelta(hours=1), description="From one known value to the next, or to the row.")
    mark: bool = Field(True, description="Add a column <column>_was_missing.")

    @property
    def added(self) -> tuple[str, ...]:
        """The marks."""
        return tuple(self.flag_of(column) for column in self.columns) if self.mark else ()


CleaningRule = Annotated[
    Replace
    | Sentinels
    | Strip
    | Texts
    | Numbers
    | Units
    | Booleans
    | Dates
    | Categories
    | LimitRange
    | Require
    | Reference
    | Outliers
    | Duplicates
    | NearDuplicates
    | Gaps,
    Field(discriminator="rule"),
]
