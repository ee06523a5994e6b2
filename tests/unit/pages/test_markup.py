"""Markup: what is not markup is escaped, wherever it is put."""

from lakemill.pages.markup import Html, badge, element, make_page, section, table, tile

RUDE = "<script>alert('x')</script> & \"more\""


def test_texts_are_escaped_and_markup_is_not() -> None:
    assert element("p", RUDE, element("b", "bold")) == (
        "<p>&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp; &quot;more&quot;<b>bold</b></p>"
    )


def test_attributes_are_escaped_and_empty_ones_left_out() -> None:
    assert element("a", "on", href='"><b>', class_=None) == '<a href="&quot;&gt;&lt;b&gt;">on</a>'


def test_no_part_lets_markup_through() -> None:
    parts = (badge(RUDE), tile(RUDE, RUDE, RUDE), table((RUDE, ""), [(RUDE, RUDE)]), section(RUDE, RUDE))
    page = make_page(RUDE, *parts)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 10


def test_a_table_without_headings_has_no_line_for_them() -> None:
    assert "<thead>" not in table(("", ""), [("a", "b")])
    assert '<th>a</th><td class="number">1</td>' in table(("name", "rows"), [("a", "1")], numbers=(1,))


def test_a_page_needs_nothing_else() -> None:
    page = make_page("title", Html("<p>text</p>"))
    assert page.startswith("<!doctype html>")
    assert not any(word in page for word in ("http:", "https:", "<link", "<script", "@import", "url("))
