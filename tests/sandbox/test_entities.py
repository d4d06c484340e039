"""The HTML parser: what Telegram takes, what it refuses and in which words."""

from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.botapi.entities import (
    MAX_ENTITIES,
    EntityError,
    FormattedText,
    parse_html,
    plain,
    utf16_length,
)


def shape(formatted: FormattedText) -> list[tuple[str, str]]:
    """Each entity's type and the text it covers, cut in UTF-16 as clients do."""
    wide = formatted.text.encode("utf-16-le")
    return [
        (item.type, wide[item.offset * 2 : item.end * 2].decode("utf-16-le"))
        for item in formatted.entities
    ]


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("<b>a</b><strong>b</strong>", "ab", [("bold", "a"), ("bold", "b")]),
        ("<i>a</i> <em>b</em>", "a b", [("italic", "a"), ("italic", "b")]),
        ("<u>a</u> <ins>b</ins>", "a b", [("underline", "a"), ("underline", "b")]),
        (
            "<s>a</s> <strike>b</strike> <del>c</del>",
            "a b c",
            [("strikethrough", "a"), ("strikethrough", "b"), ("strikethrough", "c")],
        ),
        (
            '<span class="tg-spoiler">a</span> <tg-spoiler>b</tg-spoiler>',
            "a b",
            [("spoiler", "a"), ("spoiler", "b")],
        ),
        ('<a href="https://x.io/?a=1&amp;b=2">l</a>', "l", [("text_link", "l")]),
        ("<code>x</code>", "x", [("code", "x")]),
        ("<pre>a\nb</pre>", "a\nb", [("pre", "a\nb")]),
        ('<pre><code class="language-py">x</code></pre>', "x", [("pre", "x")]),
        ("<blockquote>q</blockquote>", "q", [("blockquote", "q")]),
        ("<blockquote expandable>q</blockquote>", "q", [("expandable_blockquote", "q")]),
        ('<tg-emoji emoji-id="5368324170671202286">👍</tg-emoji>', "👍", [("custom_emoji", "👍")]),
        ('<tg-time unix="1700000000" format="wDT">then</tg-time>', "then", [("date_time", "then")]),
        ("<B>a</B>", "a", [("bold", "a")]),
        ("<b>a<i>b</i></b>", "ab", [("bold", "ab"), ("italic", "b")]),
        ("<b>a</>", "a", [("bold", "a")]),
        ("😀<b>é</b>", "😀é", [("bold", "é")]),
        ("&lt;b&gt; &amp; &quot; &#8364; &#x1F600;", '<b> & " € 😀', []),
        ("a &nbsp; b & c", "a &nbsp; b & c", []),
        ("&lt", "<", []),
        ("<b></b>x", "x", []),
        ("  x <b>y </b> ", "x y", [("bold", "y")]),
        ("<pre>a <b>b</b></pre>", "a b", [("pre", "a b")]),
        (
            "run /status@desk_bot now",
            "run /status@desk_bot now",
            [("bot_command", "/status@desk_bot")],
        ),
        ("BTC/USDT and/or", "BTC/USDT and/or", []),
        ("see https://a.io/x.", "see https://a.io/x.", [("url", "https://a.io/x")]),
        ("<pre>/status</pre>", "/status", [("pre", "/status")]),
        (
            "$BTC #fills @desk_bot",
            "$BTC #fills @desk_bot",
            [("cashtag", "$BTC"), ("hashtag", "#fills"), ("mention", "@desk_bot")],
        ),
    ],
)
def test_accepted_html_becomes_text_and_entities(source, text, entities):
    formatted = parse_html(source)
    assert formatted.text == text
    assert shape(formatted) == entities


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("<br>", 'Unsupported start tag "br" at byte offset 0'),
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("é <x>", 'Unsupported start tag "x" at byte offset 3'),
        ("x <b", "Unclosed start tag at byte offset 2"),
        ("<a href", 'Unclosed start tag "a" at byte offset 0'),
        ('<a href="x"', "Unclosed start tag at byte offset 0"),
        ('<a ="x">y</a>', 'Empty attribute name in the tag "a" at byte offset 0'),
        ("<a href=x/>y</a>", "Unexpected end of name token at byte offset 8"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("<b><i>x</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ('<tg-emoji emoji-id="x">y</tg-emoji>', "Invalid custom emoji identifier specified"),
    ],
)
def test_broken_html_is_refused_in_telegrams_words(source, error):
    with pytest.raises(EntityError) as caught:
        parse_html(source)
    assert str(caught.value) == error


def test_language_and_time_keep_their_details():
    code = parse_html('<pre><code class="language-python">x</code></pre>').entities[0]
    assert code.to_json() == {"type": "pre", "offset": 0, "length": 1, "language": "python"}
    time = parse_html('<tg-time unix="5" format="r">x</tg-time>').entities[0]
    assert time.to_json() == {
        "type": "date_time",
        "offset": 0,
        "length": 1,
        "date_time_format": "r",
        "unix_time": 5,
    }


def test_more_than_a_hundred_entities_are_dropped_without_an_error():
    formatted = parse_html("<b>x</b> " * 150)
    assert len(formatted.entities) == MAX_ENTITIES
    assert len(formatted.text) == 299


# What follows must hold for everything a correct escaper produces.

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\r"), max_size=40)


@given(TEXT)
def test_escaped_text_always_comes_back_as_it_was(text):
    assert parse_html(escape(text, quote=False)).text == text.strip()


@given(TEXT)
def test_escaped_text_inside_a_tag_is_covered_by_exactly_one_bold(text):
    formatted = parse_html(f"x<b>{escape(text)}</b>x")
    assert formatted.text == f"x{text}x"
    assert [part for kind, part in shape(formatted) if kind == "bold"] == ([text] if text else [])


@given(st.recursive(TEXT, lambda inner: st.lists(inner, max_size=4), max_leaves=12))
def test_nested_tags_cover_the_text_between_them(tree):
    expected: list[tuple[str, str]] = []

    def write(node) -> tuple[str, str]:
        if isinstance(node, str):
            return escape(node), node
        parts = [write(item) for item in node]
        inside = "".join(text for _, text in parts)
        if inside:
            expected.append(("italic", inside))
        return "<i>" + "".join(source for source, _ in parts) + "</i>", inside

    source, text = write(tree)
    formatted = parse_html(f"[{source}]")
    assert formatted.text == f"[{text}]"
    found = [item for item in shape(formatted) if item[0] == "italic"]
    assert sorted(found) == sorted(expected)


@given(TEXT)
def test_arbitrary_text_parses_or_is_refused_but_never_breaks(text):
    try:
        formatted = parse_html(text)
    except EntityError:
        return
    assert all(0 <= item.offset < item.end <= formatted.length for item in formatted.entities)


@given(TEXT)
def test_detected_entities_lie_inside_the_text(text):
    formatted = plain(f"/status {text} https://a.io 😀 @someone")
    assert utf16_length(formatted.text) == formatted.length
    assert all(item.end <= formatted.length for item in formatted.entities)
