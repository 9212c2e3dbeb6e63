"""Each fault of the emulator, seen on the wire."""

from __future__ import annotations

import itertools
import json
import socket
import time
import zlib
from contextlib import closing
from datetime import UTC, datetime

import brotli
import httpx
import pytest

from llm_adapter.testing.emulator import Emulator, Reply, faults
from llm_adapter.testing.emulator.pace import Finish, clipped, gathered, perform
from llm_adapter.testing.emulator.wire import Answer

KEY = {"authorization": "Bearer test-key"}
ASK = {
    "model": "openai/gpt-oss-20b",
    "messages": [{"role": "user", "content": "Hello"}],
}
STREAM = {**ASK, "stream": True}
PATH = "/openai/v1/chat/completions"


@pytest.fixture
def emulator():
    with Emulator() as running:
        yield running


@pytest.fixture
def client(emulator):
    base = emulator.base_url("groq")
    with httpx.Client(base_url=base, headers=KEY, timeout=5) as opened:
        yield opened


def post(client, payload=ASK):
    return client.post("/chat/completions", json=payload)


def connect(emulator):
    port = int(emulator.url.rpartition(":")[2])
    return closing(socket.create_connection(("127.0.0.1", port), timeout=5))


def send(connection, payload=ASK):
    data = json.dumps(payload).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    connection.sendall(head.encode() + data)


