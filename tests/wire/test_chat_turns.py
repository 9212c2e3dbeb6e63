"""Turns of a conversation: how each kind of server wants to have them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import LLMRequest, Message, Tool
from llm_adapter._wire.kept import kept
from llm_adapter._wire.openai_chat_quirks import ChatQuirks
from llm_adapter._wire.openai_chat_turns import (
    CallIds,
    encode_conversation,
    encode_message,
    encode_tool_call,
)
from llm_adapter.models import Document, Image, Text, ToolCall

PICTURE = Image("https://example.com/a.png")
SHORT = ChatQuirks(short_call_ids=True)


def encode(*messages, prompt="", quirks=None, **fields):
    """The turns of a conversation as they are sent."""
    request = LLMRequest(prompt, messages=messages, **fields)
    return encode_conversation(request, quirks or ChatQuirks())


def called(*ids, **fields):
    return Message(
        "assistant", tool_calls=[ToolCall(id_, "f") for id_ in ids], **fields
    )


def result(id_):
    return Message("tool", "42", tool_call_id=id_)


# -- ids of calls ---------------------------------------------------------------------

IDS = st.sampled_from(["a", "call_1", "A1b2C3d4E", "äöüäöüäöü", "123456789", "x" * 40])
ANY_IDS = st.lists(IDS | st.text(min_size=1, max_size=12), max_size=12)


@given(ANY_IDS)
def test_short_ids_fit_and_stand_for_one_id_each(ids):
    made = CallIds(short=True)
    sent = {id_: made.sent(id_) for id_ in ids}
    assert all(re.fullmatch("[a-zA-Z0-9]{9}", short) for short in sent.values())
    assert len(set(sent.values())) == len(sent)


@given(ANY_IDS, ANY_IDS)
def test_the_beginning_of_a_conversation_is_always_sent_in_the_same_words(ids, more):
    first, second = CallIds(short=True), CallIds(short=True)
    assert [first.sent(id_) for id_ in ids] == [
        second.sent(id_) for id_ in [*ids, *more]
    ][: len(ids)]


@given(ANY_IDS)
def test_where_any_form_will_do_ids_stay_as_they_are(ids):
    made = CallIds(short=False)
    assert [made.sent(id_) for id_ in ids] == ids


def test_a_short_id_stays_unless_another_was_sent_as_it():
    free, taken = CallIds(short=True), CallIds(short=True)
    other = free.sent("call_1")
    assert free.sent("A1b2C3d4E") == "A1b2C3d4E"
    assert taken.sent("call_1") == other
    assert taken.sent(other) not in (other, "call_1")


def test_half_of_a_surrogate_pair_in_an_id_is_shortened_too():
    assert len(CallIds(short=True).sent("\ud800")) == 9


def test_a_result_names_the_call_that_it_belongs_to():
    turns = encode(called("call_1", "call_2"), result("call_2"), quirks=SHORT)
    first, second = (call["id"] for call in turns[0]["tool_calls"])
    assert turns[1]["tool_call_id"] == second != first
    assert len(second) == 9


def test_a_call_alone_is_sent_with_the_same_id():
    (turn,) = encode(called("call_1"), quirks=SHORT)
    call = ToolCall("call_1", "f")
    assert [encode_tool_call(call, SHORT)] == turn["tool_calls"]
    assert encode_message(called("call_1"), SHORT) == turn


# -- earlier reasoning ----------------------------------------------------------------

SAID = Message("assistant", "Hi", reasoning="Hm")
DEEPSEEK = ChatQuirks(sends_reasoning="reasoning_content", needs_reasoning=True)


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_goes_back_under_the_name_that_the_server_gives_it(name):
    (turn,) = encode(SAID, quirks=ChatQuirks(sends_reasoning=name))
    assert turn == {"role": "assistant", "content": "Hi", name: "Hm"}


def test_reasoning_stays_here_where_the_server_does_not_take_it():
    assert encode(SAID) == [{"role": "assistant", "content": "Hi"}]


def test_with_tools_every_turn_brings_its_reasoning_if_only_an_empty_one():
    turns = encode(SAID, called("a"), result("a"), tools=[Tool("f")], quirks=DEEPSEEK)
    assert [turn.get("reasoning_content") for turn in turns] == ["Hm", "", None]


def test_without_tools_no_empty_reasoning_is_sent():
    turns = encode(SAID, called("a"), result("a"), quirks=DEEPSEEK)
    assert [turn.get("reasoning_content") for turn in turns] == ["Hm", None, None]


# -- what the server wants back -------------------------------------------------------

DETAILS = [{"type": "reasoning.text", "text": "Hm", "signature": "S", "index": 0}]
THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}
EXTRA = {"google": {"thought_signature": "S"}}
ITEMS = kept(
    "chat",
    "m",
    [
        {"reasoning_details": DETAILS},
        {"thinking": [THOUGHT]},
        {"tool_call": 1, "extra_content": EXTRA},
    ],
)


def keeping(*names, **fields):
    return ChatQuirks(keeps=frozenset(names), **fields)


def test_details_go_back_and_take_the_place_of_the_reasoning_text():
    message = Message("assistant", "Hi", reasoning="Hm", provider_items=ITEMS)
    quirks = keeping("reasoning_details", sends_reasoning="reasoning")
    assert encode(message, quirks=quirks) == [
        {"role": "assistant", "content": "Hi", "reasoning_details": DETAILS}
    ]
    assert encode(SAID, quirks=quirks)[0]["reasoning"] == "Hm"


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        ("Hi", [{"type": "text", "text": "Hi"}]),
        ("", []),
        ([Text("Hi")], [{"type": "text", "text": "Hi"}]),
    ],
)
def test_thoughts_go_back_in_front_of_the_text(content, sent):
    message = Message("assistant", content, provider_items=ITEMS)
    (turn,) = encode(message, quirks=keeping("thinking"))
    assert turn == {"role": "assistant", "content": [THOUGHT, *sent]}


def test_thoughts_go_back_in_front_of_a_call():
    (turn,) = encode(called("a", provider_items=ITEMS), quirks=keeping("thinking"))
    assert turn["content"] == [THOUGHT]


def test_a_signature_goes_back_on_its_call():
    message = called("a", "b", provider_items=ITEMS)
    (turn,) = encode(message, quirks=keeping("extra_content"))
    assert [call.get("extra_content") for call in turn["tool_calls"]] == [None, EXTRA]


@pytest.mark.parametrize("quirks", [ChatQuirks(), keeping("something")])
def test_what_another_provider_kept_stays_here(quirks):
    message = called("a", "b", provider_items=ITEMS)
    assert encode(message, quirks=quirks) == encode(called("a", "b"))


def test_what_another_dialect_kept_stays_here():
    items = kept("responses", "m", [{"reasoning_details": DETAILS}])
    message = Message("assistant", "Hi", provider_items=items)
    (turn,) = encode(message, quirks=keeping("reasoning_details"))
    assert turn == {"role": "assistant", "content": "Hi"}


@pytest.mark.parametrize(
    "item",
    [
        {"tool_call": 1, "extra_content": EXTRA},
        {"tool_call": -1, "extra_content": EXTRA},
        {"tool_call": None, "extra_content": EXTRA},
        {"extra_content": EXTRA},
        {"thinking": "Hm"},
        {},
    ],
)
def test_what_does_not_fit_the_message_any_more_stays_here(item):
    message = called("a", provider_items=kept("chat", "m", [item]))
    quirks = keeping("thinking", "extra_content")
    assert encode(message, quirks=quirks) == encode(called("a"))


def test_a_signature_without_any_call_stays_here():
    message = Message("assistant", "Hi", provider_items=ITEMS)
    assert encode(message, quirks=keeping("extra_content")) == [
        {"role": "assistant", "content": "Hi"}
    ]


GEMINI = keeping("extra_content", signed_calls=True)
UNSIGNED = {"google": {"thought_signature": "skip_thought_signature_validator"}}


def test_calls_of_another_model_are_said_to_have_no_signature():
    turns = encode(called("a", "b"), result("a"), result("b"), quirks=GEMINI)
    calls = turns[0]["tool_calls"]
    assert [call.get("extra_content") for call in calls] == [UNSIGNED, None]


def test_calls_with_a_signature_keep_it():
    message = called("a", "b", provider_items=ITEMS)
    (turn,) = encode(message, quirks=GEMINI)
    assert [call.get("extra_content") for call in turn["tool_calls"]] == [None, EXTRA]


# -- who may speak after whom ---------------------------------------------------------


def told(turns):
    return [(turn["role"], turn["content"]) for turn in turns]


PARTED = ChatQuirks(user_after_result=False)


def test_the_assistant_says_a_word_between_a_result_and_the_user():
    messages = [called("a"), result("a"), Message("user", "So?")]
    turns = encode(*messages, called("b"), result("b"), prompt="Hm?", quirks=PARTED)
    roles = [turn["role"] for turn in turns]
    assert roles == ["assistant", "tool", "assistant", "user"] * 2
    assert turns[2] == {"role": "assistant", "content": "OK."}


def test_the_assistant_adds_no_word_anywhere_else():
    messages = [Message("user", "Hi"), called("a", "b"), result("a"), result("b")]
    assert encode(*messages, quirks=PARTED) == encode(*messages)


ALTERNATING = ChatQuirks(alternates=True)


def test_what_one_speaker_says_in_a_row_becomes_one_turn():
    messages = [Message("user", "a"), Message("user", "b"), Message("assistant", "c")]
    turns = encode(*messages, Message("assistant", "d"), prompt="e", quirks=ALTERNATING)
    assert told(turns) == [("user", "a\n\nb"), ("assistant", "c\n\nd"), ("user", "e")]


@pytest.mark.parametrize(
    ("first", "second", "sent"),
    [
        ("", "b", "b"),
        ("a", "", "a"),
        (
            "a",
            [Text("b"), PICTURE],
            [
                {"type": "text", "text": "a"},
                {"type": "text", "text": "b"},
                {"type": "image_url", "image_url": {"url": PICTURE.url}},
            ],
        ),
        (
            [PICTURE],
            "b",
            [
                {"type": "image_url", "image_url": {"url": PICTURE.url}},
                {"type": "text", "text": "b"},
            ],
        ),
    ],
)
def test_joined_turns_hold_all_that_was_said(first, second, sent):
    turns = encode(Message("user", first), Message("user", second), quirks=ALTERNATING)
    assert told(turns) == [("user", sent)]


def test_turns_that_hold_more_than_content_are_not_joined():
    turns = encode(
        called("a"), called("b"), result("a"), result("b"), quirks=ALTERNATING
    )
    assert len(turns) == 4


def test_system_messages_are_not_joined():
    turns = encode(
        Message("system", "b"), system_message="a", prompt="Hi", quirks=ALTERNATING
    )
    assert [content for _, content in told(turns)] == ["a", "b", "Hi"]


def test_elsewhere_one_speaker_may_go_on():
    turns = encode(Message("user", "a"), prompt="b")
    assert told(turns) == [("user", "a"), ("user", "b")]


# -- documents ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "sent"),
    [
        (
            Document("https://example.com/a.pdf"),
            {"type": "document_url", "document_url": "https://example.com/a.pdf"},
        ),
        (
            Document(data=b"Hi", media_type="application/pdf", name="a.pdf"),
            {
                "type": "document_url",
                "document_url": "data:application/pdf;base64,SGk=",
                "document_name": "a.pdf",
            },
        ),
    ],
)
def test_a_document_may_be_sent_as_a_part_of_another_kind(document, sent):
    (turn,) = encode(prompt=[document], quirks=ChatQuirks(document_part="document_url"))
    assert turn["content"] == [sent]
