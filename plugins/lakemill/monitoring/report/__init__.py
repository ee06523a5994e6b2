"""Reports: one page for people about what monitoring knows of a partition, made of what the lake keeps.

Reads profiles, verdicts, the table ``drift`` and the ledger, never rows; writes nothing. Stays out: finding anything.
"""

from lakemill.monitoring.report.gathering import Report, find_last_judged, gather
from lakemill.monitoring.report.page import Links, write_page

__all__ = ["Links", "Report", "find_last_judged", "gather", "write_page"]
