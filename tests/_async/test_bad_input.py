"""Input that nobody should send, and answers that nobody should give: each has its
message, and no secret is in any of them."""

from __future__ import annotations

import json
import logging
import math
import pickle
import re
import sys
import time
import traceback

import pytest

from llm_adapter import (
    AsyncGroqAdapter,
    AsyncLLMFactory,
    LLMAuthenticationError,
    LLMConfigurationError,
    LLMInvalidResponseError,
    LLMRequest,
    LLMServiceError,
    LLMStreamInterruptedError,
)
from llm_adapter.models import Timeout
from llm_adapter.testing.emulator import Reply, faults

KEY = "s3cr3t+of/mine=42"  # like no provider's: nothing but the key itself betrays it
NOT_NUMBERS = [math.nan, math.inf, -math.inf]


def circle():
    found = {}
    found["itself"] = found
    return found


def nested(depth):
    found = []
    for _ in range(depth):
        found = [found]
    return found


# -- requests -------------------------------------------------------------------------

EMPTY = "the prompt is empty: give a prompt, or messages to go on from"
PROMPT = "prompt or content must be a string or a sequence of parts, not "
MODEL = "model is {}: a model name is printable text, for example 'openai/gpt-oss-120b'"
SURROGATE = (
    "the request holds text that is not valid Unicode (half of a surrogate pair) near "
)
DEEP = "the request is nested too deeply, or in a circle"
JSON = "the request cannot be sent as JSON: "
HEADER = "an HTTP header cannot carry"

