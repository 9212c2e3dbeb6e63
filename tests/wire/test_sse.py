"""Server-sent events: the WHATWG standard, on every split of the bytes."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import LLMInvalidResponseError
from llm_adapter._wire import sse
from llm_adapter._wire.sse import SSEDecoder
from tests.wire.pieces import byte_by_byte, in_pieces

BOM = b"\xef\xbb\xbf"


def decode(*pieces):
    decoder = SSEDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.finish()


def reference(body):
    """The standard's algorithm line by line, with our two lenient points."""
    events, name, data = [], b"", []
    for line in [*re.split(rb"\r\n|\r|\n", body.removeprefix(BOM)), b""]:
        field, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if not line:
            if data:
                events.append((name, b"\n".join(data)))
            name, data = b"", []
        elif field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
        elif field == b"error":
            name = b"error"
            data.append(value)
    if data:
        events.append((name, b"\n".join(data)))
    return events


@pytest.mark.parametrize(
    ("body", "events"),
    [
        pytest.param(b"data: a\n\n", [(b"", b"a")], id="one event"),
        pytest.param(b"data: a\r\n\r\n", [(b"", b"a")], id="CRLF"),
        pytest.param(b"data: a\r\r", [(b"", b"a")], id="CR"),
        pytest.param(b"data: a\rdata: b\r\n\n", [(b"", b"a\nb")], id="mixed ends"),
        pytest.param(b"data: a\ndata: b\n\n", [(b"", b"a\nb")], id="two data lines"),
        pytest.param(b"data:a\n\n", [(b"", b"a")], id="no blank after the colon"),
        pytest.param(b"data:  a\n\n", [(b"", b" a")], id="only one blank is dropped"),
        pytest.param(b"data: a:b\n\n", [(b"", b"a:b")], id="colon in the data"),
        pytest.param(b"data:\n\n", [(b"", b"")], id="empty data"),
        pytest.param(b"data\n\n", [(b"", b"")], id="field without a colon"),
        pytest.param(b"data\ndata\n\n", [(b"", b"\n")], id="two empty data lines"),
        pytest.param(b"event: ping\ndata: a\n\n", [(b"ping", b"a")], id="named event"),
        pytest.param(b"data: a\nevent: x\n\n", [(b"x", b"a")], id="name after data"),
        pytest.param(
            b"event: x\nevent: y\ndata: a\n\n",
            [(b"y", b"a")],
            id="the last name counts",
        ),
        pytest.param(b"event: x\n\ndata: a\n\n", [(b"", b"a")], id="name without data"),
        pytest.param(b": ping\n\ndata: a\n\n", [(b"", b"a")], id="comment"),
        pytest.param(b"data: a\n: ping\n\n", [(b"", b"a")], id="comment in an event"),
        pytest.param(b":\n\n", [], id="empty comment"),
        pytest.param(
            b"id: 1\nretry: 5\ndata: a\n\n",
            [(b"", b"a")],
            id="id and retry are ignored",
        ),
        pytest.param(b"Data: a\n\n", [], id="field names are case-sensitive"),
        pytest.param(b" data: a\n\n", [], id="field names have no blank before them"),
        pytest.param(b"\n\n\ndata: a\n\n\n\n", [(b"", b"a")], id="blank lines between"),
        pytest.param(BOM + b"data: a\n\n", [(b"", b"a")], id="byte order mark"),
        pytest.param(b"data: " + BOM + b"\n\n", [(b"", BOM)], id="mark in the data"),
        pytest.param(BOM + BOM + b"data: a\n\n", [], id="only one mark is dropped"),
        pytest.param(b"data: \xff\x00\n\n", [(b"", b"\xff\x00")], id="any bytes"),
        pytest.param(b"error: {}\n\n", [(b"error", b"{}")], id="error: of llama.cpp"),
        pytest.param(b"", [], id="nothing"),
        pytest.param(BOM, [], id="only a mark"),
    ],
)
def test_reads_by_the_standard(body, events):
    assert decode(body) == reference(body) == events


