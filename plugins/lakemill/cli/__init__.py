"""The ``lakemill`` command and the embedded installation that it starts, follows and stops."""
