from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import (
    Image,
    LLMRateLimitError,
    LLMRequest,
    LLMResponse,
    Message,
    ReasoningDelta,
    StreamEnd,
    Text,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from llm_adapter._mocking import (
    DEFAULT_TEXT,
    MODEL,
    Answers,
    check_called,
    word_by_word,
)
from tests.core import values

CAT = Image("https://example.com/cat.png")


def answer(prepared, request="Tell me about the weather"):
    if isinstance(request, str):
        request = LLMRequest(request)
    return Answers({"weather": prepared}).find(request)


# -- which answer ---------------------------------------------------------------------


def test_keyword_in_the_prompt_picks_the_answer():
    assert answer("Rain.").text == "Rain."


@pytest.mark.parametrize(
    "request_",
    [
        LLMRequest("WEATHER?"),
        LLMRequest([Text("The weather"), CAT]),
        LLMRequest(messages=[Message("user", "The weather")]),
        LLMRequest("And now?", messages=[Message("user", [CAT, Text("weather")])]),
    ],
)
def test_keyword_counts_in_any_case_part_and_turn(request_):
    assert answer("Rain.", request_).text == "Rain."


def test_keyword_in_the_system_message_does_not_count():
    request = LLMRequest("Hi", system_message="Talk about the weather")
    assert answer("Rain.", request).text == DEFAULT_TEXT


def test_first_keyword_that_fits_wins():
    answers = Answers({"rain": "first", "weather": "second"})
    assert answers.find(LLMRequest("weather: rain?")).text == "first"


@pytest.mark.parametrize("prepared", [None, {}])
def test_nothing_prepared_gives_the_default_answer(prepared):
    assert Answers(prepared).find(LLMRequest("Hi")).text == DEFAULT_TEXT


def test_default_answer_to_a_request_for_json_is_json():
    request = LLMRequest("Hi", response_format={"type": "json_object"})
    assert Answers(None).find(request).text == "{}"


def test_answer_bears_the_model_asked_for_and_counts_words():
    response = answer("Rain and wind.", LLMRequest("The weather?", model="m"))
    assert response == LLMResponse(
        "Rain and wind.",
        "m",
        provider="mock",
        usage=Usage(input_tokens=2, output_tokens=3, total_tokens=5),
    )
    assert answer("Rain.").model == MODEL


# -- what an answer may be ------------------------------------------------------------


def test_response_is_given_as_it_is():
    prepared = LLMResponse("Rain.", "other")
    assert answer(prepared) is prepared


@given(values.json_objects)
def test_mapping_is_given_as_json(value):
    assert json.loads(answer(value).text) == value


def test_exception_is_raised_itself():
    error = LLMRateLimitError("slow down", retry_after=7)
    with pytest.raises(LLMRateLimitError) as caught:
        answer(error)
    assert caught.value is error


def test_exception_class_is_raised():
    with pytest.raises(LLMRateLimitError, match="Rate limit exceeded"):
        answer(LLMRateLimitError)


@pytest.mark.parametrize(
    ("returned", "text"),
    [("Rain.", "Rain."), ({"a": 1}, '{"a": 1}'), (LLMResponse("Sun."), "Sun.")],
)
def test_callable_is_given_the_request_and_its_result_answers(returned, text):
    asked = []

    def prepared(request):
        asked.append(request)
        return returned

    request = LLMRequest("weather")
    assert answer(prepared, request).text == text
    assert asked == [request]


def test_callable_may_return_an_exception():
    with pytest.raises(LLMRateLimitError):
        answer(lambda request: LLMRateLimitError())


@pytest.mark.parametrize("make", [list, tuple])
def test_list_answers_calls_in_turn_and_its_last_stays(make):
    answers = Answers({"": make(["one", LLMRateLimitError, "three"])})
    request = LLMRequest("Hi")
    assert answers.find(request).text == "one"
    with pytest.raises(LLMRateLimitError):
        answers.find(request)
    assert [answers.find(request).text for _ in range(3)] == ["three"] * 3


def test_callers_list_is_not_used_up():
    prepared = ["one", "two"]
    answer(prepared)
    assert prepared == ["one", "two"]


@pytest.mark.parametrize("prepared", [5, None, b"Rain.", object, [["nested"]]])
def test_what_cannot_be_an_answer_is_a_type_error(prepared):
    with pytest.raises(TypeError, match=r"^a mock cannot answer with "):
        answer(prepared)


@pytest.mark.parametrize(
    ("responses", "error", "message"),
    [
        (
            ["Rain."],
            TypeError,
            "responses must be a mapping of keyword to answer, not list",
        ),
        ({5: "Rain."}, TypeError, "a keyword must be a string, not int"),
        ({"a": []}, ValueError, "the list of answers to 'a' is empty"),
        ({"a": ()}, ValueError, "the list of answers to 'a' is empty"),
    ],
)
def test_unusable_preparation_is_refused_before_any_call(responses, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        Answers(responses)


# -- streams --------------------------------------------------------------------------


@given(st.text())
def test_words_of_a_stream_join_to_its_text(text):
    end = StreamEnd(LLMResponse(text))
    *pieces, last = word_by_word([TextDelta(text), end])
    assert "".join(piece.text for piece in pieces) == text
    assert last is end


def test_text_comes_in_pieces_of_a_word():
    pieces = word_by_word([TextDelta("  Rain and\n wind ")])
    assert [piece.text for piece in pieces] == ["  ", "Rain ", "and\n ", "wind "]


def test_other_events_pass_as_they_are():
    events = [ReasoningDelta("a b"), ToolCallDelta(0, "1", "f", "{}")]
    assert list(word_by_word(events)) == events


# -- what was asked -------------------------------------------------------------------


def test_call_whose_prompt_holds_the_keyword_is_found():
    calls = [LLMRequest("Hi"), LLMRequest("The Weather?")]
    assert check_called(calls, "wEATHER") is True


@pytest.mark.parametrize(
    ("calls", "shown"),
    [
        ([], "  (no calls)"),
        ([LLMRequest("Hi"), LLMRequest("x" * 300)], f"  'Hi'\n  {'x' * 200!r}"),
    ],
)
def test_missing_call_is_reported_with_what_was_asked(calls, shown):
    with pytest.raises(AssertionError) as caught:
        check_called(calls, "rain")
    expected = f"No call's prompt contains 'rain'. Calls were:\n{shown}"
    assert str(caught.value) == expected
