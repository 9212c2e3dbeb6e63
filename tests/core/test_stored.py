from __future__ import annotations

import copy
import json
from datetime import date
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import (
    Attempt,
    EmbeddingResponse,
    LLMResponse,
    ModelName,
    ToolCall,
    Usage,
)
from llm_adapter._events import events_of
from llm_adapter._stored import (
    OF_THE_CALL,
    NotStored,
    as_hit,
    decode_embeddings,
    decode_response,
    encode_embeddings,
    encode_response,
    storable,
)
from tests.core import values

CALL = ToolCall("1", "find", {"a": [1, 0.5, None]}, '{"a": [1, 0.5, null]}')
WHOLE = LLMResponse(
    "Caf\N{LATIN SMALL LETTER E WITH ACUTE} \N{GRINNING FACE}",
    "m-2026",
    finish_reason="tool_calls",
    raw_finish_reason="tool_use",
    usage=Usage(input_tokens=1, output_tokens=2, total_tokens=3),
    generation_time=1.5,
    tool_calls=(CALL, ToolCall("2", "stop")),
    reasoning="hm",
    provider="groq",
    id="a",
    request_id="r",
    cost=Decimal("0.000120"),
    attempts=2,
    history=(Attempt(number=1, error="LLMServerError"), Attempt(number=2)),
    warnings=("old",),
    raw={"id": "a", "choices": [{"text": "Hi", "n": 1, "p": 0.1, "x": None}]},
    provider_items=({"dialect": "chat", "items": [{"signature": "s"}]},),
)
VECTORS = EmbeddingResponse(
    [[0.1, -0.5], [1.0, 1e-300]],
    "m",
    usage=Usage(input_tokens=5),
    provider="openai",
    request_id="r",
    cost=Decimal("1E-7"),
    generation_time=2.0,
    warnings=("old",),
)

vectors = st.floats(allow_nan=False, allow_infinity=False)
embeddings = st.builds(
    EmbeddingResponse,
    st.lists(st.lists(vectors, max_size=3), max_size=3),
    values.words,
    usage=values.usages,
    provider=values.maybe_words,
    request_id=values.maybe_words,
    cost=st.none() | st.decimals(allow_nan=False, allow_infinity=False),
    generation_time=values.seconds,
    cached=st.booleans(),
    attempts=st.integers(0, 9),
    history=st.lists(values.attempts, max_size=2).map(tuple),
    warnings=st.lists(values.words, max_size=2).map(tuple),
)


def kept(response):
    """The response without what was of its call."""
    kind = type(response)
    return attrs.evolve(
        response, **{name: getattr(kind(), name) for name in OF_THE_CALL}
    )


def exactly(response):
    """All of a response, types included: True is not 1, and a list no tuple."""
    return repr(attrs.asdict(response, recurse=True)), repr(response)


# -- what is kept ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (LLMResponse("Hi"), True),
        (LLMResponse("Hi", finish_reason="tool_calls", tool_calls=(CALL,)), True),
        (LLMResponse(tool_calls=(CALL,), finish_reason="tool_calls"), True),
        (LLMResponse(tool_calls=(CALL,)), True),
        (LLMResponse("Hi", raw=object()), True),
        (LLMResponse(), False),
        (LLMResponse(reasoning="hm"), False),
        (LLMResponse("Hi", finish_reason="length"), False),
        (LLMResponse("Hi", finish_reason="content_filter"), False),
        (LLMResponse("Hi", finish_reason="pause"), False),
        (LLMResponse("Hi", finish_reason="error"), False),
        (LLMResponse("Hi", finish_reason="unknown"), False),
        (LLMResponse("Hi", refusal="No."), False),
        (LLMResponse("Hi", tool_calls=(ToolCall("2", "f", invalid=True),)), False),
        (LLMResponse(tool_calls=(CALL, ToolCall("2", "f", invalid=True))), False),
    ],
)
def test_only_whole_and_usable_answers_are_stored(response, expected):
    assert storable(response) is expected


@values.few
@given(values.responses, values.seconds)
def test_hit_is_the_answer_that_cost_nothing_and_was_never_sent(response, seconds):
    hit = as_hit(response, seconds)
    assert (hit.cached, hit.cost, hit.attempts, hit.history) == (True, 0, 0, ())
    assert hit.generation_time == seconds
    changed = {*OF_THE_CALL, "cost"}
    same = {name: getattr(response, name) for name in changed}
    assert attrs.evolve(hit, **same) == response


def test_hit_of_vectors_cost_nothing_and_was_never_sent():
    hit = as_hit(VECTORS, 0.25)
    assert (hit.cached, hit.cost, hit.attempts, hit.history) == (True, 0, 0, ())
    assert (hit.generation_time, hit.vectors) == (0.25, VECTORS.vectors)


# -- there and back -------------------------------------------------------------------


@given(values.responses)
def test_answer_comes_back_as_it_was_without_what_was_of_its_call(response):
    read = decode_response(encode_response(response))
    assert exactly(read) == exactly(kept(response))


