"""One contract for every adapter: the same request, the same kind of answer; the same
fault, the same class of error."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from attrs import evolve

from llm_adapter import (
    EmbeddingResponse,
    Image,
    LLMConfigurationError,
    LLMModelNotFoundError,
    LLMRequest,
    LLMUnsupportedFeatureError,
    Message,
    ReasoningDelta,
    Settings,
    Text,
    TextDelta,
    Tool,
    ToolCallDelta,
)
from llm_adapter.testing.emulator import Reply, faults
from tests.concurrency import async_adapter_class, async_drained
from tests.providers import PARTIES

WORDS = "Grüße aus Zürich 🚀, naïve résumé."
PIXEL = Image(data=b"\x89PNG\r\n\x1a\n" + bytes(32), media_type="image/png")
WEATHER = Tool(
    "weather",
    description="The weather in a city now.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
CALLS = (("weather", {"city": "Zürich"}), ("weather", {"city": "Oslo"}))


@pytest.fixture
def llm(meet, party):
    return meet(party)


# -- answers --------------------------------------------------------------------------


async def test_an_answer_has_text_reason_tokens_and_a_name(llm, party):
    response = await llm.generate("Name three rivers.")
    assert response.text
    assert response.finish_reason == "stop"
    assert response.provider == party.name
    assert response.model
    assert response.id
    assert response.raw
    assert response.attempts == 1
    usage = response.usage
    assert usage.input_tokens > 0 < usage.output_tokens
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens


async def test_a_text_arrives_as_the_model_wrote_it(llm, emulator):
    emulator.script(Reply(text=WORDS))
    assert (await llm.generate("Hi")).text == WORDS


async def test_a_stream_ends_with_what_a_whole_answer_would_have_been(llm):
    whole = await llm.generate("Name three rivers.")
    events, response = await async_drained(llm.stream("Name three rivers."))
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == whole.text
    assert response.text == whole.text
    assert response.finish_reason == whole.finish_reason
    # Groq's streams do not say in which tier they were served.
    assert evolve(response.usage, service_tier=whole.usage.service_tier) == whole.usage


async def test_a_stream_survives_a_network_that_delivers_byte_by_byte(llm, emulator):
    emulator.script(Reply(text=WORDS) | faults.split_everywhere())
    events, response = await async_drained(llm.stream("Hi"))
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == WORDS
    assert response.text == WORDS


async def test_a_limit_on_tokens_cuts_the_answer_and_says_so(llm):
    response = await llm.generate("Tell a long story.", max_tokens=20)
    assert response.finish_reason == "length"


async def test_a_system_message_and_a_conversation_are_understood(llm):
    messages = [
        Message("user", "Hello"),
        Message("assistant", "Hello, what can I do?"),
        Message("user", [Text("My name is "), Text("Ana.")]),
    ]
    request = LLMRequest(
        "What is my name?", system_message="Be terse.", messages=messages
    )
    assert (await llm.generate(request)).text


async def test_an_answer_is_ready_to_be_appended_to_the_conversation(llm):
    first = Message("user", "Name a river.")
    answer = await llm.generate(LLMRequest(messages=[first]))
    messages = [first, answer.message, Message("user", "And another?")]
    assert (await llm.generate(LLMRequest(messages=messages))).text


async def test_a_picture_is_understood(llm):
    assert (await llm.generate([Text("What is this?"), PIXEL])).text


# -- data -----------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", ["Two colours.", "Two colours as JSON."])
async def test_json_is_asked_for_in_the_providers_own_way(llm, prompt):
    assert isinstance(await llm.generate_json(prompt), dict)


async def test_json_next_to_a_system_message_is_asked_for_as_well(llm):
    found = await llm.generate_json("Two colours.", system_message="Answer in JSON.")
    assert isinstance(found, dict)


@dataclass
class Job:
    title: str
    years: int
    languages: list[str]


async def test_an_answer_fills_a_type(llm):
    job = await llm.generate_as(Job, "Read this posting: ...")
    assert isinstance(job, Job)
    assert isinstance(job.years, int)


async def test_a_schema_holds_for_a_stream_too(llm):
    _, response = await async_drained(llm.stream("Read this.", response_format=Job))
    assert set(json.loads(response.text)) == {"title", "years", "languages"}


# -- tools ----------------------------------------------------------------------------


def with_tools(party):
    """What it takes to be given tools: Chat wants GPT-6 not to reason with them."""
    chat = party.api == "chat"
    return {"tools": [WEATHER], **({"reasoning_effort": "none"} if chat else {})}


async def test_calls_of_tools_have_names_ids_and_arguments(llm, emulator, party):
    emulator.script(Reply(tool_calls=CALLS))
    response = await llm.generate("How is the weather?", **with_tools(party))
    assert response.finish_reason == "tool_calls"
    found = [(call.name, call.arguments) for call in response.tool_calls]
    assert tuple(found) == CALLS
    assert len({call.id for call in response.tool_calls}) == 2
    assert not any(call.invalid for call in response.tool_calls)


async def test_streamed_calls_are_the_same_in_pieces(llm, emulator, party):
    emulator.script(Reply(text="Let me see.", tool_calls=CALLS, deltas=4))
    stream = llm.stream("How is the weather?", **with_tools(party))
    events, response = await async_drained(stream)
    pieces = [event for event in events if isinstance(event, ToolCallDelta)]
    assert [call.arguments for call in response.tool_calls] == [a for _, a in CALLS]
    for index, call in enumerate(response.tool_calls):
        own = [piece for piece in pieces if piece.index == index]
        assert (own[0].id, own[0].name) == (call.id, call.name)
        assert "".join(piece.arguments for piece in own) == call.raw_arguments


async def test_results_of_tools_go_back_by_the_providers_rules(llm, emulator, party):
    """The emulator refuses what the provider would refuse."""
    emulator.script(Reply(text="Let me see.", tool_calls=CALLS))
    asked = Message("user", "How is the weather in Zürich and Oslo?")
    request = LLMRequest(messages=[asked], **with_tools(party))
    answer = await llm.generate(request)
    results = [
        Message("tool", "2 °C, snow", tool_call_id=answer.tool_calls[0].id),
        Message("tool", "no data", tool_call_id=answer.tool_calls[1].id, is_error=True),
    ]
    messages = [asked, answer.message, *results]
    assert (await llm.generate(request, messages=messages)).text


@pytest.mark.parametrize("party", [p for p in PARTIES if p.demands], ids=str)
@pytest.mark.parametrize("choice", ["required", "weather"])
async def test_a_tool_can_be_demanded(meet, party, choice):
    llm = meet(party, model=party.demands)
    asked = llm.generate("The weather?", **with_tools(party), tool_choice=choice)
    assert [call.name for call in (await asked).tool_calls] == ["weather"]


# -- reasoning ------------------------------------------------------------------------

REASONING = [party for party in PARTIES if party.reasons]


@pytest.mark.parametrize("party", REASONING, ids=str)
async def test_reasoning_is_told_apart_from_the_text(meet, emulator, party):
    emulator.script(Reply(text="4", reasoning="Two and two."))
    response = await meet(party).generate(
        "2 + 2?", model=party.reasons, reasoning_effort="low"
    )
    assert (response.text, response.reasoning) == ("4", "Two and two.")


@pytest.mark.parametrize("party", REASONING, ids=str)
async def test_streamed_reasoning_has_events_of_its_own(meet, emulator, party):
    emulator.script(Reply(text="4", reasoning="Two and two.", deltas=3))
    stream = meet(party).stream("2 + 2?", model=party.reasons, reasoning_effort="low")
    events, response = await async_drained(stream)
    thoughts = [e.reasoning for e in events if isinstance(e, ReasoningDelta)]
    assert "".join(thoughts) == response.reasoning == "Two and two."


@pytest.mark.parametrize("party", [p for p in PARTIES if p.keeps], ids=str)
@pytest.mark.parametrize("streamed", [False, True])
async def test_what_the_provider_wants_back_travels_back(
    meet, emulator, party, streamed
):
    llm = meet(party, model=party.reasons)
    emulator.script(Reply(reasoning="Look it up.", tool_calls=CALLS[:1]))
    asked = Message("user", "How is the weather?")
    request = LLMRequest(messages=[asked], tools=[WEATHER], reasoning_effort="low")
    if streamed:
        _, answer = await async_drained(llm.stream(request))
    else:
        answer = await llm.generate(request)
    result = Message("tool", "snow", tool_call_id=answer.tool_calls[0].id)
    await llm.generate(request, messages=[asked, answer.message, result])
    assert answer.message.provider_items[0]["provider"] == party.name
    assert f'"{party.keeps}"' in emulator.seen[-1].body.decode()


@pytest.mark.parametrize("party", PARTIES, ids=str)
async def test_a_conversation_can_move_on_from_another_provider(meet, emulator, party):
    other = next(each for each in PARTIES if each.name == "anthropic")
    emulator.script(Reply(reasoning="Look it up.", tool_calls=CALLS[:1]))
    asked = Message("user", "How is the weather?")
    request = LLMRequest(messages=[asked], **with_tools(party))
    first = await meet(other).generate(messages_only(asked), tools=[WEATHER])
    result = Message("tool", "snow", tool_call_id=first.tool_calls[0].id)
    messages = [asked, first.message, result]
    assert (await meet(party).generate(request, messages=messages)).text


def messages_only(*messages):
    return LLMRequest(messages=messages)


# -- limits ---------------------------------------------------------------------------

REFUSED = [
    ("groq", None, {"reasoning_effort": "none"}, "reasoning_effort"),
    ("openai", "chat", {"tools": [WEATHER], "model": "gpt-6.1-sol"}, "tools"),
    ("openai", "responses", {"seed": 7}, "seed"),
    ("openai", "responses", {"stop_sequences": ["."]}, "stop_sequences"),
    ("openai", None, {"seed": 7, "tools": [WEATHER], "model": "gpt-6.1-sol"}, "seed"),
    ("anthropic", None, {"seed": 7}, "seed"),
    ("anthropic", None, {"reasoning_effort": "minimal"}, "reasoning_effort"),
]


@pytest.mark.parametrize(("name", "api", "fields", "feature"), REFUSED)
async def test_what_a_provider_cannot_do_is_refused_before_it_is_sent(
    meet, emulator, name, api, fields, feature
):
    party = next(each for each in PARTIES if each.name == name)
    llm = meet(party, **({"api": api or "auto"} if party.api else {}))
    with pytest.raises(LLMUnsupportedFeatureError) as caught:
        await llm.generate("Hi", **fields)
    assert caught.value.feature == feature
    assert emulator.counts.requests == 0


@pytest.mark.parametrize("fields", [{"stop_sequences": ["."]}, {"seed": 7}])
async def test_what_one_api_lacks_goes_to_the_other(meet, emulator, fields):
    party = next(each for each in PARTIES if each.api == "responses")
    llm = meet(party, api="auto", model="gpt-6.1-sol")
    await llm.generate("Hi", **fields)
    assert emulator.seen[-1].path.endswith("/chat/completions")


async def test_a_missing_key_is_named_before_anything_is_sent(party):
    adapter = async_adapter_class(party.adapter)
    if party.name == "local":
        adapter(settings=Settings())  # needs none
        return
    with pytest.raises(LLMConfigurationError, match=f"{party.name.upper()}_API_KEY"):
        adapter(settings=Settings())


# -- models, vectors, counts ----------------------------------------------------------


async def test_a_local_server_is_asked_for_its_model_once(meet, emulator):
    party = next(each for each in PARTIES if each.name == "local")
    llm = meet(party, model=None)
    first = await llm.generate("Hi")
    async with llm.stream("Hi") as stream:
        texts = [text async for text in stream.text()]
    assert "".join(texts) == first.text
    paths = [seen.path.rpartition("/")[2] for seen in emulator.seen]
    assert paths == ["models", "completions", "completions"]
    assert emulator.seen[-1].json["model"] == (await llm.list_models())[0]


async def test_models_are_listed_to_the_last_page(llm, party):
    names = await llm.list_models()
    assert len(names) == len(set(names)) > 3


async def test_the_catalogue_has_current_models_first_and_marks_retired_ones(llm):
    retired = [bool(name.retired) for name in llm.get_available_models()]
    assert retired == sorted(retired)


async def test_a_retired_model_that_is_not_found_names_its_replacement(meet, emulator):
    party = next(each for each in PARTIES if each.name == "openai")
    with pytest.raises(LLMModelNotFoundError, match=r"use gpt-6\.1-sol instead"):
        await meet(party).generate("Hi", model="gpt-4")


@pytest.mark.parametrize(
    "party", [p for p in PARTIES if p.name in ("openai", "local")], ids=str
)
@pytest.mark.parametrize("texts", ["one", ["one", "two", "drei"]])
async def test_texts_become_vectors_in_their_order(meet, party, texts):
    vectors = await meet(party).embed(texts)
    again = await meet(party).embed("one")
    assert isinstance(vectors, EmbeddingResponse)
    assert len(vectors) == (1 if texts == "one" else 3)
    assert vectors[0] == again[0]
    assert vectors.usage.input_tokens


async def test_a_provider_without_embeddings_says_so(meet, emulator):
    party = next(each for each in PARTIES if each.name == "anthropic")
    with pytest.raises(LLMUnsupportedFeatureError) as caught:
        await meet(party).embed("one")
    assert caught.value.feature == "embed"
    assert emulator.counts.requests == 0


@pytest.mark.parametrize(
    "party", [p for p in PARTIES if p.name in ("openai", "anthropic")], ids=str
)
async def test_tokens_of_a_request_are_counted_by_the_provider(meet, party):
    request = LLMRequest("Name a river.", system_message="Be terse.", tools=[WEATHER])
    llm = meet(party)
    assert await llm.count_tokens(request) > await llm.count_tokens("Hi") > 0


@pytest.mark.parametrize("name", ["groq", "local"])
async def test_a_provider_that_does_not_count_says_so(meet, name):
    party = next(each for each in PARTIES if each.name == name)
    with pytest.raises(LLMUnsupportedFeatureError) as caught:
        await meet(party).count_tokens("Hi")
    assert caught.value.feature == "count_tokens"