PROMPTS = [
    (b"Hi", TypeError, PROMPT + "bytes (b'Hi')"),
    (5, TypeError, PROMPT + "int (5)"),
    (None, TypeError, PROMPT + "NoneType (None)"),
    ({"text": "Hi"}, TypeError, PROMPT + "dict ({'text': 'Hi'})"),
    ([b"Hi"], TypeError, "each part must be Text, Image, Document or Audio, not bytes"),
    ("", ValueError, EMPTY),
    (" \t\n", ValueError, EMPTY),
    ([], ValueError, EMPTY),
    ("a\ud800b", ValueError, SURROGATE + r"'a\ud800b'"),
]
ARGUMENTS = {
    "system_message": [
        (b"Hi", TypeError, "system_message must be a string or None, not bytes"),
        ("\udfff", ValueError, SURROGATE),
    ],
    "messages": [
        ("Hi", TypeError, "messages must be a sequence of Message, not str ('Hi')"),
        ([5], TypeError, "each of messages must be a Message or a mapping"),
        ([{"role": "me"}], ValueError, "role is 'me': use one of system, user, "),
        ([{"role": "user", "content": b"Hi"}], TypeError, PROMPT + "bytes"),
    ],
    "model": [
        (b"model", TypeError, "model must be a string or None, not bytes (b'model')"),
        ("", ValueError, MODEL.format("''")),
        ("a\nb", ValueError, MODEL.format(r"'a\nb'")),
        ("a\x1bb", ValueError, MODEL.format(r"'a\x1bb'")),
        ("\ud800", ValueError, MODEL.format(r"'\ud800'")),
    ],
    "temperature": [
        ("hot", TypeError, "temperature must be a number or None, not str ('hot')"),
        (True, TypeError, "temperature must be a number or None, not bool (True)"),
        (-1, ValueError, "temperature is -1: use a finite number >= 0"),
        *((n, ValueError, f"temperature is {n}: use a finite") for n in NOT_NUMBERS),
    ],
    "max_tokens": [
        (1.5, TypeError, "max_tokens must be an integer or None, not float (1.5)"),
        (0, ValueError, "max_tokens is 0: use a whole number >= 1"),
    ],
    "top_p": [("1", TypeError, "top_p must be a number or None, not str ('1')")],
    "seed": [("1", TypeError, "seed must be an integer or None, not str ('1')")],
    "stop_sequences": [
        ("stop", TypeError, "stop_sequences must be a sequence of strings, not str"),
        ([b"stop"], TypeError, "each of stop_sequences must be a string, not bytes"),
    ],
    "reasoning_effort": [
        (1, TypeError, "reasoning_effort must be a string or None, not int (1)"),
    ],
    "response_format": [
        ("json", TypeError, "response_format must be a mapping, a type or None"),
        ({"type": "xml"}, ValueError, "response_format is {'type': 'xml'}: use "),
    ],
    "tools": [
        (5, TypeError, "tools must be a sequence of Tool, not int (5)"),
        ([{"name": "f"}], TypeError, "each of tools must be a Tool, not dict"),
    ],
    "tool_choice": [
        (5, TypeError, "tool_choice must be a string or None, not int (5)"),
        ("f", ValueError, "tool_choice is 'f', but the tools are []"),
    ],
    "parallel_tool_calls": [
        ("yes", TypeError, "parallel_tool_calls must be True, False or None, not str"),
    ],
    "timeout": [
        ("5", TypeError, "timeout must be a number of seconds or None, not str ('5')"),
        (True, TypeError, "timeout must be a number of seconds or None, not bool"),
        (-1, ValueError, "timeout is -1: use a finite number of seconds > 0"),
        (0, ValueError, "timeout is 0: use a finite number of seconds > 0"),
        *((n, ValueError, f"timeout is {n}: use a finite") for n in NOT_NUMBERS),
    ],
    "extra_body": [
        ("x", TypeError, "extra_body must be a mapping, not str"),
        ({"a": object()}, TypeError, JSON + "Encoding objects of type object"),
        ({"a": {(1, 2): 3}}, TypeError, JSON + "Only dicts with str-like"),
        (circle(), ValueError, DEEP),
        ({"a": [circle()]}, ValueError, DEEP),
        ({"a": nested(10_000)}, ValueError, DEEP),
        ({"a": ["\ud800"]}, ValueError, SURROGATE),
        *(
            ({"a": [{"b": number}]}, ValueError, "extra_body holds NaN or an infinity")
            for number in NOT_NUMBERS
        ),
    ],
    "extra_headers": [
        (5, TypeError, "extra_headers must be a mapping, not int"),
        ({"X-A": 5}, TypeError, "extra_headers must map strings to strings"),
        ({"X A": "b"}, ValueError, "extra_headers has 'X A': not an HTTP header name"),
        ({"X-A": "b\r\nX-B: c"}, ValueError, HEADER),
        ({"X-A": "é"}, ValueError, HEADER),
    ],
    "metadata": [(5, TypeError, "metadata must be a mapping, not int")],
    "prompts": [("Hi", TypeError, "unknown argument prompts; known are system_mess")],
}
CASES = [
    pytest.param({"request": value}, kind, message, id=f"prompt-{number}")
    for number, (value, kind, message) in enumerate(PROMPTS)
] + [
    pytest.param({"request": "Hi", name: value}, kind, message, id=f"{name}-{number}")
    for name, cases in ARGUMENTS.items()
    for number, (value, kind, message) in enumerate(cases)
]


@pytest.mark.parametrize(("arguments", "kind", "message"), CASES)
async def test_a_wrong_argument_is_named_and_nothing_is_sent(
    emulator, llm, arguments, kind, message
):
    with pytest.raises(kind, match=re.escape(message)):
        await llm.generate(**arguments)
    with pytest.raises(kind, match=re.escape(message)):
        await llm.generate_json(**arguments)
    with pytest.raises(kind, match=re.escape(message)):
        llm.stream(**arguments)
    assert emulator.counts.requests == 0


async def test_a_model_name_may_hold_a_slash(emulator, llm):
    emulator.always(Reply(text="yes", model="owner/model:tag"))
    response = await llm.generate("Hi", model="owner/model:tag")
    assert response.model == "owner/model:tag"
    assert emulator.seen[0].json["model"] == "owner/model:tag"