@given(embeddings)
def test_vectors_come_back_as_they_were_without_what_was_of_their_call(response):
    read = decode_embeddings(encode_embeddings(response))
    assert exactly(read) == exactly(kept(response))


@pytest.mark.parametrize("cost", ["0", "0.10", "1E-7", "12.5", "1E+3"])
def test_cost_keeps_its_digits(cost):
    response = LLMResponse("Hi", cost=Decimal(cost))
    assert str(decode_response(encode_response(response)).cost) == cost


@values.few
@given(values.responses)
def test_stream_of_what_comes_back_has_the_same_events(response):
    *deltas, end = events_of(decode_response(encode_response(response)))
    assert deltas == events_of(response)[:-1]
    assert end.response == kept(response)


def test_values_are_json_that_names_its_kind_and_version():
    stored = json.loads(encode_response(WHOLE))
    assert (stored["kind"], stored["version"]) == ("LLMResponse", 1)
    assert stored["value"]["text"] == WHOLE.text
    assert json.loads(encode_embeddings(VECTORS))["kind"] == "EmbeddingResponse"


def test_what_is_read_belongs_to_its_reader_alone():
    data = encode_response(WHOLE)
    first = decode_response(data)
    first.raw["choices"].clear()
    first.provider_items[0]["items"].clear()
    first.tool_calls[0].arguments["a"].clear()
    assert exactly(decode_response(data)) == exactly(kept(WHOLE))


def test_vectors_that_are_read_belong_to_their_reader_alone():
    data = encode_embeddings(VECTORS)
    decode_embeddings(data).vectors[0].clear()
    assert decode_embeddings(data).vectors == VECTORS.vectors


def test_name_that_says_whether_its_model_is_offered_comes_back_as_a_name():
    response = LLMResponse("Hi", ModelName("m", retired="2026-01-01"))
    assert decode_response(encode_response(response)) == LLMResponse("Hi", "m")


def test_lists_that_an_adapter_gave_come_back_as_tuples():
    response = LLMResponse(
        "Hi", tool_calls=[CALL], warnings=["old"], provider_items=[{"a": 1}]
    )
    expected = LLMResponse(
        "Hi", tool_calls=(CALL,), warnings=("old",), provider_items=({"a": 1},)
    )
    assert decode_response(encode_response(response)) == expected


def test_whole_numbers_in_vectors_come_back_as_floats():
    response = EmbeddingResponse([[1, 0]])
    (vector,) = decode_embeddings(encode_embeddings(response))
    assert repr(vector) == "[1.0, 0.0]"


# -- what JSON cannot keep ------------------------------------------------------------


def deep(levels=100_000):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def circle():
    value = {}
    value["a"] = value
    return value


NO_JSON = [
    *(object(), {1: 2}, {None: 1}, float("nan"), [float("inf")], {1}, b"bytes"),
    *((1, 2), {"a": (1,)}, date(2026, 1, 1), Decimal(1), "\ud800", circle(), 10**5000),
    *(WHOLE, CALL, Decimal("sNaN"), int),
]


@pytest.mark.parametrize("raw", NO_JSON, ids=lambda raw: type(raw).__name__)
def test_raw_body_that_is_no_json_is_left_out(raw):
    response = LLMResponse("Hi", raw=raw)
    read = decode_response(encode_response(response))
    assert (read, read.raw) == (LLMResponse("Hi"), None)


def test_raw_body_that_is_nested_without_end_is_left_out():
    raw = deep()
    read = decode_response(encode_response(LLMResponse("Hi", raw=raw)))
    while raw:  # letting go of it all at once is more than Python can do
        raw = raw.pop()
    assert (read, read.raw) == (LLMResponse("Hi"), None)


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "\ud800"},
        {"text": 5},
        {"text": None},
        {"reasoning": "a\udfff"},
        {"finish_reason": "done"},
        {"usage": None},
        {"usage": Usage(input_tokens=True)},
        {"usage": Usage(input_tokens=0.5)},
        {"warnings": None},
        {"cost": 0.5},
        {"cost": Decimal("NaN")},
        {"cost": Decimal("sNaN")},
        {"tool_calls": (ToolCall("1", "f", {"a": float("nan")}),)},
        {"tool_calls": (ToolCall("1", "f", {"a": (1,)}),)},
        {"tool_calls": ({"id": "1"},)},
        {"provider_items": ({"a": object()},)},
        {"provider_items": ({"a": {1}},)},
        {"provider_items": ({1: "a"},)},
        {"provider_items": ([],)},
        {"provider_items": (circle(),)},
    ],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.parametrize("raw", [None, {"a": 1}])
def test_answer_that_json_cannot_give_back_is_refused(fields, raw):
    response = LLMResponse(**{"text": "Hi", "raw": raw} | fields)
    with pytest.raises(ValueError, match="cannot be kept"):
        encode_response(response)


