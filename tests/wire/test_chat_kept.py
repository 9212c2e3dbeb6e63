"""What servers want back unchanged: kept as it came, whole and from fragments."""

from __future__ import annotations

import pytest

from llm_adapter._wire.openai_chat_kept import KeptFragments, kept_of_message

ALL = frozenset({"reasoning_details", "extra_content", "thinking"})


def collected(*deltas, keeps=ALL):
    """What is kept of a stream with these deltas."""
    found = KeptFragments(keeps)
    for delta in deltas:
        found.add(delta)
    return found.whole()


def details(*fragments):
    """The reasoning details of a stream that brings these one by one."""
    found = collected(*({"reasoning_details": [each]} for each in fragments))
    return found[0]["reasoning_details"] if found else []


def thoughts(*contents):
    """The thoughts of a stream with these contents."""
    found = collected(*({"content": each} for each in contents))
    return found[0]["thinking"] if found else []


def thought(words, **fields):
    text = {"type": "text", "text": words}
    return {"type": "thinking", "thinking": [text], **fields}


# -- a whole message ------------------------------------------------------------------

DETAILS = [
    {"type": "reasoning.encrypted", "data": "a", "index": 0},
    {"type": "reasoning.encrypted", "data": "b", "index": 0},
]
CALLS = [{"id": "a"}, {"id": "b", "extra_content": {"google": 1}}, None]


def test_a_whole_message_is_kept_as_it_came():
    content = [thought("Hm"), thought("Ah"), {"type": "text", "text": "Hi"}]
    message = {"reasoning_details": DETAILS, "content": content}
    assert kept_of_message(message, CALLS, ALL) == [
        {"reasoning_details": DETAILS},
        {"thinking": content[:2]},
        {"tool_call": 1, "extra_content": {"google": 1}},
    ]


@pytest.mark.parametrize("name", sorted(ALL))
def test_only_what_the_server_wants_back_is_kept(name):
    message = {"reasoning_details": DETAILS, "content": [thought("Hm")]}
    (item,) = kept_of_message(message, CALLS, frozenset({name}))
    assert name in item
    assert collected(message, keeps=frozenset()) == []
    assert kept_of_message(message, CALLS, frozenset()) == []


@pytest.mark.parametrize("value", [None, "x", 5, {}, [], [None, "x", 5]])
def test_what_has_no_known_form_is_not_kept(value):
    message = {"reasoning_details": value, "content": value}
    calls = [{"extra_content": value}, value]
    assert kept_of_message(message, value, ALL) == []
    assert kept_of_message(message, calls, ALL) == []
    assert collected(message) == []


# -- reasoning details ----------------------------------------------------------------


def text(words, **fields):
    return {"type": "reasoning.text", "text": words, "index": 0, **fields}


@pytest.mark.parametrize(
    ("fragments", "whole"),
    [
        pytest.param([text("a"), text("b")], [text("ab")], id="text"),
        pytest.param(
            [text("a"), text("", signature="S")],
            [text("a", signature="S")],
            id="signature in a fragment of its own",
        ),
        pytest.param(
            [text("a", signature=None), {**text("b", signature="S"), "text": None}],
            [text("a", signature="S")],
            id="nulls say nothing",
        ),
        pytest.param(
            [text("a", index=0), text("b", index=1), text("c", index=0)],
            [text("ac", index=0), text("b", index=1)],
            id="by turns",
        ),
        pytest.param(
            [text("a"), {"type": "reasoning.encrypted", "data": "x", "index": 0}],
            [text("a"), {"type": "reasoning.encrypted", "data": "x", "index": 0}],
            id="two kinds in one place",
        ),
        pytest.param(
            [text("a", id="r"), text("b"), text("c", id="r")],
            [text("abc", id="r")],
            id="an id that is not repeated",
        ),
        pytest.param(
            [text("a", id="r"), text("b", id="s")],
            [text("a", id="r"), text("b", id="s")],
            id="two ids",
        ),
        pytest.param(
            [{"type": "x", "text": "a"}, {"type": "x", "text": "b"}],
            [{"type": "x", "text": "a"}, {"type": "x", "text": "b"}],
            id="no index",
        ),
        pytest.param(
            [text("a", format=None), text("b", format="f")],
            [text("ab", format="f")],
            id="format",
        ),
        pytest.param([text("a"), text(5)], [text(5)], id="another type"),
    ],
)
def test_fragments_of_details_are_put_together(fragments, whole):
    assert details(*fragments) == whole


def test_fragments_are_not_changed_by_being_put_together():
    first = text("a")
    details(first, text("b"))
    assert first == text("a")


# -- thoughts -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contents", "whole"),
    [
        pytest.param([[thought("a")], [thought("b")]], [thought("ab")], id="in a row"),
        pytest.param(
            [[thought("a")], "", None, [], [thought("b")]],
            [thought("ab")],
            id="nothing between",
        ),
        pytest.param(
            [[thought("a")], "Hi", [thought("b")]],
            [thought("a"), thought("b")],
            id="text between",
        ),
        pytest.param(
            [[thought("a"), {"type": "text", "text": "Hi"}, thought("b")]],
            [thought("a"), thought("b")],
            id="text between in one delta",
        ),
        pytest.param(
            [[thought("a")], [thought("b", closed=True, signature="S")]],
            [thought("ab", closed=True, signature="S")],
            id="closed and signed",
        ),
        pytest.param(
            [[{"type": "thinking", "thinking": "a"}]] * 2,
            [{"type": "thinking", "thinking": "aa"}],
            id="plain text",
        ),
        pytest.param(
            [[thought("a")], [{"type": "thinking", "thinking": [{"type": "ref"}]}]],
            [
                {
                    "type": "thinking",
                    "thinking": [{"type": "text", "text": "a"}, {"type": "ref"}],
                }
            ],
            id="more than text",
        ),
        pytest.param(
            [[{"type": "thinking", "thinking": []}], [thought("a")]],
            [thought("a")],
            id="empty at first",
        ),
        pytest.param(
            [[{"type": "thinking", "thinking": "ab"}], [thought("c")]],
            [thought("c")],
            id="text, then a list",
        ),
        pytest.param(
            [[thought("a")], [{"type": "thinking", "thinking": 5}]],
            [{"type": "thinking", "thinking": 5}],
            id="another type",
        ),
    ],
)
def test_thoughts_in_a_row_are_one(contents, whole):
    assert thoughts(*contents) == whole


# -- signatures of calls --------------------------------------------------------------


def test_the_signature_of_a_call_may_come_after_it():
    found = KeptFragments(ALL)
    found.add_call(0, {"id": "a"})
    found.add_call(1, {"extra_content": {"google": 1}})
    found.add_call(0, {"extra_content": {"google": 2}})
    found.add_call(0, {"extra_content": {}})
    assert found.whole() == [
        {"tool_call": 1, "extra_content": {"google": 1}},
        {"tool_call": 0, "extra_content": {"google": 2}},
    ]
