"""Answers as they are written, through a real server, to clients that may hang up."""

from __future__ import annotations

import logging
import threading
from contextlib import asynccontextmanager, suppress
from typing import Annotated

import anyio.lowlevel
import pytest
from fastapi import Depends, FastAPI, Header
from fastapi.testclient import TestClient
from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware

from llm_adapter import (
    AsyncGroqAdapter,
    AsyncLLMService,
    AsyncMockLLMService,
    AsyncResponseStream,
    AsyncTokenTracker,
    AsyncTrackingLLMService,
    LLMResponse,
    LLMTimeoutError,
    MockLLMService,
    ReasoningDelta,
    StreamEnd,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from llm_adapter.integrations.fastapi import (
    Reply,
    get_llm_service,
    install_exception_handlers,
    llm_lifespan,
    llm_service,
    stream_response,
)
from llm_adapter.testing.emulator import Emulator, faults
from llm_adapter.testing.emulator import Reply as Answer
from tests.integrations.web_server import Client, events, served
from tests.ledgers import kept_records

LLM = Annotated[AsyncLLMService, Depends(get_llm_service)]
SLOW = Answer(text="word " * 1000, interval=0.02)
SILENT = Answer(text="one two", delay=60)


class Scripted:
    """Events as a test has them come: values, errors, and seconds of silence."""

    def __init__(self, *steps):
        self._steps = list(steps)
        self.closed = 0

    async def open(self):
        """Nothing to open."""

    async def pull(self):
        step = self._steps.pop(0)
        if isinstance(step, float):
            await anyio.sleep(step)
            step = self._steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return [step]

    def partial(self):
        return LLMResponse("partly", finish_reason="error")

    async def close(self):
        self.closed += 1


END = StreamEnd(LLMResponse("Hi", "tiny", usage=Usage(total_tokens=3)))


def streaming(*steps, **options):
    """An application that streams these events."""
    app = FastAPI()
    install_exception_handlers(app, {LLMTimeoutError: Reply(503, "Too slow.")})

    @app.get("/")
    async def stream():
        return stream_response(AsyncResponseStream(Scripted(*steps)), **options)

    return app


def received(*steps, **options):
    with TestClient(streaming(*steps, **options)) as client:
        response = client.get("/")
    assert response.status_code == 200
    return events(response.text)


# -- what a client receives -----------------------------------------------------------


def test_text_comes_in_events_and_at_last_what_it_took():
    *texts, done = received(TextDelta("H"), TextDelta("i"), END)
    assert texts == [("text", {"text": "H"}), ("text", {"text": "i"})]
    name, data = done
    assert name == "done"
    assert (data["finish_reason"], data["model"]) == ("stop", "tiny")
    assert data["usage"]["total_tokens"] == 3
    assert data["usage"]["input_tokens"] is None


@pytest.mark.parametrize(
    "text", ["\n", "a\r\nb\rc\n\n", " x ", "event: done", "\u2028", "é😀", "\ud83d"]
)
def test_every_text_arrives_as_it_is(text):
    assert received(TextDelta(text), END)[0] == ("text", {"text": text})


def test_headers_keep_proxies_from_holding_events_back():
    with TestClient(streaming(END, headers={"X-Mine": "1"})) as client:
        headers = client.get("/").headers
    assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert headers["Cache-Control"] == "no-cache"
    assert headers["X-Accel-Buffering"] == "no"
    assert headers["X-Mine"] == "1"


def test_reasoning_is_not_shown_unless_it_is_asked_for():
    steps = ReasoningDelta("Hm."), TextDelta("Hi"), END
    assert [name for name, _ in received(*steps)] == ["text", "done"]
    first = received(*steps, show=["text", "reasoning"])[0]
    assert first == ("reasoning", {"reasoning": "Hm."})


def test_tool_calls_are_shown_where_asked_for():
    delta = ToolCallDelta(0, "1", "look", '{"a": 1}')
    name, data = received(delta, END, show=["tool_call"])[0]
    assert name == "tool_call"
    assert data == {"index": 0, "id": "1", "name": "look", "arguments": '{"a": 1}'}


def test_silence_is_bridged_by_comments():
    with TestClient(streaming(TextDelta("a"), 0.3, END, ping=0.05)) as client:
        text = client.get("/").text
    assert text.count(": ping\n\n") >= 2
    assert [name for name, _ in events(text)] == ["text", "done"]


def test_comments_can_be_left_out():
    with TestClient(streaming(TextDelta("a"), 0.1, END, ping=None)) as client:
        assert "ping" not in client.get("/").text


def test_comments_do_not_come_between_events_that_follow_each_other():
    steps = [step for _ in range(30) for step in (0.01, TextDelta("a"))]
    with TestClient(streaming(*steps, END, ping=5)) as client:
        assert "ping" not in client.get("/").text


@pytest.mark.parametrize("begun", [[], [ReasoningDelta("Hm.")]])
def test_error_becomes_a_status_until_the_response_has_begun(begun):
    with TestClient(streaming(*begun, LLMTimeoutError("inside"))) as client:
        response = client.get("/")
    if begun:
        expected = [("error", {"status": 503, "detail": "Too slow."})]
        assert (response.status_code, events(response.text)) == (200, expected)
    else:
        assert (response.status_code, response.json()) == (
            503,
            {"detail": "Too slow."},
        )


def test_error_in_the_middle_is_an_event_and_in_the_log_once(caplog):
    found = received(TextDelta("a"), LLMTimeoutError("inside"))
    assert found[-1] == ("error", {"status": 503, "detail": "Too slow."})
    (record,) = [each for each in caplog.records if each.name == "llm_adapter"]
    assert "GET '/' is answered with 503: LLMTimeoutError: " in record.getMessage()
    assert record.levelno == logging.ERROR


def breaking():
    """An application whose stream breaks off."""
    app = FastAPI()

    @app.get("/")
    async def stream():
        steps = TextDelta("a"), LLMTimeoutError("inside")
        return stream_response(AsyncResponseStream(Scripted(*steps)))

    return app


def test_error_in_the_middle_needs_no_handlers():
    with TestClient(breaking()) as client:
        assert events(client.get("/").text)[-1][1]["status"] == 504


def test_each_of_two_applications_that_share_a_state_has_its_own_errors():
    app, mounted = breaking(), breaking()
    mounted.state = app.state
    install_exception_handlers(app, {LLMTimeoutError: 503})
    install_exception_handlers(mounted, {LLMTimeoutError: 418})
    app.mount("/mounted", mounted)
    with TestClient(app) as client:
        found = [events(client.get(path).text)[-1] for path in ("/", "/mounted/")]
    assert [data["status"] for _, data in found] == [503, 418]


def test_mounted_application_that_installs_nothing_has_the_errors_of_the_outer_one():
    app, other, mounted = FastAPI(), FastAPI(), breaking()
    mounted.state = other.state = app.state
    install_exception_handlers(app, {LLMTimeoutError: 503})
    install_exception_handlers(other, {LLMTimeoutError: 418})
    app.mount("/mounted", mounted)
    with TestClient(app) as client:
        found = events(client.get("/mounted/").text)
    assert found[-1][1]["status"] == 503


@pytest.mark.parametrize("begun", [[], [TextDelta("a")]])
def test_other_errors_are_left_to_the_application_as_they_are(begun):
    with (
        TestClient(streaming(*begun, KeyError("of yours"))) as client,
        pytest.raises(KeyError, match="of yours"),
    ):
        client.get("/")


@pytest.mark.parametrize("last", [END, LLMTimeoutError(), KeyError()])
def test_stream_is_closed_whatever_happens(last):
    source = Scripted(TextDelta("a"), last)
    app = FastAPI()

    @app.get("/")
    async def stream():
        return stream_response(AsyncResponseStream(source))

    with TestClient(app) as client, suppress(KeyError):
        client.get("/")
    assert source.closed


def test_stream_that_is_closed_already_says_how_to_do_it():
    app = FastAPI()

    @app.get("/")
    async def stream():
        async with AsyncMockLLMService().stream("Hi") as stream:
            return stream_response(stream)

    expected = r"nobody has read, outside of an `async with`"
    with TestClient(app) as client, pytest.raises(RuntimeError, match=expected):
        client.get("/")


def test_background_task_sees_the_whole_answer():
    texts = []
    app = FastAPI()

    @app.get("/")
    async def stream():
        stream = AsyncMockLLMService({"Hi": "one two"}).stream("Hi")
        task = BackgroundTask(lambda: texts.append(stream.response.text))
        return stream_response(stream, background=task)

    with TestClient(app) as client:
        client.get("/")
    assert texts == ["one two"]


@pytest.mark.parametrize("stream", [None, "text", MockLLMService().stream("Hi")])
def test_other_things_than_streams_are_refused(stream):
    with pytest.raises(TypeError, match="stream must be an AsyncResponseStream"):
        stream_response(stream)


@pytest.mark.parametrize(
    "options", [{"show": ["end"]}, {"show": "text"}, {"ping": 0}, {"ping": -1.0}]
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=r"^(show has|ping is) "):
        stream_response(AsyncMockLLMService().stream("Hi"), **options)


@pytest.mark.anyio
@pytest.mark.parametrize("breaks_at", ["start", "body"])
async def test_server_that_says_so_when_something_is_sent_is_understood(breaks_at):
    """ASGI 2.4: `send` raises OSError once the client has left."""
    source = Scripted(*[TextDelta("a")] * 3, 60.0, END)
    response = stream_response(AsyncResponseStream(source))
    sent = []

    async def receive():
        await anyio.sleep_forever()

    async def send(message):
        if message["type"].endswith(breaks_at):
            raise OSError("gone")
        sent.append(message["type"])

    scope = {
        "type": "http",
        "path": "/",
        "headers": [],
        "asgi": {"spec_version": "2.4"},
    }
    with anyio.fail_after(10):
        await response(scope, receive, send)
    assert source.closed
    assert sent == ["http.response.start"] * (breaks_at == "body")


@pytest.mark.anyio
async def test_comment_that_is_due_as_the_last_message_is_sent_is_left_out():
    response = stream_response(AsyncResponseStream(Scripted(END)), ping=0.05)
    sent = []

    async def receive():
        await anyio.sleep_forever()

    async def send(message):
        sent.append(message.get("body"))
        if message.get("more_body") is False:
            await anyio.sleep(0.3)

    await response({"type": "http", "path": "/", "headers": []}, receive, send)
    assert sent[-1] == b""
    assert b": ping\n\n" not in sent


# -- clients that hang up -------------------------------------------------------------


@pytest.fixture
def emulator():
    with Emulator() as running:
        yield running


@pytest.fixture
def tracker(tmp_path):
    return AsyncTokenTracker(f"sqlite:///{tmp_path}/ledger.db")


def user(x_user: Annotated[str, Header()] = "ann"):
    return x_user


RANKING = Depends(llm_service("content_ranking", user_id=user))


@pytest.fixture
def left():
    """Set when the background task of `/background` has run."""
    return threading.Event()


@pytest.fixture
def app(emulator, tracker, left):
    """An application whose calls are booked."""

    @asynccontextmanager
    async def make():
        url = emulator.base_url("groq")
        base = AsyncGroqAdapter("any", base_url=url, max_retries=0)
        async with tracker, AsyncTrackingLLMService(base, tracker) as llm:
            yield llm

    app = FastAPI(lifespan=llm_lifespan(make=make))
    install_exception_handlers(app)

    @app.get("/async")
    async def stream(llm: AsyncLLMService = RANKING):
        return stream_response(llm.stream("Hi"), ping=0.5)

    @app.get("/sync")
    def stream_from_a_thread(llm: AsyncLLMService = RANKING):
        return stream_response(llm.stream("Hi"))

    @app.get("/background")
    async def stream_and_go_on(llm: AsyncLLMService = RANKING):
        return stream_response(llm.stream("Hi"), background=BackgroundTask(left.set))

    return app


async def pass_on(request, call_next):
    return await call_next(request)


@pytest.fixture(params=["plain", "middleware"])
def any_app(request, app):
    """As it is, and behind a middleware that reads requests by itself."""
    if request.param == "middleware":
        app.add_middleware(BaseHTTPMiddleware, dispatch=pass_on)
    return app


def booked(tracker):
    (record,) = kept_records(tracker)
    return record.status, record.user_id, record.workflow


def no_errors(caplog):
    return not [each for each in caplog.records if each.levelno >= logging.WARNING]


def test_whole_answer_arrives_and_is_booked(any_app, tracker):
    with served(any_app) as port, Client(port, "/async") as client:
        text = client.read_until(b"event: done")
    assert b"200 OK" in text
    assert text.count(b"event: text") > 1
    assert booked(tracker) == ("succeeded", "ann", "content_ranking")


def test_deltas_are_passed_on_as_they_come(app, emulator):
    emulator.always(Answer(text="one two three four", stop_at=0.6, stop="stall"))
    with served(app) as port, Client(port, "/async") as client:
        client.read_until(b"event: text")
        assert emulator.counts.replies_completed == 0


@pytest.mark.parametrize("path", ["/async", "/sync"])
def test_client_that_hangs_up_ends_the_providers_answer(
    any_app, emulator, tracker, caplog, path
):
    emulator.always(SLOW)
    with served(any_app) as port:
        with Client(port, path, headers="X-User: bob\r\n") as client:
            client.read_until(b'{"text"')
        assert emulator.wait_for(lambda now: now.aborted_by_client == 1, timeout=5)
    assert booked(tracker) == ("interrupted", "bob", "content_ranking")
    assert no_errors(caplog)


def test_client_that_hangs_up_before_the_first_word_ends_it_too(
    any_app, emulator, tracker, caplog
):
    emulator.always(SILENT)
    with served(any_app) as port:
        with Client(port, "/async"):
            assert emulator.wait_for(lambda now: now.in_flight == 1, timeout=5)
        assert emulator.wait_for(lambda now: now.aborted_by_client == 1, timeout=5)
    assert booked(tracker)[0] == "cancelled"
    assert no_errors(caplog)


class Endless(Scripted):
    """A stream that no buffer holds."""

    def __init__(self):
        super().__init__()
        self.left = threading.Event()

    async def pull(self):
        await anyio.lowlevel.checkpoint()
        return [TextDelta("x" * 100_000)]

    async def close(self):
        self.left.set()


def test_client_that_does_not_read_and_hangs_up_ends_it_too(app):
    source = Endless()

    @app.get("/endless")
    async def stream():
        return stream_response(AsyncResponseStream(source))

    with served(app) as port:
        with Client(port, "/endless") as client:
            client.read_until(b'{"text"')
            assert not source.left.wait(0.3)  # by now the server waits for the client
        assert source.left.wait(5)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_many_clients_that_hang_up_leave_nothing_behind(app, emulator, tracker, loop):
    emulator.always(SLOW)
    with served(app, loop=loop) as port:
        clients = [Client(port, "/async") for _ in range(20)]
        for client in clients:
            client.read_until(b'{"text"')
        for client in clients[::2]:
            client.hang_up()
        assert emulator.wait_for(lambda now: now.aborted_by_client == 10, timeout=10)
        for client in clients[1::2]:
            client.read_until(b'{"text"')  # the others go on
            client.hang_up()
        assert emulator.wait_for(lambda now: now.in_flight == 0, timeout=10)
    assert {each.status for each in kept_records(tracker)} == {"interrupted"}


def test_background_task_runs_when_the_client_has_left_too(app, emulator, left):
    emulator.always(SLOW)
    with served(app) as port:
        with Client(port, "/background") as client:
            client.read_until(b'{"text"')
        assert left.wait(5)


def test_server_that_stops_ends_the_providers_answer(app, emulator, tracker):
    emulator.always(SLOW)
    with served(app, timeout_graceful_shutdown=0) as port:
        client = Client(port, "/async")
        client.read_until(b'{"text"')
    client.hang_up()
    assert emulator.wait_for(lambda now: now.in_flight == 0, timeout=5)
    assert booked(tracker)[0] == "interrupted"


def test_refusal_of_the_provider_is_a_status(any_app, emulator, tracker):
    emulator.always(faults.rate_limited("90"))
    with served(any_app) as port, Client(port, "/async") as client:
        head = client.read_until(b'"detail"')
    assert head.startswith(b"HTTP/1.1 429 ")
    assert b"retry-after: 90\r\n" in head
    assert booked(tracker)[0] == "failed"


def test_answer_that_breaks_off_ends_with_an_error_event(any_app, emulator, tracker):
    emulator.always(Answer(text="one two three four", stop_at=0.6, stop="reset"))
    with served(any_app) as port, Client(port, "/async") as client:
        text = client.read_until(b'"detail"')
    assert b"event: error" in text
    assert b"The language model's answer could not be used." in text
    assert b"event: done" not in text
    assert booked(tracker)[0] == "interrupted"