@pytest.mark.parametrize("seconds", [1e300, 1e10, 3e6, 10**15])
async def test_a_timeout_of_ages_is_no_different_from_a_long_one(
    emulator, connect, seconds
):
    llm = connect(timeout=Timeout(total=seconds, connect=seconds, idle=seconds))
    assert (await llm.generate("Hi", timeout=seconds)).text
    async with llm.stream("Hi", timeout=seconds) as stream:
        async for _ in stream:
            pass


async def test_every_kind_of_text_arrives_as_it_was_sent(emulator, llm):
    text = "\0\x1b\u2028\ufeff\uffff\U0010ffff \"'\\ </script> é"
    await llm.generate(text, system_message=text, metadata={"a": object()})
    assert [message["content"] for message in emulator.seen[0].json["messages"]] == [
        text,
        text,
    ]


# -- services -------------------------------------------------------------------------

SCHEME = "it must start with http:// or https:// and name a host"
CHARACTER = (
    "The API key for groq holds a blank, a newline or another character that no key "
    "has: check GROQ_API_KEY for a stray line end or quotation mark."
)
RETRIES = "max_retries must be an integer, not "
OPTIONS = [
    ("api_key", KEY.encode(), TypeError, "api_key must be a string, not bytes"),
    ("api_key", "", LLMConfigurationError, "set the environment variable GROQ_API_KEY"),
    ("api_key", KEY + "\n", LLMConfigurationError, CHARACTER),
    ("api_key", " " + KEY, LLMConfigurationError, CHARACTER),
    ("api_key", KEY + "é", LLMConfigurationError, CHARACTER),
    ("api_key", KEY + "\0", LLMConfigurationError, CHARACTER),
    ("base_url", b"http://x", TypeError, "base_url must be a string, not bytes"),
    ("base_url", "localhost:8000", LLMConfigurationError, SCHEME),
    ("base_url", "//localhost", LLMConfigurationError, SCHEME),
    ("base_url", "ftp://localhost", LLMConfigurationError, SCHEME),
    ("base_url", "http://", LLMConfigurationError, SCHEME),
    ("base_url", "http://a b", LLMConfigurationError, SCHEME),
    ("base_url", "http://localhost\n", LLMConfigurationError, SCHEME),
    ("base_url", "http://localhost:99999", LLMConfigurationError, SCHEME),
    ("base_url", "http://me:pw@host", LLMConfigurationError, "user name or password"),
    ("base_url", "http://host/?key=1", LLMConfigurationError, "a base URL has neither"),
    ("model", b"model", TypeError, "model must be a string or None, not bytes"),
    ("model", "a\tb", ValueError, MODEL.format(r"'a\tb'")),
    ("settings", {}, TypeError, "settings must be Settings, not dict"),
    ("settings", "", TypeError, "settings must be Settings, not str"),
    ("timeout", "5", TypeError, "timeout must be a number of seconds or None, not str"),
    ("timeout", -5, ValueError, "timeout is -5: use a finite number of seconds > 0"),
    ("timeout", math.inf, ValueError, "timeout is inf: use a finite number"),
    ("max_retries", -1, ValueError, "max_retries is -1: use a whole number >= 0"),
    ("max_retries", 1.0, TypeError, RETRIES + "float"),
    ("max_retries", True, TypeError, RETRIES + "bool"),
    ("retries", 1, TypeError, "retries"),
]


@pytest.mark.parametrize(("name", "value", "kind", "message"), OPTIONS)
def test_a_wrong_option_is_named_and_shows_no_key(name, value, kind, message):
    options = {"api_key": KEY, name: value}
    with pytest.raises(kind, match=re.escape(message)) as direct:
        AsyncGroqAdapter(**options)
    with pytest.raises(kind, match=re.escape(message)) as made:
        AsyncLLMFactory.create("groq", **options)
    for caught in (direct, made):
        assert KEY not in "".join(traceback.format_exception(caught.value))


