"""The emulator as a well-behaved provider, over real sockets and as pure functions."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import signal
import socket
import struct
import threading
import time
import warnings
from contextlib import ExitStack, closing
from itertools import pairwise

import anyio.to_thread
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_adapter.testing.emulator import Emulator, Reply, faults, serve
from llm_adapter.testing.emulator.dialects import PROVIDERS, provider_of
from llm_adapter.testing.emulator.http import BadRequest, RequestReader
from llm_adapter.testing.emulator.schemas import instance

KEY = {"authorization": "Bearer test-key"}
ASK = {
    "model": "openai/gpt-oss-20b",
    "messages": [{"role": "user", "content": "Hello, JSON"}],
}
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


def ask(client, **fields):
    return client.post("/chat/completions", json={**ASK, **fields})


def choice(client, **fields):
    response = ask(client, **fields)
    assert response.status_code == 200, response.text
    return response.json()["choices"][0]


def events(body):
    """The data of an SSE body, decoded; the terminal marker stays text."""
    frames = body.removesuffix("\n\n").split("\n\n")
    data = [frame.rpartition("data: ")[2] for frame in frames]
    return [each if each == "[DONE]" else json.loads(each) for each in data]


def connect(emulator):
    port = int(emulator.url.rpartition(":")[2])
    return closing(socket.create_connection(("127.0.0.1", port), timeout=5))


def wire(body=None, method="POST", path=PATH, fields=""):
    data = json.dumps(ASK if body is None else body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: emulator\r\nAuthorization: Bearer k\r\n"
        f"Content-Length: {len(data)}\r\n{fields}\r\n"
    )
    return head.encode() + data


def read_all(connection):
    received = b""
    while data := connection.recv(65536):
        received += data
    return received


def read_reply(connection):
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head, body


# The answer


def test_answers_like_groq_with_ids_times_and_rate_limit_headers(client):
    response = ask(client)
    body = response.json()
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"] == body["x_groq"]["id"]
    assert response.headers["x-groq-region"]
    assert response.headers["x-ratelimit-reset-requests"] == "2m59.56s"
    assert body["object"] == "chat.completion"
    assert body["model"] == ASK["model"]
    usage = body["usage"]
    written = usage["completion_tokens"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + written
    assert usage["total_time"] == usage["prompt_time"] + usage["completion_time"]
    message = body["choices"][0]["message"]
    assert "résumé 🚀" in message["content"]
    thoughts = len(message["reasoning"].split())
    assert usage["completion_tokens_details"] == {"reasoning_tokens": thoughts}
    assert written == thoughts + len(message["content"].split())


def test_same_request_has_same_words_and_another_id(client):
    first, second = ask(client).json(), ask(client).json()
    assert first["choices"] == second["choices"]
    assert first["id"] != second["id"]


def test_words_do_not_depend_on_order_of_fields_or_on_streaming(client):
    turned = dict(reversed(ASK.items()))
    assert client.post("/chat/completions", json=turned).json()["choices"][0] == (
        choice(client)
    )
    streamed = events(ask(client, stream=True).text)
    text = "".join(
        each["choices"][0]["delta"].get("content", "") for each in streamed[:-1]
    )
    assert text == choice(client)["message"]["content"]


def test_another_request_has_other_words(client):
    assert choice(client, seed=1)["message"] != choice(client, seed=2)["message"]


def test_large_request_is_answered_without_being_remembered(client):
    long = [{"role": "user", "content": "x" * 100_000}]
    assert choice(client, messages=long) == choice(client, messages=long)


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_budget_cuts_the_answer(client, field):
    cut = choice(client, model="qwen/qwen3.8-27b", **{field: 5})
    assert len(cut["message"]["content"].split()) == 5
    assert cut["finish_reason"] == "length"


def test_answer_within_its_budget_stops_by_itself(client):
    assert choice(client, max_completion_tokens=2000)["finish_reason"] == "stop"


def test_reasoning_eats_the_budget(client):
    cut = choice(client, max_completion_tokens=3)
    assert cut["message"]["content"] == ""
    assert len(cut["message"]["reasoning"].split()) == 3
    assert cut["finish_reason"] == "length"


def test_budget_of_reasoning_follows_effort(client):
    def length(effort):
        message = choice(client, reasoning_effort=effort)["message"]
        return len(message["reasoning"].split())

    assert length("low") < length("medium") < length("high")


@pytest.mark.parametrize("stop", ["🚀", ["nowhere", "🚀", ""]])
def test_stop_sequence_ends_the_text(client, stop):
    stopped = choice(client, stop=stop)
    assert stopped["message"]["content"] == "The résumé "
    assert stopped["finish_reason"] == "stop"


def test_reasoning_is_hidden_or_inlined_on_request(client):
    hidden = ask(client, include_reasoning=False).json()
    assert "reasoning" not in hidden["choices"][0]["message"]
    assert hidden["usage"]["completion_tokens_details"]["reasoning_tokens"] == 12
    assert "reasoning" not in choice(client, reasoning_format="hidden")["message"]
    raw = choice(client, reasoning_format="raw")["message"]
    assert raw["content"].startswith("<think>\nThe résumé")
    assert "reasoning" not in raw


def test_model_that_does_not_reason_has_no_reasoning(client):
    plain = choice(client, model="qwen/qwen3.8-27b", reasoning_format="raw")
    assert plain["message"].keys() == {"role", "content"}


def test_json_mode_answers_an_object(client):
    form = {"type": "json_object"}
    message = choice(client, response_format=form)["message"]
    assert isinstance(json.loads(message["content"]), dict)


def test_json_schema_answers_an_instance(client):
    schema = {
        "type": "object",
        "properties": {"jobs": {"type": "array", "items": {"$ref": "#/$defs/Job"}}},
        "required": ["jobs"],
        "$defs": {"Job": {"enum": ["tester", "poet"]}},
    }
    form = {"type": "json_schema", "json_schema": {"name": "cv", "schema": schema}}
    message = choice(client, response_format=form)["message"]
    assert set(json.loads(message["content"])["jobs"]) <= {"tester", "poet"}


TOOLS = [
    {"type": "function", "function": {"name": "first"}},
    {
        "type": "function",
        "function": {
            "name": "second",
            "parameters": {"properties": {"n": {"type": "integer"}}},
        },
    },
]


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("required", "first"),
        ({"type": "function", "function": {"name": "second"}}, "second"),
    ],
)
def test_forced_tool_is_called_with_arguments_of_its_schema(client, wanted, name):
    answer = choice(client, tools=TOOLS, tool_choice=wanted)
    (call,) = answer["message"]["tool_calls"]
    assert answer["finish_reason"] == "tool_calls"
    assert "content" not in answer["message"]
    assert call["function"]["name"] == name
    arguments = json.loads(call["function"]["arguments"])
    assert [type(each) for each in arguments.values()] == [int] * (name == "second")


def test_tool_that_nobody_forces_is_not_called(client):
    assert "tool_calls" not in choice(client, tools=TOOLS)["message"]


# The stream


def test_stream_has_role_reasoning_text_finish_and_terminal_marker(client):
    response = ask(client, stream=True)
    assert response.headers["content-type"] == "text/event-stream"
    first, *middle, last, done = events(response.text)
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert first["x_groq"] == {"id": response.headers["x-request-id"]}
    deltas = [each["choices"][0]["delta"] for each in middle]
    kinds = [tuple(sorted(each)) for each in deltas]
    assert sorted(set(kinds), key=kinds.index) == [
        ("channel", "reasoning"),
        ("content",),
    ]
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["x_groq"]["usage"]["completion_tokens"] == len(deltas)
    assert "usage" not in last
    assert done == "[DONE]"


def test_stream_repeats_usage_on_request(client):
    options = {"include_usage": True}
    *_, last, _ = events(ask(client, stream=True, stream_options=options).text)
    assert last["usage"] == last["x_groq"]["usage"]


def test_stream_cuts_text_and_tool_calls_into_deltas(emulator, client):
    calls = (("look", '{"a": 1}'), ("see", {"b": "é"}))
    emulator.script(Reply(text="four", tool_calls=calls, deltas=2))
    _, *middle, last, _ = events(ask(client, stream=True).text)
    deltas = [each["choices"][0]["delta"] for each in middle]
    assert [each["content"] for each in deltas if "content" in each] == ["fo", "ur"]
    pieces = [each["tool_calls"][0] for each in deltas if "tool_calls" in each]
    assert [piece["index"] for piece in pieces] == [0, 0, 1, 1]
    assert ["id" in piece for piece in pieces] == [True, False, True, False]
    arguments = [piece["function"]["arguments"] for piece in pieces]
    assert arguments == ['{"a"', ": 1}", '{"b":', ' "é"}']
    assert last["choices"][0]["finish_reason"] == "tool_calls"


# Refusals


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer an-invalid-key"}, {"authorization": "k"}]
)
def test_request_without_a_good_key_is_refused(emulator, headers):
    url = f"{emulator.url}{PATH}"
    response = httpx.post(url, json=ASK, headers=headers)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"model": "no-such"}, 404, "model_not_found"),
        ({"model": "llama-3.3-70b-versatile"}, 404, "model_not_found"),
        ({"model": "mixtral-8x7b-32768"}, 400, "model_decommissioned"),
        ({"model": None}, 400, "property 'model' is missing"),
        ({"model": 3}, 400, "'model' : value has the wrong type"),
        ({"messages": []}, 400, "minimum number of items is 1"),
        ({"n": 2}, 400, "'n' : number must be at most 1"),
        ({"max_tokens": -1}, 400, "'max_tokens' : number must be at least 1"),
        ({"stop": list("abcde")}, 400, "maximum number of items is 4"),
        ({"tool_choice": "required"}, 400, "'tools' must be provided"),
        ({"reasoning_effort": "none"}, 400, "`reasoning_effort` must be one of"),
        (
            {"include_reasoning": True, "reasoning_format": "raw"},
            400,
            "cannot specify both",
        ),
        (
            {"response_format": {"type": "json_object"}, "messages": [{"content": ""}]},
            400,
            "must contain the word 'json'",
        ),
    ],
)
def test_request_that_groq_refuses_is_refused(client, fields, status, told):
    response = ask(client, **fields)
    assert response.status_code == status
    assert told in response.text
    assert response.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 100_000])
def test_unreadable_body_is_refused(emulator, client, body):
    response = client.post("/chat/completions", content=body)
    assert response.status_code == 400
    assert "not a JSON object" in response.json()["error"]["message"]
    assert emulator.seen[0].json in (None, [])


def test_models_are_listed_with_their_context(client):
    body = client.get("/models").json()
    first = body["data"][0]
    assert (body["object"], first["active"]) == ("list", True)
    assert first["context_window"] == 131_072
    assert client.get(f"/models/{first['id']}").json() == first
    missing = client.get("/models/no-such")
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", PATH), ("POST", "/openai/v1/nothing"), ("POST", "/"), ("HEAD", PATH)],
)
def test_unknown_endpoint_is_not_found_and_consumes_no_script(emulator, method, path):
    emulator.script(faults.server_error())
    response = httpx.request(method, emulator.url + path, headers=KEY)
    assert response.status_code == 404
    assert method == "HEAD" or response.json()["error"]["code"] == "unknown_url"
    assert httpx.post(emulator.url + PATH, headers=KEY, json=ASK).status_code == 500


def test_unknown_provider_is_named_with_the_known_ones(emulator):
    with pytest.raises(ValueError, match="no emulation of 'nobody'; there is: groq"):
        emulator.base_url("nobody")


def test_provider_is_found_by_its_prefix():
    assert provider_of(PATH) is PROVIDERS["groq"]
    assert provider_of("/openai/v11/models") is None


# HTTP


def test_connection_is_kept_alive_and_numbered(emulator, client):
    ask(client)
    ask(client)
    assert [each.connection for each in emulator.seen] == [1, 1]
    assert emulator.counts.connections_opened == 1


def test_pipelined_requests_are_answered_in_order(emulator):
    emulator.script(Reply(text="1", delay=0.01), Reply(text="2"))
    with connect(emulator) as connection:
        last = wire(fields="Connection: close\r\n")
        connection.sendall(wire() + wire() + last)
        received = read_all(connection)
    assert received.count(b"HTTP/1.1 200 OK") == 3
    assert received.index(b'"content":"1"') < received.index(b'"content":"2"')


@pytest.mark.parametrize(
    ("sent", "status", "told"),
    [
        (b"GARBAGE\r\n\r\n", 400, b"request line"),
        (b"\x16\x03\x01\x02\x00", 400, b"not an HTTP request"),
        (b"GET / HTTP/1.0\r\n\r\n", 505, b"only HTTP/1.1"),
        (b"PRI * HTTP/2.0\r\n\r\n", 505, b"only HTTP/1.1"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, b"Host field"),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, b"header field"),
        (b"GET /" + b"a" * 20_000, 431, b"16384 bytes"),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 70_000 + b"\r\n\r\n", 431, b"65536"),
    ],
)
def test_malformed_request_is_told_and_the_connection_closed(
    emulator, sent, status, told
):
    with connect(emulator) as connection:
        connection.sendall(sent)
        received = read_all(connection)
    assert received.startswith(b"HTTP/1.1 %d " % status)
    assert told in received
    assert emulator.counts.requests == 0


HEAD = b"POST /a HTTP/1.1\r\nHost: h\r\n"


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (b"Content-Length: -1\r\n\r\n", 400),
        (b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc", 400),
    ],
)
def test_body_that_cannot_be_framed_is_refused(rest, status):
    reader = RequestReader()
    reader.feed(HEAD + rest)
    with pytest.raises(BadRequest) as raised:
        reader.next_request()
    assert raised.value.status == status


CHUNKED = (
    b"\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n"
)
SIZED = b"GET http://h:1/b?q HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"


@given(cuts=st.lists(st.integers(0, len(CHUNKED + SIZED)), max_size=8))
def test_requests_do_not_depend_on_how_the_bytes_are_cut(cuts):
    data = CHUNKED + SIZED
    places = [0, *sorted(cuts), len(data)]
    reader, found = RequestReader(), []
    for start, end in pairwise(places):
        reader.feed(data[start:end])
        while (request := reader.next_request()) is not None:
            found.append((request.path, request.body))
    assert found == [("/a", b"abcde"), ("/b", b"hi")]


def test_serves_as_the_target_of_a_proxy(emulator):
    with connect(emulator) as connection:
        connection.sendall(wire(path=f"http://api.groq.com{PATH}"))
        head, _ = read_reply(connection)
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert emulator.seen[0].path == f"http://api.groq.com{PATH}"


# What was seen


def test_seen_requests_tell_all_and_can_be_forgotten(emulator, client):
    before = time.monotonic()
    client.post("/chat/completions?a=b", json=ASK, headers={"X-Mine": "1"})
    (seen,) = emulator.seen
    assert (seen.number, seen.connection, seen.method) == (1, 1, "POST")
    assert seen.path == f"{PATH}?a=b"
    assert seen.headers["x-mine"] == "1"
    assert seen.headers["authorization"] == "Bearer test-key"
    assert json.loads(seen.body) == seen.json == ASK
    assert before <= seen.at <= time.monotonic()
    emulator.reset()
    assert emulator.seen == ()
    assert emulator.counts.requests == 0
    assert emulator.counts.connections_open == 1


def test_counts_are_booked_before_the_client_has_the_answer(emulator, client):
    for number in range(1, 50):
        ask(client)
        assert emulator.counts.replies_completed == number
    counts = emulator.counts
    assert (counts.requests, counts.in_flight, counts.max_in_flight) == (49, 0, 1)


def test_wait_for_tells_whether_it_came_true(emulator):
    assert emulator.wait_for(lambda counts: counts.requests == 0, timeout=0)
    assert not emulator.wait_for(lambda counts: counts.requests > 0, timeout=0.01)
    with connect(emulator):
        assert emulator.wait_for(lambda counts: counts.connections_open == 1)
    assert emulator.wait_for(lambda counts: counts.connections_open == 0)


def test_hang_up_during_a_stalled_reply_is_noticed(emulator):
    emulator.always(faults.stall("body"))
    with connect(emulator) as connection:
        connection.sendall(wire())
        assert connection.recv(65536)
        assert emulator.counts.in_flight == 1
    assert emulator.wait_for(lambda counts: counts.aborted_by_client == 1)
    assert emulator.wait_for(lambda counts: counts.connections_open == 0)
    assert emulator.counts.in_flight == emulator.counts.replies_completed == 0


def test_hang_up_during_a_delay_is_noticed(emulator):
    emulator.script(faults.slow_first_byte(60))
    with connect(emulator) as connection:
        connection.sendall(wire())
        assert emulator.wait_for(lambda counts: counts.in_flight == 1)
    assert emulator.wait_for(lambda counts: counts.aborted_by_client == 1)


def test_hang_up_while_the_reply_is_written_is_noticed(emulator):
    emulator.script(faults.huge_body())
    with connect(emulator) as connection:
        connection.sendall(wire())
        assert connection.recv(10)
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    assert emulator.wait_for(lambda counts: counts.aborted_by_client == 1)
    assert emulator.counts.replies_completed == 0


def test_leaving_a_stream_early_releases_the_connection(emulator):
    emulator.script(Reply(interval=60))
    url = emulator.base_url("groq") + "/chat/completions"
    with httpx.stream("POST", url, json={**ASK, "stream": True}, headers=KEY) as left:
        next(left.iter_bytes())
    assert emulator.wait_for(lambda counts: counts.aborted_by_client == 1)
    assert emulator.wait_for(lambda counts: counts.connections_open == 0)


def test_carries_500_connections_at_once(emulator):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    emulator.always(faults.slow_first_byte(0.05))
    with ExitStack() as stack:
        crowd = [stack.enter_context(connect(emulator)) for _ in range(500)]
        for connection in crowd:
            connection.sendall(wire())
        assert emulator.wait_for(lambda counts: counts.requests == 500)
        assert all(read_reply(each)[0].startswith(b"HTTP/1.1 200") for each in crowd)
        assert emulator.counts.connections_opened == 500
        assert emulator.counts.max_in_flight > 1


# Its life


def test_refuses_connections_and_is_back_on_the_same_port(emulator, client):
    ask(client)
    url = emulator.url
    with emulator.refusing():
        assert emulator.wait_for(lambda counts: counts.connections_open == 0)
        with pytest.raises(httpx.ConnectError):
            ask(client)
    assert ask(client).status_code == 200
    assert emulator.url == url


def test_refusing_lets_a_reply_finish(emulator):
    emulator.script(Reply(delay=0.05, text="late"))
    with connect(emulator) as connection:
        connection.sendall(wire())
        assert emulator.wait_for(lambda counts: counts.in_flight == 1)
        with emulator.refusing():
            assert b"late" in read_reply(connection)[1]


def test_may_be_closed_while_refusing():
    with Emulator() as emulator, emulator.refusing():
        emulator.close()


def test_closes_at_once_whatever_is_stalled(emulator):
    emulator.always(faults.stall("headers"))
    with connect(emulator) as stalled, connect(emulator):
        stalled.sendall(wire())
        assert emulator.wait_for(lambda counts: counts.in_flight == 1)
        assert stalled.recv(65536)
        started = time.monotonic()
        emulator.close()
        assert time.monotonic() - started < 1
        assert stalled.recv(1) == b""
    counts = emulator.counts
    assert (counts.aborted_by_client, counts.connections_open) == (0, 0)


def test_leaves_no_connection_open_that_it_is_just_accepting():
    for _ in range(20):
        with Emulator() as emulator, connect(emulator), connect(emulator):
            emulator.close()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


def test_is_started_once_and_told_apart_from_a_closed_one():
    emulator = Emulator()
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.url
    with emulator:
        url = emulator.url
        assert emulator.start().url == url
    emulator.close()


def test_taken_port_is_an_error(emulator):
    port = int(emulator.url.rpartition(":")[2])
    with pytest.raises(OSError), Emulator(port=port):
        pass


def test_listens_on_ipv6_when_told():
    with Emulator(host="::1") as emulator:
        assert emulator.url.startswith("http://[::1]:")
        assert httpx.get(emulator.base_url("groq") + "/models").status_code == 401


def test_latency_comes_before_every_answer():
    with Emulator(latency=0.02) as emulator:
        started = time.monotonic()
        url = emulator.base_url("groq")
        assert httpx.get(f"{url}/models", headers=KEY).status_code == 200
        emulator.script(Reply(text="hi"))
        httpx.post(f"{url}/chat/completions", headers=KEY, json=ASK)
        assert time.monotonic() - started >= 0.04


@pytest.mark.anyio
async def test_works_in_async_tests(anyio_backend_name):
    async with Emulator(replies=[Reply(text=anyio_backend_name)]) as emulator:
        url = emulator.base_url("groq") + "/chat/completions"
        async with httpx.AsyncClient(headers=KEY) as client:
            response = await client.post(url, json=ASK)
        message = response.json()["choices"][0]["message"]
        assert message["content"] == anyio_backend_name
        released = await anyio.to_thread.run_sync(
            emulator.wait_for, lambda counts: counts.connections_open == 0
        )
        assert released


def test_serves_until_it_is_terminated():
    told = []

    def on_start(emulator):
        url = emulator.base_url("groq") + "/models"
        told.append(httpx.get(url, headers=KEY).status_code)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    serve(chance=1.0, latency=0.001, on_request=told.append, on_start=on_start)
    assert told[0].path == "/openai/v1/models"
    assert signal.getsignal(signal.SIGTERM) is before


def test_serves_until_it_is_interrupted():
    # What runs in the background of a shell may have been told to ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    try:
        serve(on_start=lambda emulator: timer.start())
    finally:
        signal.signal(signal.SIGINT, before)
    timer.join()


def test_leaves_no_thread_and_runs_beside_a_loop():
    async def main():
        async with Emulator() as emulator:
            assert emulator.url

    threads = threading.active_count()
    asyncio.run(main())
    assert threading.active_count() == threads


# Schemas

TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
leaf = st.sampled_from(sorted(TYPES)).map(lambda name: {"type": name})
schemas = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from("abc"), inner).map(
            lambda named: {
                "type": "object",
                "properties": named,
                "required": sorted(named),
            }
        ),
        inner.map(lambda each: {"type": "array", "items": each, "minItems": 1}),
    ),
    max_leaves=6,
)


def fits(schema, value):
    assert isinstance(value, TYPES[schema["type"]])
    if isinstance(value, dict):
        assert set(schema.get("required", ())) <= set(value)
        for name, each in schema.get("properties", {}).items():
            assert name not in value or fits(each, value[name])
    if isinstance(value, list) and "items" in schema:
        assert value
        assert all(fits(schema["items"], each) for each in value)
    return True


@given(schema=schemas, digest=st.integers(0, 2**64 - 1))
def test_instance_is_of_the_schemas_types(schema, digest):
    value = instance(schema, digest)
    assert fits(schema, value)
    assert value == instance(schema, digest)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("$ref", "type", "enum", "const", "properties", "required"),
                    *("items", "prefixItems", "minItems", "maxItems", "format"),
                    *("anyOf", "oneOf", "allOf", "minimum", "maximum", "multipleOf"),
                    *("minLength", "maxLength", "exclusiveMinimum"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@settings(max_examples=100)
@given(schema=anything)
def test_no_schema_breaks_it(schema):
    json.dumps(instance(schema, 1))


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"const": {"a": 1}}, {"a": 1}),
        ({"enum": ["only"]}, "only"),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"const": 1}}}, 1),
        ({"anyOf": [{"type": "null"}, {"const": 2}]}, 2),
        ({"oneOf": [{"const": 3}]}, 3),
        ({"type": ["null", "integer"], "minimum": 4, "maximum": 4}, 4),
        ({"type": "integer", "exclusiveMinimum": 4, "exclusiveMaximum": 6}, 5),
        ({"type": "integer", "multipleOf": 7, "minimum": 8, "maximum": 20}, 14),
        ({"type": "integer", "maximum": -5, "minimum": -5}, -5),
        ({"type": "number", "multipleOf": 0.5, "minimum": 1.2}, 1.5),
        ({"type": "string", "format": "date"}, "2026-11-22"),
        ({"type": "array", "prefixItems": [{"const": 1}], "maxItems": 1}, [1]),
        ({"items": {"const": 1}, "maxItems": 1}, [1]),
        ({"required": ["a"], "properties": {"a": {"type": "null"}}}, {"a": None}),
        (
            {
                "allOf": [
                    {"properties": {"a": {"const": 1}}, "required": ["a"]},
                    {"properties": {"b": {"const": 2}}, "required": ["b"]},
                    True,
                ]
            },
            {"a": 1, "b": 2},
        ),
    ],
)
def test_instance_respects_the_keyword(schema, expected):
    assert instance(schema, 5) == expected


def test_lengths_of_strings_are_respected():
    assert len(instance({"type": "string", "minLength": 90}, 1)) >= 90
    assert len(instance({"type": "string", "maxLength": 2}, 1)) == 2
    assert instance({"type": "integer", "maximum": 3}, 1) <= 3


def test_recursive_schema_ends():
    node = {
        "type": "object",
        "properties": {
            "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
            "more": {"type": "array", "items": {"$ref": "#"}},
        },
        "required": ["next"],
    }
    assert json.dumps(instance(node, 1)).count("next") < 100
    endless = {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}
    assert json.dumps(instance(endless, 1)).endswith("null" + "}" * 33)
    twice = {"a": {"$ref": "#"}, "b": {"$ref": "#"}}
    wide = {"properties": twice, "required": ["a", "b"]}
    assert len(json.dumps(instance(wide, 1))) < 1_000_000
    assert instance({"$ref": "#"}, 1)
