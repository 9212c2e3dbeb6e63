"""Answers that clients read while they are written."""

from __future__ import annotations

import logging

import anyio
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient, Client

from llm_adapter import LLMRateLimitError
from llm_adapter.integrations.django import (
    _streaming,
    astream_response,
    flush_llm_ledger,
    get_async_llm_service,
    get_llm_service,
    stream_response,
)
from llm_adapter.integrations.django.models import LLMUsage
from llm_adapter.testing.emulator import Reply, faults
from tests.integrations.web_server import events

ENDLESS = Reply(text="one two", stop_at="before_finish", stop="stall")


@pytest.fixture(params=["sync", "async"])
def form(request):
    return request.param


@pytest.fixture
def read(form):
    """All that a view sends."""

    async def aread():
        response = await AsyncClient().get("/atell", {"q": "Hello"})
        if not response.streaming:
            return response, response.text
        sent = b"".join([part async for part in response])
        return response, sent.decode()

    def read():
        if form == "async":
            return anyio.run(aread)
        response = Client().get("/tell", {"q": "Hello"})
        sent = b"".join(response).decode()
        response.close()
        return response, sent

    return read


@pytest.fixture
def leave(form, emulator):
    """Reads one event and leaves: whether the provider notices while all is kept."""

    def is_left():
        return emulator.wait_for(lambda counts: counts.aborted_by_client == 1)

    async def aleave():
        response = await AsyncClient().get("/atell", {"q": "Hello"})
        content = aiter(response)
        assert b"event: text" in await anext(content)
        await anyio.to_thread.run_sync(response.close)
        left = await anyio.to_thread.run_sync(is_left)
        await content.aclose()
        return left

    def leave():
        if form == "async":
            return anyio.run(aleave)
        # Not by Django's client, which drops what it has closed.
        response = stream_response(get_llm_service().stream("Hello"))
        content = iter(response)
        assert b"event: text" in next(content)
        response.close()
        return is_left()

    return leave


@pytest.fixture
def statuses(configured):
    configured(LEDGER="django", LEDGER_IMMEDIATE=True)

    def statuses():
        flush_llm_ledger()
        return list(LLMUsage.objects.values_list("status", flat=True))

    return statuses


def test_an_answer_is_sent_as_events(configured, emulator, read):
    emulator.script(Reply(text="one two"))
    response, sent = read()
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-cache"
    *texts, (name, done) = events(sent)
    assert "".join(data["text"] for _, data in texts) == "one two"
    assert name == "done"
    assert done["finish_reason"] == "stop"


def test_an_answer_that_was_read_is_booked_as_succeeded(emulator, read, statuses):
    read()
    assert statuses() == ["succeeded"]


def test_a_client_who_leaves_ends_the_request(emulator, leave, statuses):
    emulator.script(ENDLESS)
    assert leave()
    assert statuses() == ["interrupted"]


@pytest.mark.parametrize("path", ["/ask", "/tell"])
@pytest.mark.parametrize("asked", [{}, {"q": " "}], ids=["missing", "blank"])
def test_an_empty_question_is_the_clients_mistake(configured, path, asked):
    assert Client().get(path, asked).status_code == 400


def test_what_fails_at_once_has_a_status(configured, emulator, read):
    emulator.script(faults.rate_limited("7"))
    response, _ = read()
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "7"


def test_what_fails_later_is_an_event(configured, emulator, read, caplog):
    configured(ERRORS={LLMRateLimitError: 503})
    emulator.script(Reply(text="one two three", stop_at="before_finish"))
    with caplog.at_level(logging.ERROR, "llm_adapter"):
        response, sent = read()
    assert response.status_code == 200
    *_, (name, data) = events(sent)
    assert name == "error"
    assert data["status"] == 500
    assert [each.name for each in caplog.records] == ["llm_adapter"]


def test_what_is_not_shown_is_one_comment(configured, emulator, read):
    emulator.script(Reply(reasoning="Hm. Well. " * 20, text="Yes"))
    _, sent = read()
    assert sent.startswith(": ping\n\n")
    assert sent.count(": ping") == 1
    assert [name for name, _ in events(sent)] == ["text", "done"]


def test_what_is_not_shown_for_long_is_more_comments(
    configured, emulator, read, monkeypatch
):
    monkeypatch.setattr(_streaming, "SILENCE", 0.0)
    emulator.script(Reply(reasoning="Hm. Well.", text="Yes", interval=0.01))
    _, sent = read()
    assert sent.count(": ping") > 1


def test_a_stream_that_was_closed_ends_with_an_error(configured, emulator, caplog):
    emulator.script(ENDLESS)
    with get_llm_service().stream("Hello") as stream:
        response = stream_response(stream)
    with caplog.at_level(logging.ERROR, "llm_adapter"):
        sent = b"".join(response).decode()
    assert [name for name, _ in events(sent)] == ["text", "error"]
    assert ["in no `with` block" in each.message for each in caplog.records] == [True]


async def aread_all(response):
    return b"".join([part async for part in response]).decode()


def test_an_async_stream_that_was_closed_likewise(configured, emulator, caplog):
    async def read():
        async with get_async_llm_service().stream("Hello") as stream:
            response = await astream_response(stream)
        return await aread_all(response)

    emulator.script(ENDLESS)
    with caplog.at_level(logging.ERROR, "llm_adapter"):
        sent = anyio.run(read)
    assert [name for name, _ in events(sent)] == ["text", "error"]
    assert ["in no `with` block" in each.message for each in caplog.records] == [True]


@pytest.mark.parametrize("ledger", ["django", None])
def test_an_async_stream_whose_loop_has_ended_ends_with_an_error(
    configured, emulator, caplog, ledger
):
    async def respond():
        return await astream_response(get_async_llm_service().stream("Hello"))

    configured(LEDGER=ledger, LEDGER_IMMEDIATE=True)
    emulator.script(ENDLESS)
    response = anyio.run(respond)
    with caplog.at_level(logging.ERROR, "llm_adapter"):
        sent = anyio.run(aread_all, response)
    assert [name for name, _ in events(sent)] == ["text", "error"]
    names = [each.name for each in caplog.records]
    assert names.count("llm_adapter") == 1


def test_an_async_stream_under_wsgi_says_what_it_needs(configured):
    response = Client().get("/atell", {"q": "Hello"})
    with pytest.raises(ImproperlyConfigured, match="need ASGI"):
        iter(response)


def test_reasoning_is_shown_where_it_is_wanted(configured, emulator):
    emulator.script(Reply(reasoning="Hm.", text="Yes"))
    stream = get_llm_service().stream("Hello")
    response = stream_response(stream, show=["text", "reasoning"])
    sent = b"".join(response).decode()
    response.close()
    assert [name for name, _ in events(sent)] == ["reasoning", "text", "done"]


def test_a_view_that_gives_a_read_stream_is_told(configured):
    with get_llm_service().stream("Hello") as stream:
        list(stream)
    with pytest.raises(ValueError, match="nobody has read"):
        stream_response(stream)


def test_an_async_view_likewise(configured):
    async def respond():
        async with get_async_llm_service().stream("Hello") as stream:
            pass
        with pytest.raises(ValueError, match="nobody has read"):
            await astream_response(stream)

    anyio.run(respond)


def test_a_stream_of_the_other_form_is_told(configured):
    with pytest.raises(TypeError, match="ResponseStream"):
        stream_response(get_async_llm_service().stream("Hello"))


def test_an_unknown_type_of_events_is_told(configured):
    with pytest.raises(ValueError, match="show has 'image'"):
        stream_response(get_llm_service().stream("Hello"), show=["image"])
