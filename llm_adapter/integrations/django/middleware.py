"""Middleware: whose calls these are, and what a client is told of an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject, empty
from django.utils.log import log_response

from ..._context import UsageContext, _context
from ...errors import LLMServiceError
from .._http import reply_to
from ._config import load, replies

_JSON = "application/json"
_PLAIN = ("text/html", "text/plain")


class _Middleware:
    """What both have in common: they serve sync and async requests alike."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(cast(Any, self))


class UsageContextMiddleware(_Middleware):
    """Books the calls of a request to its user.

    Place it below AuthenticationMiddleware. Under WSGI the user is looked up when a
    call is made, and not before; under ASGI, where a request has a session cookie.
    """

    def __call__(self, request: HttpRequest) -> Any:
        """The response of what is within."""
        if self._is_async:
            return self._answer(request)
        with _used_by(_User(request)):
            return self.get_response(request)

    async def _answer(self, request: HttpRequest) -> Any:
        user = _User(request)
        await user.look()
        with _used_by(user):
            return await self.get_response(request)


class LLMErrorMiddleware(_Middleware):
    """Answers an LLMServiceError of a view, and logs it once, as `django.request`.

    JSON is for those who ask for it, or for nothing in particular; browsers get plain
    text. Of what happened inside clients are told nothing.
    """

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        load()  # says what is wrong when the server starts, not when calls fail
        self._replies = replies()

    def __call__(self, request: HttpRequest) -> Any:
        """The response of what is within."""
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponse | None:
        """What a client is told; None of what is no error of ours."""
        if not isinstance(exception, LLMServiceError):
            return None
        reply = reply_to(exception, self._replies)
        response: HttpResponse
        if request.get_preferred_type([_JSON, *_PLAIN]) in _PLAIN:
            plain = reply.detail.encode()
            response = HttpResponse(plain, content_type="text/plain; charset=utf-8")
        else:
            response = JsonResponse({"detail": reply.detail})
        response.status_code = reply.status
        for name, value in reply.headers.items():
            response.headers[name] = value
        patch_vary_headers(response, ["Accept"])
        log_response(
            "%s at %s: %s",
            type(exception).__name__,
            request.path,
            str(exception),
            response=response,
            request=request,
            exception=exception,
        )
        return response


# -- whose a request is ---------------------------------------------------------------


class _User:
    """The user of a request, as late as possible.

    Args:
        request: that may be logged in by whatever comes later, such as a view that
            reads tokens.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._seen: Any = None
        self._has_looked = False

    async def look(self) -> None:
        """Look it up now: where a loop runs, nobody can wait for it later."""
        self._has_looked = True
        if self._is_open and settings.SESSION_COOKIE_NAME in self._request.COOKIES:
            self._seen = await cast(Any, self._request).auser()

    @property
    def id(self) -> str | None:
        """None where nobody is logged in."""
        if self._has_looked and self._is_open:
            user = self._seen
        else:
            user = getattr(self._request, "user", None)
        if user is None or not user.is_authenticated or user.pk is None:
            return None
        return str(user.pk)

    @property
    def _is_open(self) -> bool:
        """Whether to ask for the user would take a look into the session."""
        user = vars(self._request).get("user")
        return isinstance(user, SimpleLazyObject) and user._wrapped is empty


class _RequestUsage:
    """A UsageContext whose user is looked up when somebody wants to know."""

    def __init__(self, user: _User, around: UsageContext) -> None:
        self._user = user
        self._around = around

    @property
    def user_id(self) -> str | None:
        """Whose the calls are."""
        return self._user.id or self._around.user_id

    @property
    def workflow(self) -> str | None:
        """What they are for."""
        return self._around.workflow


@contextmanager
def _used_by(user: _User) -> Iterator[None]:
    around = _context.get() or UsageContext()
    token = _context.set(cast(UsageContext, _RequestUsage(user, around)))
    try:
        yield
    finally:
        _context.reset(token)
