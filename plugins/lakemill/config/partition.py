"""Partitions: the slices of event time that a workflow is cut into, and their keys.

Stays out: the clock. Nothing here knows what the latest partition is.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

KEY_FORMATS = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}
CRONS = {"hour": "0 * * * *", "day": "0 0 * * *", "month": "0 0 1 * *", "year": "0 0 1 1 *"}


@dataclass(frozen=True)
class Interval:
    """A half-open interval of event time, in UTC.

    Attributes
    ----------
    start, end : datetime
        With the time zone UTC; ``start`` belongs to it, ``end`` does not.
    """

    start: datetime
    end: datetime


class Partition(BaseModel):
    """How a workflow is cut into partitions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    every: Literal["hour", "day", "month", "year"] = Field(description="Length of a partition.")
    start: str = Field(description="Key of the first partition that the lake holds, like 2013-01 or 2013-01-31.")
    end: str | None = Field(None, description="Key of the last partition; leave it out where data keeps coming.")
    timezone: str = Field("UTC", description="Where a partition begins at midnight, like America/New_York.")

    @field_validator("start", "end", mode="before")
    @classmethod
    def _as_key(cls, value: Any) -> Any:
        # YAML reads 2013-01-31 as a date and 2013 as a number
        return value.isoformat() if isinstance(value, date) else str(value) if value is not None else None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):  # OSError: a folder of zones, like "America"
            raise ValueError(f"must be the name of a time zone like Europe/Paris; got {value!r}") from None
        return value

    @model_validator(mode="after")
    def _readable_keys(self) -> "Partition":
        if self.every == "hour" and self.timezone != "UTC":
            raise ValueError("hourly partitions must be in UTC: a local hour comes twice a year")
        if self.end is not None and self.interval(self.end).start < self.interval(self.start).start:
            raise ValueError(f"end ({self.end}) lies before start ({self.start})")
        self.interval(self.start)
        return self

    @property
    def key_format(self) -> str:
        """The strftime format of a key."""
        return KEY_FORMATS[self.every]

    @property
    def cron(self) -> str:
        """When a partition ends, as a cron expression in ``timezone``."""
        return CRONS[self.every]

    def interval(self, key: str) -> Interval:
        """Return the event times that belong to a key.

        Parameters
        ----------
        key : str

        Returns
        -------
        Interval

        Raises
        ------
        ValueError
            If the key has not this workflow's form, or ends after the year 9999, where dates end.

        Examples
        --------
        >>> january = Partition(every="month", start="2013-01", timezone="America/New_York").interval("2013-01")
        >>> january.start.isoformat(), january.end.isoformat()
        ('2013-01-01T05:00:00+00:00', '2013-02-01T05:00:00+00:00')
        """
        start = self.local_start(key)
        zone = ZoneInfo(self.timezone)
        try:
            moments = (start, self._after(start))
            return Interval(*(at.replace(tzinfo=zone).astimezone(timezone.utc) for at in moments))
        except (OverflowError, ValueError):
            raise ValueError(f"the partition {key} must begin and end within the years 1 to 9999") from None

    def keys(self, first: str, last: str) -> list[str]:
        """Return all keys from first to last, both included.

        Examples
        --------
        >>> Partition(every="month", start="2013-01").keys("2013-11", "2014-01")
        ['2013-11', '2013-12', '2014-01']
        """
        at, end, found = self.local_start(first), self.local_start(last), []
        while at <= end:
            found.append(at.strftime(self.key_format))
            at = self._after(at)
        return found

    def earlier(self, key: str) -> list[str]:
        """Return the keys from the workflow's start up to, and without, ``key``.

        Examples
        --------
        >>> Partition(every="day", start="2013-01-30").earlier("2013-02-01")
        ['2013-01-30', '2013-01-31']
        """
        return self.keys(self.start, key)[:-1]

    def holds(self, key: str) -> bool:
        """Tell whether a key has this form and does not lie before the start.

        Examples
        --------
        >>> days = Partition(every="day", start="2013-01-30")
        >>> days.holds("2013-02-01"), days.holds("2013-01-29"), days.holds("2013-02")
        (True, False, False)
        """
        try:
            return self.local_start(key) >= self.local_start(self.start)
        except ValueError:
            return False

    def last_ended(self, moment: datetime) -> str:
        """Return the key of the last partition that had ended at a moment.

        Parameters
        ----------
        moment : datetime
            With a time zone.

        Examples
        --------
        >>> Partition(every="day", start="2013-01-01").last_ended(datetime(2013, 2, 1, 9, tzinfo=timezone.utc))
        '2013-01-31'
        """
        local = moment.astimezone(ZoneInfo(self.timezone)).replace(tzinfo=None)
        now = self.local_start(local.strftime(self.key_format))
        return self.local_start((now - timedelta(minutes=1)).strftime(self.key_format)).strftime(self.key_format)

    def local_start(self, key: str) -> datetime:
        """Return when a partition begins by the clock of its time zone, without the zone.

        Raises
        ------
        ValueError
            If the key has not this workflow's form.
        """
        try:
            start = datetime.strptime(key, self.key_format)
        except ValueError:
            start = None
        if start is None or start.strftime(self.key_format) != key:
            raise ValueError(f"the key of a partition by {self.every} looks like {self._example()}; got {key!r}")
        return start

    def _after(self, start: datetime) -> datetime:
        if self.every == "month":
            return (start + timedelta(days=32)).replace(day=1)
        if self.every == "year":
            return start.replace(year=start.year + 1)
        return start + timedelta(**{f"{self.every}s": 1})

    def _example(self) -> str:
        return datetime(2013, 1, 31, 23).strftime(self.key_format)
