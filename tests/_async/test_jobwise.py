"""The example program JobWise: its services against a mock, and on bad days."""

from __future__ import annotations

import io
import json
import logging

import pytest
from rich.console import Console

from examples.jobwise import (
    AsyncContentRankingService,
    AsyncCoverLetterService,
    AsyncProfileEnhancementService,
    AsyncWatchedLLMService,
    AsyncWritingStyleService,
    async_tour,
    scenario,
)
from examples.jobwise.catalogue import WORKFLOWS, document
from examples.jobwise.checks import LONGEST, MOST, Ranked, Ranking, WritingStyle
from examples.jobwise.live import KEYS
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


@pytest.fixture(params=KEYS)
async def provider(request, emulator):
    """A service of each provider."""
    name = request.param
    options = {"api_key": "any", "base_url": emulator.base_url(name)}
    async with AsyncLLMFactory.create(name, **options) as llm:
        yield llm


async def answered():
    """What every service makes of these answers, and the requests that it sent."""
    llm = AsyncMockLLMService(scenario.RESPONSES)
    resume, job = document("resume.md"), document("job.md")
    style = await AsyncWritingStyleService(llm).extract(resume)
    profile = await AsyncProfileEnhancementService(llm).enhance(resume, job, style)
    ranking = await AsyncContentRankingService(llm).rank(resume, job)
    letters = AsyncCoverLetterService(llm)
    letter = ""
    async with letters.stream(resume, job, style, ranking) as stream:
        async for text in stream.text():
            letter += text
    return (style, profile, ranking, letter), llm.calls


async def test_the_services_make_values_of_answers():
    (style, profile, ranking, letter), _ = await answered()
    assert style.tone == "neutral"
    assert profile == scenario.PROFILE
    assert [item.score for item in ranking.items] == [96, 91, 88, 80, 74, 55]
    assert ranking.items[0].achievement.startswith("Built the live departure board")
    assert letter == scenario.LETTER


async def test_each_request_carries_its_workflow():
    _, calls = await answered()
    assert [dict(call.metadata) for call in calls] == [
        {"workflow": workflow.name} for workflow in WORKFLOWS
    ]


async def test_each_workflow_has_its_own_settings():
    _, calls = await answered()
    assert [(call.temperature, call.max_tokens) for call in calls] == [
        (0.3, 1500),
        (0.4, 2000),
        (0.3, 2500),
        (0.5, 3000),
    ]


async def test_each_provider_takes_the_requests_of_all_workflows(provider):
    values = dict.fromkeys(("resume", "job", "style", "achievements"), "Some text.")
    for workflow in WORKFLOWS:
        llm = provider.for_workflow(workflow.name)
        assert (await llm.generate(workflow.request(**values))).text


async def test_a_letter_may_come_as_a_whole():
    llm = AsyncMockLLMService(scenario.RESPONSES)
    letters = AsyncCoverLetterService(llm)
    letter = await letters.write(RESUME, "A job.", STYLE, RANKING)
    assert letter == scenario.LETTER.strip()


async def test_a_letter_builds_on_the_three_best_achievements():
    llm = AsyncMockLLMService()
    await AsyncCoverLetterService(llm).write(RESUME, "A job.", STYLE, RANKING)
    assert "Achievement 3." in llm.calls[0].prompt
    assert "Achievement 4." not in llm.calls[0].prompt


@pytest.mark.parametrize(
    "unusable",
    ['{"tone": ', "[]", {"tone": "angry", "sentences": "short", "habits": ["x"]}],
    ids=["malformed", "no object", "wrong data"],
)
async def test_an_unusable_answer_is_asked_for_once_more_and_logged(unusable, caplog):
    caplog.set_level(logging.INFO, "jobwise")
    llm = AsyncMockLLMService({"writing style": [unusable, scenario.STYLE]})
    style = await AsyncWritingStyleService(llm).extract(RESUME)
    assert style.sentences == "short"
    assert len(llm.calls) == 2
    (told,) = (each for each in caplog.records if each.name == "jobwise")
    assert told.getMessage().endswith(" Asking once more.")


async def test_an_answer_is_asked_for_twice_at_most():
    llm = AsyncMockLLMService({"writing style": '{"tone": '})
    with pytest.raises(LLMInvalidResponseError):
        await AsyncWritingStyleService(llm).extract(RESUME)
    assert len(llm.calls) == 2


async def test_other_errors_are_not_asked_again():
    llm = AsyncMockLLMService({"writing style": LLMAuthenticationError()})
    with pytest.raises(LLMAuthenticationError):
        await AsyncWritingStyleService(llm).extract(RESUME)
    assert len(llm.calls) == 1


@pytest.mark.parametrize(
    "answer",
    [
        LLMResponse("Half a", "m", finish_reason="length"),
        LLMResponse(" \n", "m"),
    ],
    ids=["cut", "empty"],
)
async def test_a_text_is_whole_or_an_error(answer):
    llm = AsyncMockLLMService({"Rewrite the summary": answer, "cover letter": answer})
    with pytest.raises(LLMInvalidResponseError):
        await AsyncProfileEnhancementService(llm).enhance(RESUME, "A job.", STYLE)
    with pytest.raises(LLMInvalidResponseError):
        await AsyncCoverLetterService(llm).write(RESUME, "A job.", STYLE, RANKING)


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
        {**ranked("A1", "A2"), "missing": ["x"] * (MOST + 1)},
        {**ranked("A1", "A2"), "missing": ["x" * (LONGEST + 1)]},
    ],
)
async def test_a_ranking_that_does_not_fit_the_resume_is_an_error(data):
    llm = AsyncMockLLMService({"Rank these achievements": json.dumps(data)})
    with pytest.raises(LLMInvalidResponseError, match="not what was asked for"):
        await AsyncContentRankingService(llm).rank(RESUME, "A job.")


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


async def test_the_watched_service_goes_along_to_another_provider():
    told = []
    watched = AsyncWatchedLLMService(AsyncMockLLMService(), told.append)
    await watched.for_provider("groq").generate("Hi")
    assert len(told) == 1


async def test_the_tour_survives_the_same_bad_day_at_each_provider(provider, emulator):
    emulator.script(*scenario.replies(provider.get_provider_name()))
    output = io.StringIO()
    stage = Stage(Console(file=output, width=100))
    with stage.listening():
        await async_tour(provider, stage)
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
    name = provider.get_provider_name()
    texts = (scenario.STYLE, scenario.PROFILE, scenario.RANKING)
    listed = (Reply(),) if name == "local" else ()
    cut_letter = scenario.replies(name)[-2:]
    emulator.script(*listed, *(Reply(text=text) for text in texts), *cut_letter)
    stage = Stage(Console(file=io.StringIO()))
    await async_tour(provider, stage)
    return stage.entries


async def test_the_tour_counts_what_a_cut_stream_took_as_unknown(provider, emulator):
    entries = await toured(provider, emulator)
    complete = [entry.tokens.complete for entry in entries]
    assert complete == [True, True, True, False]
    assert entries[3].tokens.known > 500


async def test_only_a_local_model_costs_nothing(provider, emulator):
    entries = await toured(provider, emulator)
    free = [entry.provider for entry in entries if not entry.cost.known]
    assert free == ["local"] * (4 if provider.get_provider_name() == "local" else 0)


async def test_the_tour_names_the_model_that_did_each_workflow(provider, emulator):
    entries = await toured(provider, emulator)
    configs = [provider.for_workflow(each.name).config for each in WORKFLOWS]
    models = [config.model or "llama3.2:3b" for config in configs]
    assert [entry.model for entry in entries] == models


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
