"""The rules by the name of their expectation: all expectations that the pass evaluates stand here."""

from lakemill.validation.one_pass.rule import Rule
from lakemill.validation.one_pass.rules.aggregates import AGGREGATES
from lakemill.validation.one_pass.rules.columns import COLUMNS
from lakemill.validation.one_pass.rules.distinct import DISTINCT
from lakemill.validation.one_pass.rules.pairs import PAIRS
from lakemill.validation.one_pass.rules.records import RECORDS
from lakemill.validation.one_pass.rules.tables import TABLES
from lakemill.validation.one_pass.rules.uniqueness import UNIQUENESS

RULES: dict[str, Rule] = {**TABLES, **COLUMNS, **UNIQUENESS, **PAIRS, **RECORDS, **AGGREGATES, **DISTINCT}