def read_all(connection):
    """What comes, and whether a reset ended it."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        return received, True
    return received, False


def struck_at_once(emulator):
    """Whether a connection is reset though it asks nothing."""
    try:
        with connect(emulator) as connection:
            return read_all(connection) == (b"", True)
    except ConnectionResetError:  # so quick that some systems fail to connect
        return True


def raw(emulator, reply, payload=ASK):
    emulator.script(reply)
    with connect(emulator) as connection:
        send(connection, payload)
        return read_all(connection)


def healthy(emulator, payload=ASK):
    """The bytes of an undamaged reply, on a connection that closes after it."""
    received, was_reset = raw(emulator, Reply(stop_at=1.0), payload)
    assert not was_reset
    return received


# Errors


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (faults.quota_exhausted(), 429, "insufficient_quota"),
        (faults.request_too_large(), 413, "rate_limit_exceeded"),
        (faults.capacity_exceeded(), 498, "capacity_exceeded"),
        (faults.json_validate_failed(), 400, "json_validate_failed"),
        (faults.tool_use_failed(), 400, "tool_use_failed"),
        (faults.context_length_exceeded(), 400, "context_length_exceeded"),
        (faults.model_not_found(), 404, "model_not_found"),
        (faults.model_decommissioned(), 400, "model_decommissioned"),
        (faults.invalid_api_key(), 401, "invalid_api_key"),
        (faults.overloaded(), 503, "server_is_overloaded"),
        (faults.server_error(), 500, None),
        (faults.server_error(502), 502, None),
        (Reply(status=529), 529, None),
    ],
)
def test_error_has_its_status_and_code(emulator, client, fault, status, code):
    emulator.script(fault)
    response = post(client)
    assert response.status_code == status
    error = response.json()["error"]
    assert error.get("code") == code
    assert error["message"]
    assert error["type"]
    assert post(client).status_code == 200


def test_failed_generation_is_told(emulator, client):
    emulator.script(faults.json_validate_failed("oops"), faults.tool_use_failed("t"))
    told = [post(client).json()["error"]["failed_generation"] for _ in range(2)]
    assert told == ["oops", "t"]


def test_any_status_with_any_headers_and_message(emulator, client):
    headers = {"x-should-retry": "false", "X-Groq-Region": None}
    emulator.script(faults.status(418, "short and stout", headers=headers))
    response = post(client)
    assert response.status_code == 418
    assert response.json()["error"]["message"] == "short and stout"
    assert response.headers["x-should-retry"] == "false"
    assert "x-groq-region" not in response.headers


@pytest.mark.parametrize(
    ("fault", "headers", "text"),
    [
        (faults.rate_limited("7"), {"retry-after": "7"}, "TPM"),
        (faults.rate_limited(0.5), {"retry-after": "0.5"}, "TPM"),
        (
            faults.rate_limited(datetime(2026, 11, 22, 9, 30, tzinfo=UTC)),
            {"retry-after": "Sun, 22 Nov 2026 09:30:00 GMT"},
            "TPM",
        ),
        (faults.rate_limited(retry_after_ms=250), {"retry-after-ms": "250"}, "TPM"),
        (faults.rate_limited(in_message="7.66s"), {}, "Please try again in 7.66s."),
        (faults.rate_limited(type_="requests"), {}, "RPD"),
    ],
)
def test_rate_limit_tells_when_to_come_back(emulator, client, fault, headers, text):
    emulator.script(fault)
    response = post(client)
    assert response.status_code == 429
    hints = {k: v for k, v in response.headers.items() if k.startswith("retry-after")}
    assert hints == headers
    assert text in response.json()["error"]["message"]


def test_error_object_comes_with_200(emulator, client):
    emulator.script(faults.error_object())
    response = post(client)
    assert response.status_code == 200
    assert response.json()["error"]["code"] == "server_is_overloaded"


def test_html_empty_body_and_wrong_content_type(emulator, client):
    emulator.script(faults.html(), faults.html(502, "<p>"), faults.empty_body())
    page, bad_gateway, empty = post(client), post(client), post(client)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert (page.status_code, page.text[:9]) == (200, "<!DOCTYPE")
    assert (bad_gateway.status_code, bad_gateway.text) == (502, "<p>")
    assert (empty.status_code, empty.content) == (200, b"")
    emulator.script(faults.wrong_content_type())
    wrong = post(client)
    assert wrong.headers["content-type"] == "text/plain"
    assert wrong.json()["choices"]


def test_redirect_names_its_location(emulator, client):
    emulator.script(faults.redirect("http://other.example/"))
    response = post(client)
    assert response.status_code == 307
    assert response.headers["location"] == "http://other.example/"


def test_raw_bodies_are_bytes_text_or_json(emulator, client):
    emulator.script(Reply(body=b"\x00"), Reply(body="é"), Reply(body=[1]))
    assert [post(client).content for _ in range(3)] == [b"\x00", b"\xc3\xa9", b"[1]"]


def test_status_without_a_body_keeps_the_connection(emulator, client):
    emulator.script(Reply(status=204, text=""), Reply(status=304, body="ignored"))
    assert post(client).content == post(client).content == b""
    assert post(client).status_code == 200
    assert emulator.counts.connections_opened == 1


def test_broken_utf8_is_broken(emulator, client):
    emulator.script(faults.broken_utf8(), faults.broken_utf8())
    for payload in (ASK, STREAM):
        body = post(client, payload).content
        assert b"caf\xff" in body
        with pytest.raises(UnicodeDecodeError):
            body.decode()


def test_other_lone_surrogates_leave_escaped(emulator, client):
    emulator.script(Reply(text="é\ud800"))
    assert rb"\u00e9\ud800" in post(client).content


# Timing


def test_first_byte_may_be_slow(emulator, client):
    emulator.script(faults.slow_first_byte(0.05))
    started = time.monotonic()
    post(client)
    assert time.monotonic() - started >= 0.05


def test_body_drips_after_its_head(emulator):
    emulator.script(Reply(body="abc") | faults.drip(0.02))
    with connect(emulator) as connection:
        send(connection)
        started, received = time.monotonic(), b""
        while not received.endswith(b"abc"):
            received += connection.recv(65536)
        assert time.monotonic() - started >= 0.04


def test_events_keep_their_interval(emulator, client):
    emulator.script(Reply(text="abc", deltas=3, interval=0.01))
    started = time.monotonic()
    assert "[DONE]" in post(client, STREAM).text
    assert time.monotonic() - started >= 0.05


def test_interval_of_a_reply_without_pieces_does_no_harm(emulator, client):
    emulator.script(Reply(status=204, interval=0.01))
    assert post(client).content == b""


def test_pings_fill_the_waits_of_a_stream(emulator, client):
    emulator.script(Reply(text="abc", delay=0.05, ping=0.01))
    body = post(client, STREAM).text
    assert 1 <= body.count(": ping\n\n") <= 4
    assert body.startswith(": ping")
    assert body.endswith("[DONE]\n\n")
    emulator.script(Reply(text="abc", delay=0.03, ping=0.01))
    assert b"ping" not in post(client).content


def test_pings_go_on_for_ever_in_a_stalled_stream(emulator):
    emulator.script(faults.pings(0.005) | Reply(headers={"transfer-encoding": None}))
    with connect(emulator) as connection:
        send(connection, STREAM)
        received = b""
        while received.count(b"\n\n: ping\n\n: ping\n\n: ping") < 1:
            received += connection.recv(65536)
    assert b"finish_reason" in received
    assert b'"finish_reason":"stop"' not in received
    assert emulator.wait_for(lambda counts: counts.aborted_by_client == 1)


# Breaking off


def test_stall_keeps_the_connection_open(emulator):
    emulator.script(faults.stall())
    with connect(emulator) as connection:
        send(connection)
        assert emulator.wait_for(lambda counts: counts.in_flight == 1)
        connection.settimeout(0.02)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    assert emulator.wait_for(lambda counts: counts.aborted_by_client == 1)


@pytest.mark.parametrize("payload", [ASK, STREAM])
@pytest.mark.parametrize("at", ["headers", "body", "stream", "status", 100, 0.5])
def test_reset_strikes_where_it_should(emulator, at, payload):
    whole = healthy(emulator, payload)
    head = whole.index(b"\r\n\r\n") + 4
    received, was_reset = raw(emulator, faults.reset(at), payload)
    assert was_reset
    expected = {
        "status": 10,
        "headers": head // 2,
        "body": (head + len(whole)) // 2,
        "stream": len(received),
        100: 100,
        0.5: len(whole) // 2,
    }
    assert len(received) == expected[at]
    assert emulator.counts.in_flight == 0
    assert emulator.counts.replies_completed == 1
    assert b'"finish_reason":"stop"' not in received


def test_reset_at_connect_strikes_before_the_request(emulator):
    emulator.always(faults.reset())
    for _ in range(2):
        assert struck_at_once(emulator)
    assert emulator.counts.requests == 0
    emulator.always(None)
    emulator.script(faults.reset())
    assert struck_at_once(emulator)
    assert healthy(emulator)


def test_reset_at_connect_strikes_an_open_connection_without_an_answer(
    emulator, client
):
    post(client)
    emulator.script(faults.reset())
    with pytest.raises(httpx.TransportError):
        post(client)
    assert emulator.counts.requests == 2


@pytest.mark.parametrize("at", [0, 50, 10_000_000, 0.0])
def test_close_counts_bytes_of_the_whole_response(emulator, at):
    whole = healthy(emulator)
    received, was_reset = raw(emulator, Reply(stop_at=at))
    assert len(received) == min(at, len(whole))
    assert not was_reset


def test_truncated_json_is_whole_for_http(emulator, client):
    emulator.script(faults.truncated_json())
    response = post(client)
    with pytest.raises(json.JSONDecodeError):
        response.json()
    assert post(client).status_code == 200
    assert emulator.counts.connections_opened == 1
    assert emulator.counts.replies_completed == 2


@pytest.mark.parametrize(
    ("at", "finish", "done"),
    [
        ("before_done", True, False),
        ("before_finish", False, False),
        (0.5, False, False),
    ],
)
def test_truncated_stream_is_whole_for_http(emulator, client, at, finish, done):
    emulator.script(faults.truncated_stream(at))
    body = post(client, STREAM).text
    assert body.startswith("data: ")
    assert ('"finish_reason":"stop"' in body, "[DONE]" in body) == (finish, done)


def test_stream_cut_to_nothing_is_an_empty_body(emulator, client):
    emulator.script(faults.truncated_stream("connect"), faults.truncated_stream(0))
    assert post(client, STREAM).content == post(client, STREAM).content == b""


def test_stream_that_closes_lacks_its_end(emulator, client):
    emulator.script(Reply(stop_at="before_done"))
    with pytest.raises(httpx.RemoteProtocolError):
        post(client, STREAM)


@pytest.mark.parametrize("named", [True, False])
def test_error_comes_inside_the_stream(emulator, client, named):
    emulator.script(faults.stream_error(after=3, named=named))
    response = post(client, STREAM)
    assert response.status_code == 200
    *deltas, error = response.text.removesuffix("\n\n").split("\n\n")
    assert len(deltas) == 4
    assert error.startswith("event: error\ndata: " if named else 'data: {"error"')
    assert json.loads(error.partition("data: ")[2])["error"]["status_code"] == 400


def test_error_for_a_stream_is_the_body_where_none_was_asked(emulator, client):
    emulator.script(faults.stream_error({"error": "no"}))
    assert post(client).json() == {"error": "no"}


def test_length_may_lie(emulator, client):
    emulator.script(Reply(body="abcdef", length=3), Reply(body="abc", length=6))
    with connect(emulator) as connection:
        send(connection)
        received, _ = read_all(connection)
    assert b"content-length: 3\r\n" in received
    assert received.endswith(b"\r\n\r\nabcdef")
    with pytest.raises(httpx.RemoteProtocolError):
        post(client)


def test_body_without_framing_ends_with_the_connection(emulator, client):
    emulator.script(Reply(body="abc", headers={"Content-Length": None}))
    assert post(client).text == "abc"
    emulator.script(Reply(headers={"transfer-encoding": None}))
    assert post(client, STREAM).text.endswith("[DONE]\n\n")
    assert emulator.counts.connections_opened == 2


# Size and shape


@pytest.mark.parametrize("payload", [ASK, STREAM])
def test_every_byte_is_a_write_of_its_own(emulator, payload):
    whole = healthy(emulator, payload)
    emulator.script(faults.split_everywhere())
    with connect(emulator) as connection:
        send(connection, payload)
        received, writes = b"", 0
        while len(received) < len(whole):
            received += connection.recv(65536)
            writes += 1
    assert len(received) == len(whole)
    assert writes > 1
    answer = Answer(200, {}, ("é".encode(),))
    steps = list(perform(answer, faults.split_everywhere()))
    written = [each for each in steps if isinstance(each, bytes)]
    assert {len(each) for each in written} == {1}
    assert steps[-1] == Finish(b"\xa9", "keep", whole=True)


def test_split_may_keep_the_body_whole():
    answer = Answer(200, {}, (b"body",))
    steps = list(perform(answer, Reply(head_chunk=1000)))
    assert steps[-1] == Finish(b"body", "keep", whole=True)


def test_huge_body_arrives_and_is_never_held(emulator, client):
    emulator.script(faults.huge_body(3_000_000), faults.huge_body(100))
    assert len(post(client).content) > 3_000_000
    assert post(client).json()["choices"]
    steps = perform(Answer(200, {}, (b"{}",)), faults.huge_body(10**15))
    written = [each for each in itertools.islice(steps, 9) if isinstance(each, bytes)]
    assert max(map(len, written)) < 200_000


def test_huge_body_waits_for_a_client_that_does_not_read(emulator):
    emulator.script(faults.huge_body(60_000_000) | Reply(stop_at=1.0))
    with connect(emulator) as connection:
        send(connection)
        assert not emulator.wait_for(lambda counts: counts.replies_completed == 1, 0.1)
        received = 0
        while data := connection.recv(1_000_000):
            received += len(data)
    assert received > 60_000_000
    assert emulator.counts.replies_completed == 1


def test_huge_stream_is_one_long_line_and_then_goes_on(emulator, client):
    emulator.script(faults.huge_body(bytes=100_000))
    body = post(client, STREAM).text
    assert body.startswith(" " * 100_000 + "data: ")
    assert body.endswith("[DONE]\n\n")


def test_huge_body_may_be_a_small_bomb(emulator, client):
    emulator.script(faults.huge_body(1_000_000, encoding="gzip"))
    response = post(client)
    assert int(response.headers["content-length"]) < 10_000
    assert len(response.content) > 1_000_000


@pytest.mark.parametrize(
    ("fault", "decoder"),
    [
        (faults.gzip(), lambda: zlib.decompressobj(31).decompress),
        (Reply(encoding="deflate"), lambda: zlib.decompressobj(15).decompress),
        (faults.br(), lambda: brotli.Decompressor().process),
    ],
)
def test_answer_is_compressed_event_by_event(emulator, client, fault, decoder):
    emulator.script(fault, fault)
    assert post(client).json()["choices"]
    response = post(client, STREAM)
    assert response.headers["content-encoding"] == fault.encoding
    assert response.text.endswith("[DONE]\n\n")
    received, _ = raw(emulator, fault | Reply(stop_at="before_done"), STREAM)
    chunks = received.partition(b"\r\n\r\n")[2]
    decode, plain = decoder(), b""
    while chunks:
        size, _, rest = chunks.partition(b"\r\n")
        plain += decode(rest[: int(size, 16)])
        chunks = rest[int(size, 16) + 2 :]
    assert b'"finish_reason":"stop"' in plain
    assert b"[DONE]" not in plain


def test_empty_body_may_be_compressed(emulator, client):
    emulator.script(faults.truncated_stream(0) | faults.gzip())
    assert post(client, STREAM).content == b""


def test_units_are_clipped():
    assert list(clipped([b"a"], 2)) == [(b"a", False)]
    assert list(clipped([b"a", b"b", b"c"], 2)) == [(b"a", False), (b"b", True)]


def test_blocks_are_gathered():
    assert [len(each) for each in gathered([b"a" * 65_536, b"b", b"c"])] == [65_536, 2]


# Choosing


def test_script_comes_first_then_always_then_the_default(emulator, client):
    emulator.always(Reply(text="always"))
    emulator.script(Reply(text="once"))
    texts = [post(client).json()["choices"][0]["message"]["content"] for _ in range(3)]
    assert texts == ["once", "always", "always"]
    emulator.always(None)
    assert "résumé" in post(client).text


def test_chance_strikes_by_its_seed(client, emulator):
    def run():
        emulator.reset()
        emulator.chance(0.5, faults.server_error(), faults.overloaded())
        return [post(client).status_code for _ in range(20)]

    first = run()
    assert first == run()
    assert set(first) == {200, 500, 503}
    emulator.chance(0.0)
    assert post(client).status_code == 200


def test_chance_is_checked(emulator):
    with pytest.raises(ValueError, match="probability=2"):
        emulator.chance(2, Reply())
    with pytest.raises(ValueError, match="replies to choose from"):
        emulator.chance(0.1)


def test_scripted_content_is_given_unchecked_and_timing_is_not(emulator):
    url = emulator.base_url("groq") + "/chat/completions"
    emulator.script(Reply(text="hi"), Reply(delay=0.001))
    assert httpx.post(url, content=b"{").json()["model"] == "None"
    assert httpx.post(url, json=ASK).status_code == 401


def test_scripted_content_is_what_is_sent(emulator, client):
    emulator.script(
        Reply(
            text="t",
            reasoning="r",
            model="m",
            finish_reason="content_filter",
            usage={"prompt_tokens": 7, "total_tokens": None},
        )
    )
    body = post(client).json()
    message = {"role": "assistant", "content": "t", "reasoning": "r"}
    assert body["model"] == "m"
    assert body["choices"][0]["message"] == message
    assert body["choices"][0]["finish_reason"] == "content_filter"
    assert body["usage"]["prompt_tokens"] == 7
    assert body["usage"]["total_tokens"] is None


def test_call_without_arguments_is_one_delta(emulator, client):
    emulator.script(Reply(tool_calls=(("look", ""),), deltas=3))
    body = post(client, STREAM).text
    assert body.count('"arguments":""') == body.count('"name":"look"') == 1
    assert '"reasoning"' not in body
    assert '"content"' not in body.partition("\n\n")[2]


def test_replies_compose():
    left = faults.rate_limited("2") | Reply(headers={"x-a": "1"}, delay=1)
    assert left.status == 429
    assert left.headers == {"retry-after": "2", "x-a": "1"}
    assert left.delay == 1.0
    assert left | Reply() == left


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"stop_at": "nowhere"}, "stop_at='nowhere'"),
        ({"stop_at": 1.5}, r"stop_at=1\.5"),
        ({"stop_at": -1}, "stop_at=-1"),
        ({"stop_at": 1, "stop": "explode"}, "stop='explode'"),
        ({"stop": "reset"}, "needs stop_at"),
        ({"ping": 0}, "ping=0"),
        ({"ping": 1, "chunk": 1}, "none of chunk"),
        ({"delay": -1}, "delay"),
        ({"chunk": 0}, "chunk"),
        ({"encoding": "zip"}, "encoding"),
        ({"status": 100}, "status"),
    ],
)
def test_impossible_reply_fails_where_it_is_made(fields, told):
    with pytest.raises(ValueError, match=told):
        Reply(**fields)


def test_content_that_is_not_json_fails_where_it_is_made():
    with pytest.raises(TypeError):
        Reply(usage={"a": object()})