@pytest.mark.parametrize(
    "fields",
    [
        {"vectors": [[float("nan")]]},
        {"vectors": [[0.5], [float("inf")]]},
        {"vectors": [["0.5"]]},
        {"vectors": [[None]]},
        {"vectors": [0.5]},
        {"vectors": None},
        {"vectors": object()},
        {"vectors": circle()},
        {"model": "\ud800"},
        {"model": None},
        {"cost": Decimal("Infinity")},
        {"cost": Decimal("sNaN")},
        {"usage": {}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_vectors_that_json_cannot_give_back_are_refused(fields):
    with pytest.raises(ValueError, match="cannot be kept"):
        encode_embeddings(EmbeddingResponse(**fields))


# -- rubbish --------------------------------------------------------------------------

READERS = [(decode_response, encode_response), (decode_embeddings, encode_embeddings)]
STORED = {
    decode_response: encode_response(WHOLE),
    decode_embeddings: encode_embeddings(VECTORS),
}
decoders = pytest.mark.parametrize("decode", STORED)


@decoders
def test_value_that_was_cut_anywhere_is_none(decode):
    data = STORED[decode]
    for at in range(len(data)):
        with pytest.raises(NotStored):
            decode(data[:at])


@decoders
def test_value_that_goes_on_is_none(decode):
    for more in (b"}", b"0", b"\0", STORED[decode]):
        with pytest.raises(NotStored):
            decode(STORED[decode] + more)


@decoders
@given(data=st.binary() | st.text().map(str.encode))
def test_arbitrary_bytes_are_none(decode, data):
    with pytest.raises(NotStored):
        decode(data)


@decoders
@given(value=values.json_values | values.json_objects)
def test_arbitrary_json_is_none(decode, value):
    label = {"kind": "LLMResponse", "version": 1}
    for document in (value, {**label, "value": value}):
        with pytest.raises(NotStored):
            decode(json.dumps(document).encode())


@decoders
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"\xff\xfe",
        b"\x80\x04K\x01.",  # a pickle
        b'{"kind":"LLMResponse","version":1,"value":{"text":"\xff"}}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"value":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        None,
        5,
        [],
    ],
    ids=lambda data: repr(data)[:20],
)
def test_anything_else_is_none(decode, data):
    with pytest.raises(NotStored):
        decode(data)


def test_raw_body_that_is_nested_without_end_is_not_read():
    brackets = b"[" * 100_000 + b"]" * 100_000
    data = encode_response(LLMResponse("Hi"))
    assert b'"raw":null' in data
    with pytest.raises(NotStored):
        decode_response(data.replace(b'"raw":null', b'"raw":' + brackets))


def test_one_kind_is_none_of_the_other():
    with pytest.raises(NotStored):
        decode_response(STORED[decode_embeddings])
    with pytest.raises(NotStored):
        decode_embeddings(STORED[decode_response])


@decoders
@pytest.mark.parametrize(
    "label",
    [
        {"version": 2},
        {"version": 0},
        {"version": "1"},
        {"version": True},
        {"version": None},
        {"kind": "Other"},
        {"kind": None},
        {"more": 1},
    ],
    ids=str,
)
def test_value_of_another_label_is_none(decode, label):
    stored = json.loads(STORED[decode]) | label
    with pytest.raises(NotStored):
        decode(json.dumps(stored).encode())


@decoders
def test_every_field_has_to_be_there(decode):
    whole = json.loads(STORED[decode])
    places = [whole, whole["value"], whole["value"]["usage"]]
    places += whole["value"].get("tool_calls", [])
    for place in places:
        for name in list(place):
            value = place.pop(name)
            with pytest.raises(NotStored):
                decode(json.dumps(whole).encode())
            place[name] = value
    assert decode(json.dumps(whole).encode()) == decode(STORED[decode])


@decoders
@pytest.mark.parametrize(
    "cost",
    [0, 0.5, "", "free", "NaN", "sNaN", "Infinity", " 1", "1_0", "1E+" + "9" * 30],
)
def test_cost_that_is_no_number_as_it_is_written_is_none(decode, cost):
    stored = json.loads(STORED[decode])
    stored["value"]["cost"] = cost
    with pytest.raises(NotStored):
        decode(json.dumps(stored).encode())


def places_in(value):
    """Every list and object in a JSON value."""
    if isinstance(value, dict | list):
        yield value
        for each in value.values() if isinstance(value, dict) else value:
            yield from places_in(each)


@pytest.mark.parametrize(("decode", "encode"), READERS)
@given(data=st.data())
def test_value_that_was_tampered_with_is_none_or_another_that_could_be_stored(
    decode, encode, data
):
    stored = copy.deepcopy(json.loads(STORED[decode]))
    place = data.draw(st.sampled_from([p for p in places_in(stored) if p]))
    names = list(place) if isinstance(place, dict) else range(len(place))
    name = data.draw(st.sampled_from(names))
    new = data.draw(values.json_values)
    if isinstance(place, dict) and data.draw(st.booleans()):
        name = data.draw(values.words)
    place[name] = new
    try:
        read = decode(json.dumps(stored).encode())
    except NotStored:
        return
    assert json.loads(encode(read)) == stored
