"""Plots: pictures by matplotlib as parts of a page; the same figures give the same bytes.

Stays out: what is drawn, which is the caller's.
"""

import base64
import io
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lakemill.pages.markup import Html, element

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# texts stay texts, in the reader's font; ids of parts hang on the picture alone
SETTINGS: Any = {"svg.fonttype": "none", "svg.hashsalt": "lakemill", "font.family": "sans-serif", "font.size": 9.0}
_ONE_AT_A_TIME = threading.Lock()  # settings of matplotlib are those of the process, and a server draws in threads
INK, SOFT, LINE = "#1f2328", "#57606a", "#d8dee4"
REFERENCE, CURRENT, ORANGE, RED, GREEN = "#8c959f", "#1f6feb", "#d9730d", "#cf222e", "#1a7f37"


def draw(make: "Callable[[Figure], None]", *, width: float, height: float, says: str) -> Html:
    """Return a picture that a page shows.

    Parameters
    ----------
    make : callable
        Draws on an empty figure.
    width, height : float
        In inches, of 96 pixels each.
    says : str
        What it shows, for those who cannot see it.

    Returns
    -------
    Html
        An ``img`` with the SVG in it.
    """
    import matplotlib.backends.backend_svg  # noqa: F401  # else it is looked up at the first saving
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with _ONE_AT_A_TIME, rc_context(SETTINGS):
        figure = Figure(figsize=(width, height))
        figure.patch.set_visible(False)
        make(figure)
        written = io.BytesIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return _embed(written.getvalue(), "svg+xml", says=says, width=f"{width * 96:.0f}")


def embed(image: bytes, *, says: str) -> Html:
    """Return a PNG that a page shows.

    Parameters
    ----------
    image : bytes
    says : str
        What it shows, for those who cannot see it.

    Returns
    -------
    Html
        An ``img`` with the PNG in it.
    """
    return _embed(image, "png", says=says)


def _embed(content: bytes, kind: str, *, says: str, width: str | None = None) -> Html:
    encoded = base64.b64encode(content).decode()
    return element("img", alt=says, width=width, src=f"data:image/{kind};base64,{encoded}")