# -- answers --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["answer", "stream"])
async def test_bytes_that_are_not_utf_8_are_an_invalid_response(
    emulator, connect, kind
):
    emulator.always(faults.broken_utf8())
    llm = connect(max_retries=0)
    with pytest.raises(LLMInvalidResponseError, match="not UTF-8 at byte") as caught:
        if kind == "answer":
            await llm.generate("Hi")
        else:
            async with llm.stream("Hi") as stream:
                async for _ in stream:
                    pass
    assert isinstance(caught.value.position, int)
    assert pickle.loads(pickle.dumps(caught.value)).text == caught.value.text


@pytest.mark.parametrize("encoding", [None, "gzip"])
async def test_an_answer_of_100_mb_is_refused_and_not_asked_for_again(
    emulator, llm, encoding
):
    emulator.always(faults.huge_body(encoding=encoding))
    with pytest.raises(LLMInvalidResponseError, match="larger than 64 MiB") as caught:
        await llm.generate("Hi", timeout=50)
    assert caught.value.attempts == emulator.counts.requests == 1
    assert emulator.wait_for(lambda now: now.in_flight == 0)


async def test_a_stream_of_100_mb_without_an_event_is_refused(emulator, llm):
    body = b"data: " + b" " * 70_000_000
    emulator.always(Reply(body=body, content_type="text/event-stream"))
    with pytest.raises(LLMInvalidResponseError, match="larger than") as caught:
        async with llm.stream("Hi", timeout=50) as stream:
            async for _ in stream:
                pass
    assert caught.value.attempts == 1


@pytest.mark.parametrize("depth", [400, 900, 5_000, 100_000])
@pytest.mark.parametrize("around", ["%s", '{"choices": %s}', '{"error": %s}'])
@pytest.mark.parametrize("status", [200, 400])
async def test_json_100000_levels_deep_is_an_error_of_the_family(
    emulator, connect, depth, around, status
):
    deep = "[" * depth + "]" * depth
    emulator.always(Reply(body=around % deep, status=status))
    llm = connect(max_retries=0)
    with pytest.raises(LLMServiceError) as caught:
        await llm.generate("Hi")
    assert str(caught.value)
    assert repr(caught.value)
    with pytest.raises(LLMServiceError):
        async with llm.stream("Hi") as stream:
            async for _ in stream:
                pass
    with pytest.raises(LLMServiceError):
        await llm.list_models()


async def test_json_100000_levels_deep_in_a_text_is_an_invalid_response(emulator, llm):
    text = '{"a": ' * 100_000 + "1" + "}" * 100_000
    emulator.always(Reply(text=text))
    with pytest.raises(LLMInvalidResponseError, match="500 levels deep") as caught:
        await llm.generate_json("Give JSON")
    assert caught.value.text == text
    assert caught.value.position == 500 * len('{"a": ')


# -- clocks that jump -----------------------------------------------------------------


@pytest.mark.parametrize("jump", [-1e9, 1e9])
async def test_a_clock_on_the_wall_that_jumps_does_not_matter(
    emulator, connect, monkeypatch, jump
):
    now = time.time()
    clock = iter(range(10**6))

    def jumping():
        return now + (jump if next(clock) % 2 else 0)

    llm = connect(timeout=20)
    session = sys.modules[type(llm._session).__module__]
    monkeypatch.setattr(session, "time", jumping)
    monkeypatch.setattr(time, "time", jumping)
    emulator.script(
        faults.server_error(), faults.rate_limited("0.05"), Reply(text="a b c")
    )
    begun = time.monotonic()
    response = await llm.generate("Hi")
    assert 0.05 <= time.monotonic() - begun < 1
    assert response.attempts == 3
    assert 0 < response.generation_time < 1
    assert all(0 <= attempt.duration < 1 for attempt in response.history)
    emulator.script(faults.overloaded(), Reply(text="a b c", interval=0.01))
    async with llm.stream("Hi") as stream:
        assert "".join([text async for text in stream.text()]) == "a b c"


# -- secrets --------------------------------------------------------------------------


