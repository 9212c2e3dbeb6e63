"""Whose the calls of a request are, and what a client is told of errors."""

from __future__ import annotations

import logging

import anyio
import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.http import HttpRequest
from django.test import AsyncClient, Client, override_settings
from django.test.utils import CaptureQueriesContext

from llm_adapter import LLMRateLimitError
from llm_adapter.integrations.django import LLMErrorMiddleware, flush_llm_ledger
from llm_adapter.integrations.django.models import LLMUsage


@pytest.fixture
def booked(configured):
    """Whose calls were booked."""
    configured(LEDGER="django", LEDGER_IMMEDIATE=True)

    def booked():
        flush_llm_ledger()
        return list(LLMUsage.objects.order_by("at").values_list("user_id", "workflow"))

    return booked


@pytest.fixture
def ann():
    return User.objects.create_user("ann")


def client_of(user, kind=Client):
    client = kind()
    client.force_login(user)
    return client


def aget(client, path, **options):
    async def get():
        return await client.get(path, **options)

    return anyio.run(get)


# -- whose calls these are ------------------------------------------------------------


def test_calls_are_booked_to_the_user_who_is_logged_in(booked, ann):
    assert client_of(ann).get("/ask", {"q": "Hello"}).status_code == 200
    assert booked() == [(str(ann.pk), "questions")]


def test_async_calls_likewise(booked, ann):
    response = aget(client_of(ann, AsyncClient), "/aask?q=Hello")
    assert response.status_code == 200
    assert booked() == [(str(ann.pk), "questions")]


def test_calls_of_a_sync_view_under_asgi_likewise(booked, ann):
    assert aget(client_of(ann, AsyncClient), "/ask?q=Hello").status_code == 200
    assert booked() == [(str(ann.pk), "questions")]


def test_a_stream_is_booked_to_the_user_although_it_ends_after_the_view(booked, ann):
    response = client_of(ann).get("/tell", {"q": "Hello"})
    b"".join(response)
    response.close()
    assert booked() == [(str(ann.pk), "stories")]


def test_calls_of_nobody_are_booked_to_nobody(booked):
    Client().get("/ask", {"q": "Hello"})
    aget(AsyncClient(), "/aask?q=Hello")
    assert booked() == [(None, "questions")] * 2


def test_a_context_within_the_view_adds_to_it(booked, ann):
    client_of(ann).get("/labelled")
    assert booked() == [(str(ann.pk), "labelled")]


@pytest.mark.parametrize("path", ["/by_token", "/aby_token"])
def test_a_user_whom_the_view_finds_is_the_one(booked, ann, path):
    if path == "/by_token":
        Client().get(path, headers={"Token": "ann"})
    else:
        aget(AsyncClient(), path, headers={"Token": "ann"})
    assert booked() == [(str(ann.pk), None)]


def test_the_user_of_the_view_counts_more_than_that_of_the_session(booked, ann):
    bob = User.objects.create_user("bob")
    aget(client_of(bob, AsyncClient), "/aby_token", headers={"Token": "ann"})
    assert booked() == [(str(ann.pk), None)]


def test_requests_without_a_call_look_nobody_up(configured, ann):
    client = client_of(ann)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = client.get("/untouched")
    assert not queries.captured_queries
    assert "Vary" not in response.headers


def test_async_requests_without_a_session_look_nobody_up(configured):
    response = aget(AsyncClient(), "/auntouched")
    assert "Vary" not in response.headers


def test_middleware_does_without_users(booked):
    middleware = ["llm_adapter.integrations.django.UsageContextMiddleware"]
    with override_settings(MIDDLEWARE=middleware):
        Client().get("/ask", {"q": "Hello"})
        aget(AsyncClient(), "/aask?q=Hello")
    assert booked() == [(None, "questions")] * 2


def test_a_user_who_was_never_saved_is_nobody(booked):
    from llm_adapter.integrations.django.middleware import _User

    request = HttpRequest()
    request.user = User(username="ann")
    assert _User(request).id is None
    request.user = AnonymousUser()
    assert _User(request).id is None


# -- errors ---------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["application/json", "*/*", "image/png"])
def test_programs_are_told_in_json(configured, accept):
    response = Client().get("/fail", headers={"Accept": accept})
    assert response.status_code == 429
    assert response.json() == {
        "detail": "The language model's rate limit is exceeded. Try again in 2 s."
    }
    assert response.headers["Retry-After"] == "2"
    assert response.headers["Vary"] == "Accept"


@pytest.mark.parametrize(
    "accept", ["text/html,application/xml;q=0.9,*/*;q=0.8", "text/plain"]
)
def test_browsers_are_told_in_plain_text(configured, accept):
    response = Client().get("/fail", headers={"Accept": accept})
    assert response.status_code == 429
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.text.endswith("Try again in 2 s.")


def test_errors_of_async_views_are_told_too(configured):
    response = aget(AsyncClient(), "/afail")
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "2"


def test_errors_are_logged_once_with_what_happened(configured, caplog):
    with caplog.at_level(logging.WARNING, "django.request"):
        Client().get("/fail")
    [record] = [each for each in caplog.records if each.name == "django.request"]
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith("LLMRateLimitError at /fail: a secret of /fa")
    assert isinstance(record.exc_info[1], LLMRateLimitError)


def test_an_application_has_its_own_statuses(configured):
    configured(ERRORS={LLMRateLimitError: 503})
    assert Client().get("/fail").status_code == 503


def test_other_errors_are_left_to_django(configured):
    with pytest.raises(ValueError, match="no error of ours"):
        Client().get("/break")


def test_middleware_tells_of_a_wrong_setting_when_the_server_starts(configured):
    configured(TIMEOUT=0)
    with pytest.raises(ImproperlyConfigured, match="TIMEOUT"):
        LLMErrorMiddleware(lambda request: None)
