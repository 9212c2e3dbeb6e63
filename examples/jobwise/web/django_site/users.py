"""Whose a request is, by the header X-User-Id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from attrs import frozen
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from ..bodies import NOBODY, user_of


@frozen
class HeaderUser:
    """What UsageContextMiddleware wants to know of a user."""

    pk: str
    is_authenticated: bool = True


class HeaderUserMiddleware:
    """Stands where AuthenticationMiddleware would; lets nobody in without a name."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The response of what is within."""
        user_id = user_of(request.headers.get("X-User-Id"))
        if user_id is None:
            return JsonResponse({"detail": NOBODY}, status=401)
        request.user = cast(Any, HeaderUser(user_id))
        return self._get_response(request)
