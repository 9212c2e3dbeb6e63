"""Bodies that cannot be read: what is wrong, where, and whether to ask again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import LLMInvalidResponseError
from llm_adapter._wire.body import excerpt, looks_like_html, mapping, read_json, text


def unreadable(body):
    """The error for a body that is no JSON."""
    with pytest.raises(LLMInvalidResponseError) as caught:
        read_json(body)
    return caught.value


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("value", [b'{"a":1}', b" [1] ", b"null", b'"text"'])
def test_json_is_read_also_behind_a_byte_order_mark(mark, value):
    assert read_json(mark + value) == read_json(value)


@pytest.mark.parametrize("body", [b"", b" \r\n", b"\xef\xbb\xbf"])
def test_an_empty_body_is_named_and_may_be_asked_for_again(body):
    error = unreadable(body)
    assert error.message == "The provider sent an empty answer."
    assert error.retryable


@pytest.mark.parametrize("body", [b'{"choices": [{"mess', b'"cut', b"[1,", b"tru"])
def test_a_body_that_was_cut_may_be_asked_for_again(body):
    error = unreadable(body)
    assert "not JSON" in error.message
    assert error.text == error.body == body.decode()
    assert error.retryable


@pytest.mark.parametrize(
    ("body", "position"),
    [
        (b"x", 0),
        (b'{"a": x}', 6),
        ('{"ä€😀": x}'.encode(), 8),
        (b"\xef\xbb\xbf[x]", 1),
        (b'{"a":', None),
    ],
)
def test_the_position_counts_characters(body, position):
    assert unreadable(body).position == position


@pytest.mark.parametrize(
    ("body", "position", "byte"),
    [
        (b'"\xff"', 1, 1),
        (b'{"a": "\xc3"}', 7, 7),
        ('["ä€😀", "'.encode() + b'\x80"]', 9, 15),
    ],
)
def test_bytes_that_are_not_utf_8_are_named_with_their_place(body, position, byte):
    error = unreadable(body)
    assert error.message == f"The provider's answer is not UTF-8 at byte {byte}."
    assert error.position == position
    assert error.retryable


@given(st.text(max_size=20), st.text(max_size=5))
def test_the_position_stands_right_behind_what_could_be_read(before, after):
    written = '["' + "".join(c for c in before if c.isprintable() and c not in '"\\')
    error = unreadable((written + "\n" + after).encode())
    assert error.position == len(written)


def test_of_a_long_body_the_whole_text_and_the_beginning_as_body_are_kept():
    error = unreadable(b"x" * 100_000)
    assert len(error.text) == 100_000
    assert error.body == "x" * 20_000
    assert len(error.message) < 400


@pytest.mark.parametrize(
    "page",
    [
        "<!DOCTYPE html><html>",
        "\n <html lang=en>",
        "\ufeff<HTML>",
        "<head>",
        "<body class=x>",
    ],
)
def test_a_web_page_is_told_from_json(page):
    assert looks_like_html(page)
    error = unreadable(page.encode())
    assert "web page instead of JSON" in error.message
    assert not error.retryable


@pytest.mark.parametrize("other", ["", "{}", "html", "a <html>", "<?xml?>", "<htm"])
def test_other_texts_are_no_web_pages(other):
    assert not looks_like_html(other)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("<p>a</p> <p>b\n c</p>", "a b c"),
        ("<style>p {}</style>a", "a"),
        ("<SCRIPT src=x>if (a < b) {}</SCRIPT>a", "a"),
        ("a<script>never closed", "a"),
        ("1 < 2", "1 < 2"),
        ("", ""),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 200 + "..."),
    ],
)
def test_an_excerpt_is_short_and_without_tags(page, words):
    assert excerpt(page) == words


@pytest.mark.parametrize("value", [None, [], "text", 5, True])
def test_what_is_no_mapping_is_an_empty_one(value):
    assert mapping(value) == {}
    assert mapping({"a": 1}) == {"a": 1}


@pytest.mark.parametrize("value", [None, "", 5, [], {}, True])
def test_what_is_no_text_is_none(value):
    assert text(value) is None
    assert text("a") == "a"


def test_a_string_without_an_end_takes_linear_time():
    """With a look for its end from each of its quotes this would take hours."""
    body = b'{"a":' + b"[" * 250 + b'"' + b'\\"' * 1_000_000
    with pytest.raises(LLMInvalidResponseError):
        read_json(body)
