"""The example of docs/fastapi.md, served by uvicorn."""

from __future__ import annotations

import httpx
import pytest

from examples.web.fastapi_app import app
from llm_adapter import Budget, TokenTracker
from llm_adapter.testing.emulator import Emulator
from tests.integrations.web_server import events, served

ANN = {"X-User": "ann"}


@pytest.fixture
def client(monkeypatch, tmp_path):
    monkeypatch.setenv("LLM_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.setenv("GROQ_API_KEY", "any")
    with Emulator() as emulator:
        monkeypatch.setenv("GROQ_BASE_URL", emulator.base_url("groq"))
        with (
            served(app) as port,
            httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            yield client


def test_answer_comes_as_a_whole(client):
    response = client.post("/answer", json={"prompt": "Who?"})
    assert response.json()["text"]


@pytest.mark.parametrize("path", ["/answer", "/letter"])
@pytest.mark.parametrize("prompt", ["", " ", "\\ud83d"], ids=["empty", "blank", "half"])
def test_prompt_that_is_no_text_is_the_clients_mistake(client, path, prompt):
    headers = {**ANN, "Content-Type": "application/json"}
    body = f'{{"prompt": "{prompt}"}}'.encode()
    response = client.post(path, content=body, headers=headers)
    assert response.status_code == 422


def test_letter_comes_in_pieces_and_is_booked(client):
    response = client.post("/letter", json={"prompt": "A choir."}, headers=ANN)
    assert [name for name, _ in events(response.text)][-2:] == ["text", "done"]
    with TokenTracker() as tracker:
        usage = tracker.get_user_usage("ann")
    assert usage["workflows"]["cover_letter_generation"] > 0


def test_user_whose_budget_is_used_up_is_told(client):
    with TokenTracker(budgets=[Budget(tokens=40_000, per="day", user_id="*")]) as book:
        book.log_usage("ann", None, "groq", "any", tokens_used=40_000)
    response = client.post("/letter", json={"prompt": "A choir."}, headers=ANN)
    assert response.status_code == 402
    assert int(response.headers["Retry-After"]) > 0


def test_schema_says_that_it_is_an_event_stream(client):
    letter = client.get("/openapi.json").json()["paths"]["/letter"]["post"]
    assert list(letter["responses"]["200"]["content"]) == ["text/event-stream"]
    assert [each["name"] for each in letter["parameters"]] == ["x-user"]
