"""JobWise on FastAPI, with a mock for a provider."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from examples.jobwise import scenario
from examples.jobwise.web.fastapi_app import BUDGET, app
from llm_adapter import (
    AsyncMockLLMService,
    AsyncTrackingLLMService,
    LLMRateLimitError,
    TokenTracker,
)
from tests.integrations.web_server import events

RESUME = "- Built a bridge.\n- Slept."
JOB = "We build bridges."
STYLE = {"tone": "neutral", "sentences": "short", "habits": ["Begins with verbs."]}
ITEM = {"achievement": "Built a bridge.", "score": 90, "reason": "It fits."}
RANKING = {"items": [ITEM], "missing": ["Rust"]}
LETTER = {"resume": RESUME, "job": JOB, "style": STYLE, "ranking": RANKING}


@pytest.fixture
def jobwise(monkeypatch, tmp_path):
    """Starts the application, whose provider answers so."""
    monkeypatch.setenv("LLM_PROVIDER", "mock")
    monkeypatch.setenv("LLM_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    with TestClient(app, headers={"X-User-Id": "mira"}) as client:

        def jobwise(responses=scenario.RESPONSES):
            llm = AsyncMockLLMService(responses)
            app.state.llm_service = AsyncTrackingLLMService(llm, app.state.tracker)
            return client, llm

        yield jobwise


def test_style_is_extracted(jobwise):
    client, _ = jobwise()
    response = client.post("/style/extract", json={"resume": RESUME})
    assert response.json()["tone"] == "neutral"


def test_profile_is_enhanced(jobwise):
    client, _ = jobwise()
    body = {"resume": RESUME, "job": JOB, "style": STYLE}
    response = client.post("/profile/enhance", json=body)
    assert response.json() == {"summary": scenario.PROFILE}


def test_content_is_ranked(jobwise):
    client, _ = jobwise()
    response = client.post("/content/rank", json={"resume": RESUME, "job": JOB})
    ranking = response.json()
    assert [each["score"] for each in ranking["items"]] == [88, 55]
    assert ranking["missing"] == ["Rust", "railways"]


def test_letter_comes_as_a_whole(jobwise):
    client, llm = jobwise()
    response = client.post("/cover-letter", json=LETTER)
    assert response.json() == {"text": scenario.LETTER.strip()}
    llm.assert_called_with("Built a bridge.")


def test_letter_comes_as_it_is_written(jobwise):
    client, _ = jobwise()
    response = client.post("/cover-letter/stream", json=LETTER)
    *texts, (end, _) = events(response.text)
    assert "".join(data["text"] for _, data in texts) == scenario.LETTER
    assert end == "done"


def test_calls_bear_user_and_workflow(jobwise):
    client, llm = jobwise()
    client.post("/cover-letter/stream", json=LETTER)
    expected = {"user_id": "mira", "workflow": "cover_letter_generation"}
    assert [dict(call.metadata) for call in llm.calls] == [expected]


def test_usage_is_the_users_own(jobwise):
    client, _ = jobwise()
    client.post("/style/extract", json={"resume": RESUME})
    usage = client.get("/usage").json()
    assert list(usage["workflows"]) == ["writing_style_extraction"]
    other = client.get("/usage", headers={"X-User-Id": "someone-else"}).json()
    assert (other["total_tokens"], other["workflows"]) == (0, {})


def test_user_whose_budget_is_used_up_is_told(jobwise):
    client, llm = jobwise()
    with TokenTracker(budgets=[BUDGET]) as tracker:
        tracker.log_usage("mira", None, "mock", "any", tokens_used=BUDGET.tokens)
    response = client.post("/style/extract", json={"resume": RESUME})
    assert response.status_code == 402
    assert llm.calls == []


@pytest.mark.parametrize("header", ["", "two words", "x" * 65])
def test_nobody_is_let_in_without_a_name(jobwise, header):
    client, llm = jobwise()
    body = {"resume": RESUME}
    headers = {"X-User-Id": header}
    response = client.post("/style/extract", json=body, headers=headers)
    assert response.status_code == 401
    assert "X-User-Id" in response.json()["detail"]
    assert client.get("/usage", headers=headers).status_code == 401
    assert llm.calls == []


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("/style/extract", {"resume": ""}),
        ("/style/extract", {"resume": "x" * 20_001}),
        ("/content/rank", {"job": "x" * 10_001}),
        ("/content/rank", {"resume": "No achievement at all."}),
        ("/content/rank", {"resume": "- Slept.\n" * 51}),
        ("/content/rank", {"resume": f"- {'x' * 1001}"}),
        ("/profile/enhance", {"style": {**STYLE, "tone": "angry"}}),
        ("/profile/enhance", {"style": {**STYLE, "habits": ["x"] * 51}}),
        ("/cover-letter", {"ranking": {**RANKING, "items": [ITEM] * 51}}),
        ("/cover-letter", {"ranking": {**RANKING, "missing": ["x" * 1001]}}),
        ("/cover-letter/stream", {"ranking": None}),
    ],
)
def test_what_is_not_asked_for_so_costs_nothing(jobwise, path, changed):
    client, llm = jobwise()
    assert client.post(path, json={**LETTER, **changed}).status_code == 422
    assert llm.calls == []


def test_answer_that_stays_unusable_is_an_error_without_inner_detail(jobwise):
    client, llm = jobwise({"writing style": '{"tone": "secretive"}'})
    response = client.post("/style/extract", json={"resume": RESUME})
    assert response.status_code == 500
    assert "secretive" not in response.text
    assert len(llm.calls) == 2


def test_rate_limit_says_when_to_come_back(jobwise):
    client, _ = jobwise({"cover letter": LLMRateLimitError(retry_after=7)})
    for path in ("/cover-letter", "/cover-letter/stream"):
        response = client.post(path, json=LETTER)
        assert (response.status_code, response.headers["Retry-After"]) == (429, "7")
