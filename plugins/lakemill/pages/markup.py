"""Markup: elements, tables and whole pages, in which every text is escaped unless it is markup already.

Stays out: plots (``plots.py``).
"""

import html
from collections.abc import Iterable, Sequence

STYLE = """
:root{color-scheme:light;--ink:#1f2328;--soft:#57606a;--line:#d8dee4;--ground:#f6f8fa;--reference:#8c959f;
--current:#1f6feb;--good:#1a7f37;--warn:#9a6700;--bad:#cf222e}
*{box-sizing:border-box}
body{margin:0;font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;color:var(--ink);
background:var(--ground)}
main{max-width:70rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .2rem;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:0 0 .6rem}
h3{font-size:.95rem;margin:0;overflow-wrap:anywhere}
p{margin:.3rem 0}
a{color:var(--current)}
section{background:#fff;border:1px solid var(--line);border-radius:8px;padding:1rem 1.2rem;margin-top:1rem}
nav{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin-bottom:.8rem}
small,.soft{color:var(--soft);font-size:.85rem}
img{max-width:100%;height:auto;display:block}
.wide{overflow-x:auto}.wide>img{min-width:46rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.35rem .9rem .35rem 0;border-bottom:1px solid #eaeef2}
tr:last-child>td,tr:last-child>th{border-bottom:0}
td{overflow-wrap:break-word}td:not(.number):not(:last-child){min-width:5.5rem}
td:last-child:not(.number){min-width:12rem;overflow-wrap:anywhere}
th{font-weight:600;white-space:nowrap}
thead th{color:var(--soft);font-size:.85rem}
tbody th{width:13rem;min-width:7.5rem;white-space:normal;overflow-wrap:anywhere}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.badge{display:inline-block;padding:.05rem .55rem;border-radius:1rem;font-size:.85rem;font-weight:600;
white-space:nowrap;color:#fff;background:var(--soft)}
.good{background:var(--good)}.warn{background:var(--warn)}.bad{background:var(--bad)}.info{background:var(--current)}
.lead{display:flex;flex-wrap:wrap;gap:.4rem .8rem;align-items:baseline}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(10rem,1fr));gap:.8rem;margin-top:1rem}
.tile{background:#fff;border:1px solid var(--line);border-radius:8px;padding:.6rem .9rem}
.tile b{display:block;font-size:1.25rem;line-height:1.4;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr));gap:1rem}
details{margin-top:.8rem}summary{cursor:pointer;color:var(--current)}details>.wide{margin-top:.6rem}
.card{border:1px solid var(--line);border-radius:8px;padding:.7rem .9rem;min-width:0}
.card.found{border-color:var(--warn)}.card.drifted{border-color:var(--bad);box-shadow:inset 3px 0 var(--bad)}
.key i{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;margin:0 .3rem 0 0;vertical-align:-1px}
@media(max-width:40rem){tbody th{width:auto}section{padding:.8rem}}
@media print{body{background:#fff}section,.tile,.card{break-inside:avoid}}
"""


class Html(str):
    """A text that is markup already; any other is escaped where it is put into an element."""


def element(name: str, *inner: str, **attributes: str | None) -> Html:
    """Return an element.

    Parameters
    ----------
    name : str
        Of the element, such as ``td``.
    *inner : str
        What it holds: `Html` as it is, other texts escaped.
    **attributes : str or None
        ``class_`` for ``class``; those that are None or empty are left out.

    Returns
    -------
    Html

    Examples
    --------
    >>> element("p", "a < b, ", element("b", "indeed"), class_="soft")
    '<p class="soft">a &lt; b, <b>indeed</b></p>'
    """
    said = "".join(f' {key.rstrip("_")}="{html.escape(value)}"' for key, value in attributes.items() if value)
    return Html(f"<{name}{said}>{join(inner)}</{name}>")


def join(parts: Iterable[str]) -> Html:
    """Return parts as one, those that are no markup escaped."""
    return Html("".join(part if isinstance(part, Html) else html.escape(part) for part in parts))


def badge(text: str, tone: str = "") -> Html:
    """Return a word in a coloured field; ``tone`` is good, warn, bad, info, or nothing for grey."""
    return element("span", text, class_=f"badge {tone}".strip())


def tile(title: str, value: str, note: str = "") -> Html:
    """Return a figure with what it is above it and a note below it."""
    below = [element("small", note)] if note else []
    return element("div", element("small", title), element("b", value), *below, class_="tile")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[int] = ()) -> Html:
    """Return a table whose rows' first cells are headings; one that is too wide for the window is scrolled by itself.

    Parameters
    ----------
    head : sequence of str
        Of the columns; no line for them if all are empty.
    rows : iterable of sequence of str
    numbers : iterable of int
        Columns that are set to the right.

    Returns
    -------
    Html
    """
    classes = dict.fromkeys(numbers, "number")
    top = element("tr", *(element("th", text, class_=classes.get(at)) for at, text in enumerate(head)))
    lines = [
        element("tr", *(element("td" if at else "th", cell, class_=classes.get(at)) for at, cell in enumerate(row)))
        for row in rows
    ]
    parts = [element("thead", top)] if any(head) else []
    return element("div", element("table", *parts, element("tbody", *lines)), class_="wide")


def section(title: str, *inner: str) -> Html:
    """Return a part of a page under its title."""
    return element("section", element("h2", title), *inner)


def make_page(title: str, *inner: str) -> str:
    """Return a whole page that needs no other file.

    Parameters
    ----------
    title : str
        Of the window.
    *inner : str

    Returns
    -------
    str
        HTML.
    """
    head = [
        Html('<meta charset="utf-8">'),
        Html('<meta name="viewport" content="width=device-width,initial-scale=1">'),
        element("title", title),
        element("style", Html(STYLE)),
    ]
    body = element("body", element("main", *inner))
    return f"<!doctype html>\n{element('html', element('head', *head), body, lang='en')}\n"