def everything_about(error):
    """All that an error may leave in logs, consoles, queues and crash reports."""
    yield str(error)
    yield repr(error)
    yield "".join(traceback.format_exception(error))
    yield repr(pickle.dumps(error))
    yield repr(vars(error))


def quotes_the_key(status, **fields):
    return Reply(status=status, error={"message": f"No such key: {KEY}", **fields})


QUOTING = {
    "401": quotes_the_key(401, code="invalid_api_key"),
    "401, elsewhere in the body": Reply(
        status=401, body={"error": {"message": "No."}, "sent": {"auth": [KEY]}}
    ),
    "401, escaped": Reply(
        status=401, body=json.dumps({"error": {"message": KEY}}).replace("/", "\\/")
    ),
    "401, a page": faults.html(401, f"<html>Authorization: Bearer {KEY}</html>"),
    "200, a page": faults.html(200, f"<html>Authorization: Bearer {KEY}</html>"),
    "200, an error": Reply(error={"message": f"No such key: {KEY}"}),
    "200, no choices": Reply(body={"headers": {"Authorization": f"Bearer {KEY}"}}),
    "200, no JSON": Reply(body=f"Authorization: Bearer {KEY}"),
    "500": quotes_the_key(500),
    "307": faults.redirect(f"http://elsewhere.example/{KEY}"),
    "an event": Reply(text="a b", stream_error={"error": {"message": f"No: {KEY}"}}),
}


@pytest.mark.parametrize("reply", QUOTING.values(), ids=QUOTING)
async def test_an_answer_that_quotes_the_key_gives_it_to_nobody(
    emulator, connect, caplog, reply
):
    caplog.set_level(logging.DEBUG, logger="llm_adapter")
    emulator.always(reply)
    llm = connect(api_key=KEY, max_retries=1)
    calls = [llm.generate, llm.generate_json]
    errors = []
    for call in calls:
        with pytest.raises(LLMServiceError) as caught:
            await call("Hi")
        errors.append(caught.value)
    with pytest.raises(LLMServiceError) as caught:
        async with llm.stream("Hi") as stream:
            async for _ in stream:
                pass
    errors.append(caught.value)
    for error in errors:
        assert not [text for text in everything_about(error) if KEY in text]
    assert KEY not in caplog.text
    assert emulator.seen[0].headers["authorization"] == f"Bearer {KEY}"


async def test_a_key_given_as_a_header_is_hidden_too(emulator, connect):
    secret = "another+secret/of=mine"
    emulator.always(Reply(status=401, error={"message": f"No such key: {secret}"}))
    with pytest.raises(LLMAuthenticationError, match=r"No such key: \*\*\*") as caught:
        await connect().generate(
            "Hi", extra_headers={"Authorization": f"Bearer {secret}"}
        )
    assert not [text for text in everything_about(caught.value) if secret in text]


async def test_the_key_is_in_no_repr_and_no_response(emulator, connect):
    llm = connect(api_key=KEY)
    response = await llm.generate("Hi")
    async with llm.stream("Hi") as stream:
        async for _ in stream:
            pass
    shown = [llm, llm._client, llm._client.endpoint, response, stream, stream.response]
    assert not [each for each in shown if KEY in repr(each)]
    assert KEY.encode() not in pickle.dumps([response, stream.response])
    request = LLMRequest("Hi", extra_headers={"Authorization": f"Bearer {KEY}"})
    assert KEY not in repr(request)


async def test_no_log_holds_the_key_or_what_was_said(emulator, connect, caplog):
    caplog.set_level(logging.DEBUG)
    prompt, words = "what-was-asked", "what-was-answered"
    emulator.script(faults.server_error(), Reply(text=words))
    llm = connect(api_key=KEY)
    assert (await llm.generate(prompt)).text == words
    emulator.script(Reply(text=words, stop_at="before_finish", stop="reset"))
    with pytest.raises(LLMStreamInterruptedError):
        async with llm.stream(prompt) as stream:
            async for _ in stream:
                pass
    assert caplog.records
    assert not [word for word in (KEY, prompt, words) if word in caplog.text]
