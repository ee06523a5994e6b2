"""Simulated windows for ``drift.py`` and, in an environment of its own, ``drift_of_others.py``. Needs NumPy alone."""

import numpy as np

COLUMNS = 15
SHIFT = 0.25  # standard deviations, of the first column
REFERENCE = 5  # windows that make the reference


def draw_values(draw: np.random.Generator, number: int, rows: int, *, shift: float = 0.0) -> np.ndarray:
    """Draw a column: normal, skewed, whole numbers, or normal with a fifth of values missing, in turn."""
    values = draw.standard_normal(rows) + shift
    match number % 4:
        case 1:
            return np.asarray(np.exp(values))
        case 2:
            return np.asarray(np.floor(4 * values))
        case 3:
            return np.where(draw.random(rows) < 0.2, np.nan, values)
    return values


def draw_columns(draw: np.random.Generator, rows: int, *, shift: float = 0.0) -> dict[str, np.ndarray]:
    """Draw a window; only its first column is shifted."""
    return {
        f"column {number}": draw_values(draw, number, rows, shift=0.0 if number else shift) for number in range(COLUMNS)
    }
