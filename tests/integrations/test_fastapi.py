"""The front door for FastAPI: one service per application, and errors as HTTP."""

from __future__ import annotations

import logging
import subprocess
import sys
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated

import httpx
import pytest
from anyio.from_thread import run
from fastapi import APIRouter, Depends, FastAPI, Header, Request, WebSocket
from fastapi.responses import PlainTextResponse
from fastapi.security import HTTPBearer
from fastapi.testclient import TestClient
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.websockets import WebSocketDisconnect

from llm_adapter import (
    AsyncGroqAdapter,
    AsyncLLMService,
    AsyncMockLLMService,
    AsyncTokenTracker,
    AsyncTrackingLLMService,
    LLMAuthenticationError,
    LLMBudgetExceededError,
    LLMConfigurationError,
    LLMConnectionError,
    LLMContentPolicyError,
    LLMInvalidResponseError,
    LLMOverloadedError,
    LLMRateLimitError,
    LLMServiceError,
    LLMTimeoutError,
    MockLLMService,
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
from tests.ledgers import kept_records

LLM = Annotated[AsyncLLMService, Depends(get_llm_service)]


class Closing(AsyncMockLLMService):
    """A mock that says when it is closed."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.closed = 0

    async def close(self):
        self.closed += 1


@pytest.fixture
def llm():
    return Closing()


@pytest.fixture
def app(llm):
    """An application whose service is a mock; `/` asks it."""
    app = FastAPI(lifespan=llm_lifespan(make=lambda: llm))

    @app.get("/")
    async def ask(llm: LLM):
        return (await llm.generate("Hi")).text

    return app


def seen(llm):
    return [dict(call.metadata) for call in llm.calls]


# -- one service per application ------------------------------------------------------


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_environment_alone_is_enough(monkeypatch, backend):
    with Emulator() as emulator:
        monkeypatch.setenv("GROQ_API_KEY", "any")
        monkeypatch.setenv("GROQ_BASE_URL", emulator.base_url("groq"))
        app = FastAPI(lifespan=llm_lifespan)

        @app.get("/")
        async def ask(llm: LLM):
            return (await llm.generate("Hi")).provider

        with TestClient(app, backend=backend) as client:
            assert [client.get("/").json() for _ in range(3)] == ["groq"] * 3
        assert emulator.counts.connections_opened == 1
        assert emulator.wait_for(lambda now: now.connections_open == 0)


def test_start_without_a_key_fails_and_says_which():
    with (
        pytest.raises(LLMConfigurationError, match="GROQ_API_KEY"),
        TestClient(FastAPI(lifespan=llm_lifespan)),
    ):
        pass


def test_service_is_closed_once_as_the_application_ends(app, llm):
    with TestClient(app) as client:
        assert client.get("/").text
        assert llm.closed == 0
    assert llm.closed == 1


def test_application_may_start_again(app):
    for _ in range(2):
        with TestClient(app) as client:
            assert client.get("/").status_code == 200


async def make_awaited():
    return AsyncMockLLMService()


@asynccontextmanager
async def make_entered():
    async with AsyncMockLLMService() as llm:
        yield llm


@pytest.mark.parametrize("make", [AsyncMockLLMService, make_awaited, make_entered])
def test_service_may_be_made_in_any_way(make):
    app = FastAPI(lifespan=llm_lifespan(make=make))
    with TestClient(app):
        assert isinstance(app.state.llm_service, AsyncMockLLMService)


@asynccontextmanager
async def make_nothing():
    yield None


@pytest.mark.parametrize("make", [MockLLMService, dict, make_nothing])
def test_maker_of_something_else_is_refused(make):
    app = FastAPI(lifespan=llm_lifespan(make=make))
    with (
        pytest.raises(
            TypeError, match="make must be a function that gives an AsyncLLM"
        ),
        TestClient(app),
    ):
        pass


def test_lifespan_may_be_part_of_another(llm):
    steps = []

    @asynccontextmanager
    async def lifespan(app):
        async with llm_lifespan(app, make=lambda: llm):
            steps.append(app.state.llm_service is llm)
            yield {"of_mine": 7}
            steps.append(llm.closed)
        steps.append(llm.closed)

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def ask(request: Request, llm: LLM):
        return request.state.of_mine

    with TestClient(app) as client:
        assert client.get("/").json() == 7
    assert steps == [True, 0, 1]


def test_two_applications_have_two_services():
    apps = [FastAPI(lifespan=llm_lifespan(make=AsyncMockLLMService)) for _ in range(2)]
    with TestClient(apps[0]), TestClient(apps[1]):
        assert apps[0].state.llm_service is not apps[1].state.llm_service


def test_router_may_bring_the_lifespan_too(llm):
    router = APIRouter(lifespan=llm_lifespan(make=lambda: llm))
    outer = AsyncMockLLMService()
    app = FastAPI(lifespan=llm_lifespan(make=lambda: outer))
    app.include_router(router)
    with TestClient(app):
        pass
    assert app.state.llm_service is None
    assert llm.closed == 1


def test_mounted_application_shares_the_state(app, llm):
    mounted = FastAPI()
    mounted.state = app.state

    @mounted.get("/ask")
    async def ask(llm: LLM):
        return (await llm.generate("Mounted")).text

    app.mount("/mounted", mounted)
    with TestClient(app) as client:
        assert client.get("/mounted/ask").status_code == 200
    assert llm.calls[0].prompt == "Mounted"


def test_application_without_a_lifespan_says_what_to_write():
    app = FastAPI()

    @app.get("/")
    async def ask(llm: LLM): ...

    expected = r"write FastAPI\(lifespan=llm_lifespan\)"
    with pytest.raises(RuntimeError, match=expected):
        TestClient(app).get("/")


@pytest.mark.anyio
async def test_client_that_runs_no_lifespan_is_named(app):
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        with pytest.raises(RuntimeError, match="ASGITransport runs no lifespan"):
            await client.get("/")


def test_dependency_can_be_overridden(app, llm):
    other = AsyncMockLLMService()
    app.dependency_overrides[get_llm_service] = lambda: other

    @app.get("/ranking")
    async def rank(
        llm: Annotated[AsyncLLMService, Depends(llm_service("content_ranking"))],
    ):
        await llm.generate("Hi")

    with TestClient(app) as client:
        client.get("/")
        client.get("/ranking")
    assert llm.calls == []
    assert seen(other) == [{}, {"workflow": "content_ranking"}]


# -- whose a call is ------------------------------------------------------------------


def current_user(x_user: Annotated[str | None, Header()] = None):
    return x_user


async def current_user_soon(x_user: Annotated[str | None, Header()] = None):
    return x_user


ASKERS = {"sync": current_user, "async": current_user_soon}
ANN = {"X-User": "ann"}
BOTH = {"user_id": "ann", "workflow": "content_ranking"}


@pytest.mark.parametrize("asker", ASKERS.values(), ids=ASKERS)
def test_user_and_workflow_reach_the_calls_of_every_kind_of_endpoint(app, llm, asker):
    ranking = Depends(llm_service("content_ranking", user_id=asker))

    @app.get("/async")
    async def ask(llm: AsyncLLMService = ranking):
        await llm.generate("Hi")

    @app.get("/sync")
    def ask_in_a_thread(llm: AsyncLLMService = ranking):
        return run(partial(llm.generate, "Hi", temperature=0)).text

    @app.get("/stream")
    async def stream(llm: AsyncLLMService = ranking):
        return stream_response(llm.stream("Hi"))

    @app.get("/sync-stream")
    def stream_from_a_thread(llm: AsyncLLMService = ranking):
        return stream_response(llm.stream("Hi"))

    with TestClient(app) as client:
        for path in ("/async", "/sync", "/stream", "/sync-stream"):
            assert client.get(path, headers=ANN).status_code == 200
    assert seen(llm) == [BOTH] * 4


def test_request_of_nobody_bears_no_user(app, llm):
    @app.get("/mine")
    async def ask(
        llm: Annotated[AsyncLLMService, Depends(llm_service(user_id=current_user))],
    ):
        await llm.generate("Hi")

    with TestClient(app) as client:
        client.get("/mine")
        client.get("/mine", headers={"X-User": ""})
        client.get("/mine", headers=ANN)
    assert seen(llm) == [{}, {}, {"user_id": "ann"}]


async def note(request, call_next):
    request.state.user_id = request.headers.get("X-User")
    return await call_next(request)


def test_middleware_may_say_who_it_is(app, llm):
    app.add_middleware(BaseHTTPMiddleware, dispatch=note)

    @app.get("/ranking")
    async def rank(
        llm: Annotated[AsyncLLMService, Depends(llm_service("content_ranking"))],
    ):
        await llm.generate("Hi")

    with TestClient(app) as client:
        client.get("/", headers=ANN)
        client.get("/ranking", headers=ANN)
    assert seen(llm) == [{"user_id": "ann"}, BOTH]


def test_router_may_say_which_workflow_it_is(app, llm):
    async def ranking(request: Request):
        request.state.workflow = "content_ranking"

    router = APIRouter(dependencies=[Depends(ranking)])

    @router.get("/ranking")
    async def rank(llm: LLM):
        await llm.generate("Hi")

    @router.get("/profile")
    async def enhance(
        llm: Annotated[
            AsyncLLMService,
            Depends(llm_service("profile_enhancement", user_id=current_user)),
        ],
    ):
        await llm.generate("Hi")

    app.include_router(router)
    with TestClient(app) as client:
        client.get("/ranking")
        client.get("/profile", headers=ANN)
    assert seen(llm) == [
        {"workflow": "content_ranking"},
        {"workflow": "profile_enhancement", "user_id": "ann"},
    ]


def test_workflow_that_nobody_knows_is_an_error_of_ours(app):
    install_exception_handlers(app)

    @app.get("/nothing")
    async def ask(llm: Annotated[AsyncLLMService, Depends(llm_service("nothing"))]): ...

    with TestClient(app) as client:
        assert client.get("/nothing").status_code == 500


def test_user_of_another_type_is_refused(app):
    mine = Depends(llm_service(user_id=object))

    @app.get("/mine")
    async def ask(llm: AsyncLLMService = mine): ...

    with TestClient(app) as client, pytest.raises(TypeError, match="user_id must be"):
        client.get("/mine")


def test_schema_shows_nothing_of_the_service(app):
    @app.get("/ranking")
    async def rank(
        llm: Annotated[AsyncLLMService, Depends(llm_service("content_ranking"))],
    ): ...

    paths = app.openapi()["paths"]
    for path in ("/", "/ranking"):
        assert not {"parameters", "requestBody", "security"} & set(paths[path]["get"])


def test_schema_shows_what_the_user_is_known_by(app):
    mine = Depends(llm_service(user_id=HTTPBearer()))

    @app.get("/mine")
    async def ask(llm: AsyncLLMService = mine): ...

    assert "security" in app.openapi()["paths"]["/mine"]["get"]


def test_ledger_has_user_and_workflow(tmp_path):
    tracker = AsyncTokenTracker(f"sqlite:///{tmp_path}/ledger.db")

    @asynccontextmanager
    async def make():
        async with tracker, AsyncMockLLMService() as mock:
            yield AsyncTrackingLLMService(mock, tracker)

    app = FastAPI(lifespan=llm_lifespan(make=make))
    ranking = Depends(llm_service("content_ranking", user_id=current_user))

    @app.get("/async")
    async def ask(llm: AsyncLLMService = ranking):
        await llm.generate("Hi")
        await llm.embed("Hi")

    @app.get("/sync")
    def ask_in_a_thread(llm: AsyncLLMService = ranking):
        run(llm.generate, "Hi")

    with TestClient(app) as client:
        client.get("/async", headers=ANN)
        client.get("/sync", headers=ANN)
    records = kept_records(tracker)
    assert {each.user_id for each in records} == {"ann"}
    assert [each.workflow for each in records if each.operation == "generate"] == [
        "content_ranking"
    ] * 2


# -- errors ---------------------------------------------------------------------------


def failing(error, overrides=None):
    """An application of which everything fails."""
    app = FastAPI(
        lifespan=llm_lifespan(make=lambda: AsyncMockLLMService({"Hi": error}))
    )
    install_exception_handlers(app, overrides)

    @app.get("/")
    async def ask(llm: LLM):
        return (await llm.generate("Hi")).text

    async def profile(llm: LLM):
        return (await llm.generate("Hi")).text

    # Annotations are read where the function stands, and that is not here.
    asked = Depends(profile)

    @app.get("/dependency")
    async def show(text: str = asked): ...

    @app.get("/stream")
    async def stream(llm: LLM):
        return stream_response(llm.stream("Hi"))

    @app.websocket("/talk")
    async def talk(socket: WebSocket, llm: LLM):
        await socket.accept()
        if await socket.receive_text() == "bye":
            await socket.close()
        await llm.generate("Hi")

    return app


SECRET = "sk-inside"
STATUSES = {
    LLMRateLimitError: 429,
    LLMTimeoutError: 504,
    LLMContentPolicyError: 400,
    LLMInvalidResponseError: 500,
    LLMOverloadedError: 503,
    LLMBudgetExceededError: 402,
    LLMAuthenticationError: 500,
    LLMServiceError: 500,
}
PATHS = ["/", "/dependency", "/stream"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("kind", "status"), STATUSES.items())
def test_every_error_has_its_status_and_tells_nothing(kind, status, path):
    with TestClient(failing(kind(SECRET, body=SECRET))) as client:
        response = client.get(path)
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"
    assert list(response.json()) == ["detail"]
    assert SECRET not in response.text


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", [LLMRateLimitError, LLMOverloadedError])
def test_client_is_told_when_to_come_back(kind, path):
    with TestClient(failing(kind(retry_after=2.5))) as client:
        response = client.get(path)
    assert response.headers["Retry-After"] == "3"
    assert "Try again in 3 s." in response.json()["detail"]


@pytest.mark.parametrize("path", PATHS)
def test_application_overrides_any_entry(path):
    overrides = {
        LLMServiceError: 502,
        LLMTimeoutError: Reply(503, "Come later.", {"X-Reason": "slow"}),
    }
    with TestClient(failing(LLMTimeoutError(), overrides)) as client:
        response = client.get(path)
    assert (response.status_code, response.json()) == (503, {"detail": "Come later."})
    assert response.headers["X-Reason"] == "slow"
    with TestClient(failing(LLMConnectionError(), overrides)) as client:
        assert client.get(path).status_code == 502


def test_wrong_override_is_refused_at_once():
    with pytest.raises(TypeError, match="is no class of LLMServiceError"):
        install_exception_handlers(FastAPI(), {ValueError: 400})


def test_handler_of_the_application_counts_more():
    app = failing(LLMRateLimitError())

    @app.exception_handler(LLMRateLimitError)
    async def mine(request, error):
        return PlainTextResponse("mine", 418)

    with TestClient(app) as client:
        assert client.get("/").status_code == 418


def test_wrong_use_is_left_to_the_application():
    app = failing(ValueError("of yours"))
    with TestClient(app, raise_server_exceptions=False) as client:
        response = client.get("/")
    assert (response.status_code, response.text) == (500, "Internal Server Error")


@pytest.mark.parametrize("path", PATHS)
def test_log_has_the_error_once(caplog, path):
    error = LLMAuthenticationError("The key is\nold.", provider="groq")
    with TestClient(failing(error)) as client:
        client.get(f"{path}?token={SECRET}")
    (record,) = [each for each in caplog.records if each.name == "llm_adapter"]
    text = record.getMessage()
    assert record.levelno == logging.ERROR
    assert f"GET '{path}' is answered with 500: LLMAuthenticationError: " in text
    assert "The key is\\nold." in text
    assert SECRET not in text


def test_log_only_warns_of_what_is_the_clients(caplog):
    with TestClient(failing(LLMRateLimitError())) as client:
        client.get("/")
    (record,) = [each for each in caplog.records if each.name == "llm_adapter"]
    assert record.levelno == logging.WARNING


def test_key_of_a_real_adapter_is_neither_told_nor_logged(caplog):
    with Emulator() as emulator:
        emulator.always(faults.invalid_api_key())
        url = emulator.base_url("groq")
        app = FastAPI(
            lifespan=llm_lifespan(make=lambda: AsyncGroqAdapter(SECRET, base_url=url))
        )
        install_exception_handlers(app)

        @app.get("/")
        async def ask(llm: LLM):
            await llm.generate("Hi")

        with TestClient(app) as client:
            response = client.get("/")
    assert response.status_code == 500
    assert "LLMAuthenticationError" in caplog.text
    assert SECRET not in response.text + caplog.text


@pytest.mark.parametrize(
    ("error", "code"),
    [(LLMServiceError("inside"), 1011), (LLMRateLimitError(retry_after=2), 1013)],
)
def test_websocket_is_closed_with_a_reason(error, code):
    with (
        TestClient(failing(error)) as client,
        pytest.raises(WebSocketDisconnect) as closed,
        client.websocket_connect("/talk") as socket,
    ):
        socket.send_text("Hi")
        socket.receive_text()
    assert closed.value.code == code
    assert closed.value.reason.startswith("The language model")


def test_websocket_that_the_application_has_closed_is_left_alone():
    with (
        TestClient(failing(LLMServiceError())) as client,
        pytest.raises(WebSocketDisconnect) as closed,
        client.websocket_connect("/talk") as socket,
    ):
        socket.send_text("bye")
        socket.receive_text()
    assert closed.value.code == 1000


def test_websocket_has_no_longer_reason_than_may_be():
    app = failing(LLMServiceError(), {LLMServiceError: Reply(500, "ü" * 100)})
    with (
        TestClient(app) as client,
        pytest.raises(WebSocketDisconnect) as closed,
        client.websocket_connect("/talk") as socket,
    ):
        socket.send_text("Hi")
        socket.receive_text()
    assert closed.value.reason == "ü" * 61


@pytest.mark.anyio
@pytest.mark.parametrize("accepted", [True, False])
async def test_websocket_whose_client_has_left_is_no_further_error(accepted):
    app = failing(LLMServiceError())
    answer = app.exception_handlers[LLMServiceError]

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        if message["type"] == "websocket.close":
            raise OSError("gone")

    scope = {"type": "websocket", "path": "/talk", "headers": [], "app": app}
    socket = WebSocket(scope, receive, send)
    await socket.receive()
    if accepted:
        await socket.accept()
    assert await answer(socket, LLMServiceError()) is None


# -- what importing costs -------------------------------------------------------------


def test_package_imports_no_web_framework(tmp_path):
    code = (
        "import sys, llm_adapter, llm_adapter.integrations, llm_adapter.cli\n"
        "assert not {'fastapi', 'starlette'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
