"""One service for each application, and how endpoints come by it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from inspect import isawaitable
from typing import Any, TypeAlias, overload

from fastapi import Depends
from fastapi.requests import HTTPConnection
from starlette.applications import Starlette

from ... import AsyncLLMFactory, AsyncLLMService, _checks
from ..._async.labelled import AsyncLabelledLLMService
from ..._context import label

# A service is a context manager that gives itself.
Made: TypeAlias = AbstractAsyncContextManager[AsyncLLMService]
Make: TypeAlias = Callable[[], Made | Awaitable[Made]]
Lifespan: TypeAlias = Callable[[Starlette], AbstractAsyncContextManager[None]]

_NOT_THERE = (
    "This application has no LLM service: write FastAPI(lifespan=llm_lifespan), or "
    "`async with llm_lifespan(app):` in a lifespan of your own. In tests use `with "
    "TestClient(app)`, because httpx.ASGITransport runs no lifespan; in an application "
    "that is mounted in another, `mounted.state = app.state`."
)


@overload
def llm_lifespan(
    app: Starlette, *, make: Make | None = None
) -> AbstractAsyncContextManager[None]: ...


@overload
def llm_lifespan(app: None = None, *, make: Make | None = None) -> Lifespan: ...


def llm_lifespan(
    app: Starlette | None = None, *, make: Make | None = None
) -> Lifespan | AbstractAsyncContextManager[None]:
    """One service as long as an application lives, in `app.state.llm_service`.

    Give it as it is, `FastAPI(lifespan=llm_lifespan)`, or with a maker,
    `FastAPI(lifespan=llm_lifespan(make=make_llm))`; or enter it in a lifespan of your
    own: `async with llm_lifespan(app):`.

    Args:
        app: None gives a lifespan for an application to come.
        make: gives a service, awaited or not, or an async context manager that does;
            closed at the end. None means AsyncLLMFactory.create.

    Raises:
        LLMConfigurationError: as the application starts; the environment names no
            service that can be made.
        TypeError: likewise; `make` gave something else.
    """
    if app is None:
        return partial(_lifespan, make=make)
    return _lifespan(app, make)


@asynccontextmanager
async def _lifespan(app: Starlette, make: Make | None) -> AsyncIterator[None]:
    made: Any = AsyncLLMFactory.create() if make is None else make()
    if isawaitable(made):
        made = await made
    if not isinstance(made, AbstractAsyncContextManager):
        raise _not_made(made)
    async with made as service:
        if not isinstance(service, AsyncLLMService):
            raise _not_made(service)
        before = getattr(app.state, "llm_service", None)
        app.state.llm_service = service
        try:
            yield
        finally:
            app.state.llm_service = before


def _not_made(made: object) -> TypeError:
    port = AsyncLLMService.__name__
    allowed = f"{port}, or an async context manager that does"
    return _checks.type_error("make", f"a function that gives an {allowed}", made)


async def get_llm_service(connection: HTTPConnection) -> AsyncLLMService:
    """The application's service, for `Annotated[..., Depends(get_llm_service)]`.

    Where a middleware or an earlier dependency has set `request.state.user_id` or
    `request.state.workflow`, it is a view for them: see `llm_service`.

    Raises:
        RuntimeError: the application has none.
    """
    service = getattr(connection.app.state, "llm_service", None)
    if service is None:
        raise RuntimeError(_NOT_THERE)
    state = connection.state
    user_id, workflow = (
        getattr(state, "user_id", None),
        getattr(state, "workflow", None),
    )
    return _view(service, user_id, workflow)


async def _nobody() -> None:
    """Whose request it is where nobody says."""


def llm_service(
    workflow: str | None = None, *, user_id: Callable[..., Any] | None = None
) -> Callable[..., Awaitable[AsyncLLMService]]:
    """A dependency: the service of `get_llm_service`, for a workflow and a user.

    Its calls are made with the workflow's model and settings, and booked to both,
    wherever they are made: in a stream that goes on after the endpoint, or a thread.

    Args:
        workflow: its name; None leaves it to the request's state.
        user_id: a dependency of yours that says whose the request is; None as well.

    Raises:
        LLMConfigurationError: in a request; the workflow is not known.
        TypeError: likewise; the user is neither text, a whole number nor a UUID.
    """
    chosen, asked = Depends(get_llm_service), Depends(user_id or _nobody)

    async def service(llm: Any = chosen, whose: Any = asked) -> AsyncLLMService:
        return _view(llm, whose, workflow)

    return service


def _view(
    service: AsyncLLMService, user_id: object, workflow: str | None
) -> AsyncLLMService:
    user = label("user_id", user_id)
    if user is not None:
        service = AsyncLabelledLLMService(service, {"user_id": user})
    return service.for_workflow(workflow) if workflow else service
