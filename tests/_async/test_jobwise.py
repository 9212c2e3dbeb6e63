"""The example program JobWise: its workflows against a mock, and on bad days."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from examples.jobwise import (
    AsyncJobWise,
    AsyncWatchedLLMService,
    async_tour,
    scenario,
)
from examples.jobwise.catalogue import (
    ANTHROPIC,
    GROQ,
    LINEUPS,
    LOCAL,
    OPENAI,
    WORKFLOWS,
    document,
)
from examples.jobwise.checks import Ranked, Ranking, WritingStyle
from examples.jobwise.stage import Stage
from llm_adapter import (
    AsyncLLMFactory,
    AsyncMockLLMService,
    LLMAuthenticationError,
    LLMInvalidResponseError,
    LLMResponse,
    LLMServerError,
)
from llm_adapter.testing.emulator import Reply

STYLE = WritingStyle("neutral", "short", ("Begins with verbs.",))
RANKING = Ranking(
    tuple(Ranked(f"Achievement {number}.", 90, "") for number in range(1, 6)), ()
)
RESUME = "- Built a bridge.\n- Slept."


def ranked(*ids, score=50):
    entries = [{"id": name, "score": score, "reason": "Fits."} for name in ids]
    return {"ranking": entries, "missing": ["Rust"]}


@pytest.fixture(autouse=True)
def fluent(monkeypatch):
    """Letters come as fast as they can."""
    monkeypatch.setattr(scenario, "WORD_SECONDS", 0.0)


@pytest.fixture(params=LINEUPS)
async def provider(request, emulator):
    """A service of each provider, and with which models it is used."""
    name = request.param
    options = {"api_key": "any", "base_url": emulator.base_url(name)}
    async with AsyncLLMFactory.create(name, **options) as llm:
        yield llm, LINEUPS[name]


async def answered(lineup=GROQ):
    """What every workflow makes of these answers, and the requests that it sent."""
    llm = AsyncMockLLMService(
        {
            "writing style of this resume": scenario.STYLE,
            "Rewrite the summary": scenario.PROFILE,
            "Rank these achievements": scenario.RANKING,
            "cover letter": scenario.LETTER,
        }
    )
    resume, job = document("resume.md"), document("job.md")
    jobwise = AsyncJobWise(llm, lineup, user_id=42)
    style = await jobwise.writing_style(resume)
    profile = await jobwise.profile(resume, job, style)
    ranking = await jobwise.ranking(resume, job)
    letter = ""
    async with jobwise.cover_letter(resume, job, style, ranking) as stream:
        async for text in stream.text():
            letter += text
    return (style, profile, ranking, letter), llm.calls


async def test_the_workflows_make_values_of_answers():
    (style, profile, ranking, letter), _ = await answered()
    assert style.tone == "neutral"
    assert profile == scenario.PROFILE
    assert [item.score for item in ranking.items] == [96, 91, 88, 80, 74, 55]
    assert ranking.items[0].achievement.startswith("Built the live departure board")
    assert letter == scenario.LETTER


async def test_each_request_carries_workflow_and_user():
    _, calls = await answered()
    assert [dict(call.metadata) for call in calls] == [
        {"workflow": workflow.name, "user_id": 42} for workflow in WORKFLOWS
    ]


SETTINGS = {
    GROQ: [
        ("openai/gpt-oss-20b", 0.3, 1500, "low"),
        ("openai/gpt-oss-120b", 0.4, 2000, "medium"),
        ("openai/gpt-oss-20b", 0.3, 2500, "low"),
        ("openai/gpt-oss-120b", 0.5, 3000, "medium"),
    ],
    OPENAI: [
        ("gpt-6-luna", None, 5500, "low"),
        ("gpt-6.1-sol", None, 6000, "medium"),
        ("gpt-6-luna", None, 6500, "low"),
        ("gpt-6.1-sol", None, 7000, "medium"),
    ],
    ANTHROPIC: [
        ("claude-haiku-5-5", None, 5500, "low"),
        ("claude-sonnet-5-5", None, 6000, "medium"),
        ("claude-haiku-5-5", None, 6500, "low"),
        ("claude-sonnet-5-5", None, 7000, "medium"),
    ],
    LOCAL: [
        (None, 0.3, 5500, None),
        (None, 0.4, 6000, None),
        (None, 0.3, 6500, None),
        (None, 0.5, 7000, None),
    ],
}


@pytest.mark.parametrize("lineup", SETTINGS, ids=lambda lineup: lineup.provider)
async def test_each_workflow_has_the_model_and_settings_of_its_provider(lineup):
    _, calls = await answered(lineup)
    assert [
        (call.model, call.temperature, call.max_tokens, call.reasoning_effort)
        for call in calls
    ] == SETTINGS[lineup]


async def test_each_provider_takes_the_requests_of_all_workflows(provider):
    llm, lineup = provider
    values = dict.fromkeys(("resume", "job", "style", "achievements"), "Some text.")
    for workflow in WORKFLOWS:
        response = await llm.generate(workflow.request(lineup, 1, **values))
        assert response.text


async def test_a_letter_builds_on_the_three_best_achievements():
    llm = AsyncMockLLMService()
    jobwise = AsyncJobWise(llm, GROQ, user_id=1)
    async with jobwise.cover_letter(RESUME, "A job.", STYLE, RANKING) as stream:
        async for _ in stream:
            pass
    assert "Achievement 3." in llm.calls[0].prompt
    assert "Achievement 4." not in llm.calls[0].prompt


@pytest.mark.parametrize(
    "unusable",
    ['{"tone": ', "[]", {"tone": "angry", "sentences": "short", "habits": ["x"]}],
    ids=["malformed", "no object", "wrong data"],
)
async def test_an_unusable_answer_is_asked_for_once_more_and_told(unusable):
    llm = AsyncMockLLMService({"writing style": [unusable, scenario.STYLE]})
    rejected = []
    jobwise = AsyncJobWise(llm, GROQ, user_id=1, on_rejected=rejected.append)
    style = await jobwise.writing_style(RESUME)
    assert style.sentences == "short"
    assert len(llm.calls) == 2
    assert [type(error) for error in rejected] == [LLMInvalidResponseError]


async def test_an_answer_is_asked_for_twice_at_most():
    llm = AsyncMockLLMService({"writing style": '{"tone": '})
    with pytest.raises(LLMInvalidResponseError):
        await AsyncJobWise(llm, GROQ, user_id=1).writing_style(RESUME)
    assert len(llm.calls) == 2


async def test_other_errors_are_not_asked_again():
    llm = AsyncMockLLMService({"writing style": LLMAuthenticationError()})
    with pytest.raises(LLMAuthenticationError):
        await AsyncJobWise(llm, GROQ, user_id=1).writing_style(RESUME)
    assert len(llm.calls) == 1


@pytest.mark.parametrize(
    "answer",
    [
        LLMResponse("Half a", "m", finish_reason="length"),
        LLMResponse(" \n", "m"),
    ],
    ids=["cut", "empty"],
)
async def test_a_profile_is_whole_or_an_error(answer):
    llm = AsyncMockLLMService({"Rewrite the summary": answer})
    with pytest.raises(LLMInvalidResponseError):
        await AsyncJobWise(llm, GROQ, user_id=1).profile(RESUME, "A job.", STYLE)


@pytest.mark.parametrize(
    "data",
    [
        ranked("A1"),
        ranked("A1", "A1"),
        ranked("A1", "A2", "A2"),
        ranked("A1", "A3"),
        ranked("A1", ["A2"]),
        ranked("A1", "A2", score=101),
        ranked("A1", "A2", score=True),
        ranked("A1", "A2", score="50"),
        {"ranking": "A1, A2", "missing": []},
        {"ranking": ["A1", "A2"], "missing": []},
        {"ranking": [{"id": "A1", "score": 1}, {"id": "A2", "score": 1}]},
        {**ranked("A1", "A2"), "missing": "Rust"},
        {**ranked("A1", "A2"), "missing": [1]},
    ],
)
async def test_a_ranking_that_does_not_fit_the_resume_is_an_error(data):
    llm = AsyncMockLLMService({"Rank these achievements": json.dumps(data)})
    with pytest.raises(LLMInvalidResponseError, match="not what was asked for"):
        await AsyncJobWise(llm, GROQ, user_id=1).ranking(RESUME, "A job.")


async def test_the_watched_service_tells_of_answers_and_errors():
    llm = AsyncMockLLMService({"good": "Yes.", "bad": LLMServerError("No.")})
    told = []
    watched = AsyncWatchedLLMService(llm, told.append)
    assert (await watched.generate("good", temperature=0)).text == "Yes."
    with pytest.raises(LLMServerError):
        await watched.generate("bad")
    answer, error = told
    assert (answer.text, error.message) == ("Yes.", "No.")
    assert llm.calls[0].temperature == 0
    assert watched.get_provider_name() == "mock"
    assert watched.get_available_models() == ["mock-model"]


async def test_the_tour_survives_the_same_bad_day_at_each_provider(provider, emulator):
    llm, lineup = provider
    emulator.script(*scenario.replies(lineup))
    output = io.StringIO()
    stage = Stage(Console(file=output, width=100))
    with stage.listening():
        await async_tour(llm, stage)
    assert [entry.attempts for entry in stage.entries] == [2, 2, 2, 2]
    assert 1.0 <= stage.entries[0].waited <= 1.2
    assert [entry.failed for entry in stage.entries] == [None] * 4
    shown = output.getvalue()
    for said in (
        "attempt 1 failed (LLMRateLimitError, HTTP 429); waiting 1.",
        "attempt 1 failed (LLMServerError, HTTP 500); waiting 0.",
        "The answer is not valid JSON",
        "LLMStreamInterruptedError: ",
        "Mira Holm",
    ):
        assert said in shown


async def toured(provider, emulator):
    """The entries of a tour on which the letter alone goes wrong."""
    llm, lineup = provider
    texts = (scenario.STYLE, scenario.PROFILE, scenario.RANKING)
    listed = () if lineup.fast else (Reply(),)
    cut_letter = scenario.replies(lineup)[-2:]
    emulator.script(*listed, *(Reply(text=text) for text in texts), *cut_letter)
    stage = Stage(Console(file=io.StringIO()))
    await async_tour(llm, stage)
    return stage.entries


async def test_the_tour_counts_what_a_cut_stream_took_as_unknown(provider, emulator):
    entries = await toured(provider, emulator)
    complete = [entry.tokens.complete for entry in entries]
    assert complete == [True, True, True, False]
    assert entries[3].tokens.known > 500


async def test_only_a_local_model_has_no_price(provider, emulator):
    entries = await toured(provider, emulator)
    unpriced = [entry.provider for entry in entries if entry.cost.is_unknown]
    assert unpriced == (["local"] * 4 if provider[1] is LOCAL else [])


async def test_the_tour_names_the_model_that_did_each_workflow(provider, emulator):
    _, lineup = provider
    entries = await toured(provider, emulator)
    fast, large = lineup.fast or "llama3.2:3b", lineup.large or "llama3.2:3b"
    assert [entry.model for entry in entries] == [fast, large, fast, large]


async def test_the_tour_ends_at_an_error_and_says_where(llm, emulator):
    emulator.script(Reply(text=scenario.STYLE), Reply(text="", finish_reason="length"))
    stage = Stage(Console(file=io.StringIO()))
    with pytest.raises(LLMInvalidResponseError):
        await async_tour(llm, stage)
    assert [entry.failed for entry in stage.entries] == [
        None,
        "LLMInvalidResponseError",
    ]


async def test_the_tour_tells_of_a_letter_that_cannot_be_had(llm, emulator):
    good = (scenario.STYLE, scenario.PROFILE, scenario.RANKING)
    refused = Reply(status=401, error={"message": "No.", "code": "invalid_api_key"})
    emulator.script(*(Reply(text=text) for text in good), refused)
    stage = Stage(Console(file=io.StringIO()))
    with pytest.raises(LLMAuthenticationError):
        await async_tour(llm, stage)
    assert stage.entries[3].attempts == 1
