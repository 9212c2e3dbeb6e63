"""Errors as a web client may see them, and as the log does."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse
from fastapi.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from starlette.applications import Starlette

from ...errors import LLMServiceError
from .._http import REPLIES, Reply, reply_to, with_overrides

logger = logging.getLogger("llm_adapter")

INTERNAL_ERROR, TRY_AGAIN_LATER = 1011, 1013
"""Why a WebSocket is closed (RFC 6455 and IANA)."""

_LONGEST_REASON = 123  # bytes

_Replies: TypeAlias = Mapping[type[LLMServiceError], Reply]
_replies: WeakKeyDictionary[Starlette, _Replies] = WeakKeyDictionary()
"""What each application has installed; a state may be shared by many."""


def install_exception_handlers(
    app: Starlette,
    overrides: Mapping[type[LLMServiceError], int | Reply] | None = None,
) -> None:
    """Answer our errors with a status and `{"detail": ...}`, and log what happened.

    Rate limits are 429, timeouts 504, content policy 400, overload 503, budgets 402,
    all else 500; Retry-After says when to come back, where that is known. A handler
    of yours for one of the classes counts more.

    Args:
        app: of FastAPI.
        overrides: a status, or a whole Reply, by class of error; its subclasses that
            have no entry of their own follow it.

    Raises:
        TypeError: an entry is for no class of our errors, or no reply.
        ValueError: a status is no one of an error.
    """
    replies = with_overrides(overrides)

    # Starlette has other types for handlers of requests and of WebSockets.
    async def answer(connection: Any, error: Any) -> Any:
        reply = told(connection, error, replies)
        if isinstance(connection, WebSocket):
            await _close(connection, reply)
            return None
        content = {"detail": reply.detail}
        return JSONResponse(content, reply.status, dict(reply.headers))

    _replies[app] = replies  # for streams that have begun
    # A mounted application that installs nothing may share the state of one that does.
    if not hasattr(app.state, "llm_errors_of"):
        app.state.llm_errors_of = app
    app.add_exception_handler(LLMServiceError, answer)


def _replies_of(app: Starlette) -> _Replies:
    if app in _replies:
        return _replies[app]
    return _replies.get(getattr(app.state, "llm_errors_of", app), REPLIES)


async def _close(websocket: WebSocket, reply: Reply) -> None:
    if websocket.application_state is WebSocketState.DISCONNECTED:
        return
    later = "Retry-After" in reply.headers
    code = TRY_AGAIN_LATER if later else INTERNAL_ERROR
    reason = reply.detail.encode()[:_LONGEST_REASON].decode(errors="ignore")
    with suppress(OSError, WebSocketDisconnect):  # nobody is there any longer
        await websocket.close(code, reason)


def told(
    connection: HTTPConnection,
    error: LLMServiceError,
    replies: Mapping[type[LLMServiceError], Reply] | None = None,
) -> Reply:
    """What the client is told; the log is told all.

    Args:
        connection: of the client.
        error: what happened.
        replies: None means those of the application.
    """
    if replies is None:
        replies = _replies_of(connection.app)
    reply = reply_to(error, replies)
    logger.log(
        logging.ERROR if reply.status >= 500 else logging.WARNING,
        "%s %.200r is answered with %d: %s: %.1000r",
        connection.scope.get("method", "WEBSOCKET"),
        connection.scope["path"],
        reply.status,
        type(error).__name__,
        str(error),
    )
    return reply