@pytest.mark.parametrize(
    "body", [b"data: a\n\ndata: b", b"data: a\n\ndata: b\n", b"data: a\r\rdata: b\r"]
)
def test_an_unterminated_last_event_counts_at_the_end_of_the_body(body):
    decoder = SSEDecoder()
    assert decoder.feed(body) == [(b"", b"a")]
    assert decoder.finish() == [(b"", b"b")]


def test_an_unterminated_only_event_may_stand_behind_a_byte_order_mark():
    assert decode(BOM, b"data: a") == [(b"", b"a")]


def test_an_event_is_there_as_soon_as_its_blank_line_is():
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\n") == []
    assert decoder.feed(b"\ndata: b") == [(b"", b"a")]


def test_a_carriage_return_ends_an_event_before_it_is_known_what_follows():
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\r\n\r") == [(b"", b"a")]
    assert decoder.feed(b"\ndata: b\n\n") == [(b"", b"b")]


NEWLINES = st.sampled_from([b"\n", b"\r", b"\r\n"])
WORDS = st.binary(max_size=8).map(lambda word: re.sub(rb"[\r\n]", b"", word))


@st.composite
def written(draw):
    """Events, and one way to write them."""
    lines, events = [], []
    for name, data in draw(st.lists(st.tuples(WORDS, st.lists(WORDS, max_size=3)))):
        lines += [b": " + draw(WORDS)] if draw(st.booleans()) else []
        lines += [b"event: " + name] if name else []
        lines += [b"data: " + line for line in data]
        lines += [b"id: 1", b"unknown", b""] if draw(st.booleans()) else [b""]
        if data:
            events.append((name, b"\n".join(data)))
    body = b""
    for line in lines:
        newline = draw(NEWLINES)
        # A carriage return and a newline would be one end of a line, not two.
        one_end = body.endswith(b"\r") and line + newline == b"\n"
        body += line + (b"\r\n" if one_end else newline)
    return events, body


@given(written().flatmap(lambda w: st.tuples(st.just(w[0]), in_pieces(st.just(w[1])))))
def test_events_survive_every_newline_style_and_every_split(example):
    events, (body, pieces) = example
    assert decode(body) == events
    assert decode(*pieces) == events
    assert decode(*byte_by_byte(body)) == events


SNIPPETS = st.sampled_from(
    [b"data", b"event", b"error", b"id", b":", b" ", b"a", b"\r", b"\n", b"\n\n", BOM]
)


@given(in_pieces(st.lists(SNIPPETS, max_size=40).map(b"".join)))
def test_reads_whatever_comes_like_the_reference_on_every_split(example):
    body, pieces = example
    events = reference(body)
    assert decode(body) == events
    assert decode(*pieces) == events
    assert decode(*byte_by_byte(body)) == events


@pytest.mark.parametrize("piece", [b"x" * 10, b"x\n" * 5, b"data: x\n"])
def test_an_event_beyond_the_limit_is_refused(monkeypatch, piece):
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 100)
    decoder = SSEDecoder()
    with pytest.raises(
        LLMInvalidResponseError, match="larger than 100 bytes"
    ) as caught:
        for _ in range(20):
            decoder.feed(piece)
    assert not caught.value.retryable


def test_many_events_together_may_be_larger_than_the_limit(monkeypatch):
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 100)
    decoder = SSEDecoder()
    assert sum(len(decoder.feed(b"data: 12345\n\n")) for _ in range(50)) == 50


@pytest.mark.parametrize("line", [b"x" * 100_000, b"data: short\r\n"])
def test_a_large_event_that_drips_in_takes_linear_time(line):
    body = line * (1_000_000 // len(line))
    decoder = SSEDecoder()
    begun = time.process_time()
    for i in range(len(body)):
        decoder.feed(body[i : i + 1])
    decoder.finish()
    assert time.process_time() - begun < 25
