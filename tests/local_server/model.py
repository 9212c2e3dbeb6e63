"""A model of half a megabyte that says the same few words to everybody.

Its weights are not trained but set: the embedding of each token is a unit vector, the
layer between adds nothing, and the output matrix is a table that says which token likes
to follow which. So a real server runs a real model, and a test knows what it will say:

- `SAYS`, whatever is asked; after `THINKS` where the template lets it think;
- `GOES_ON` again and again where it may not end (`UNENDING` in requests.py);
- the shortest JSON that a grammar allows, with strings that are `ok` and numbers `1`;
- a call of the first tool after `SAYS`, where it must call one.

It reads one token for each byte, and two more for each message (`prompt_tokens`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import gguf
import numpy as np

# The SPM vocabulary writes a space so.
_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"

# Words are one token each, and each byte of the emoji is a token: it comes in four
# pieces, of which the server must make one.
_SPOKEN = ("Hello", " ", *"🙂".encode(), ord(","), " ich", " grüße", " dich", ord("."))
_THOUGHT = ("They", " greet", " me", ord("!"))
_ONWARDS = (ord("."), " And", " so", " on", ord("."))

ROLES = ("system", "user", "assistant", "tool")
_END = "<|end|>"
_CONTROL = ("<s>", _END, *(f"<|{role}|>" for role in ROLES))
_MARKS = ("<think>", "</think>", "<tool_call>", "</tool_call>")

# What follows where a chain says nothing else, the likeliest first: what closes JSON
# that is open, and closes it soon.
_LIKED = (*map(ord, '"}]:,1{[tfn'), _END, ord("\n"))

_TEMPLATE = """\
{%- if tools %}<|system|>{{ tools | tojson }}<|end|>{% endif -%}
{%- for message in messages -%}
<|{{ message.role }}|>
{%- if message.reasoning_content %}<think>{{ message.reasoning_content }}</think>\
{% endif -%}
{%- if message.content is string %}{{ message.content }}{% endif -%}
{%- if message.tool_calls -%}
{%- for call in message.tool_calls -%}
<tool_call>
{"name": {{ call.function.name | tojson }}, \
"arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor -%}
{%- endif -%}
<|end|>
{%- endfor -%}
{%- if add_generation_prompt %}<|assistant|>\
{% if enable_thinking %}<think>{% endif %}{% endif -%}
"""


def _text(spoken: tuple[str | int, ...]) -> str:
    return b"".join(
        bytes([each]) if isinstance(each, int) else each.encode() for each in spoken
    ).decode()


SAYS = _text(_SPOKEN)
THINKS = _text(_THOUGHT)
GOES_ON = _text(_ONWARDS[1:])
SAYS_TOKENS = len(_SPOKEN) + 1  # and the one that ends the answer
THINKS_TOKENS = len(_THOUGHT) + 1  # and the one that ends the thoughts


def prompt_tokens(*contents: str) -> int:
    """What the server counts for messages with these contents."""
    # A message stands between its role and an end; the last role opens the answer.
    return sum(len(each.encode()) + 2 for each in contents) + 1


def _byte_token(byte: int) -> str:
    return f"<0x{byte:02X}>"


def _vocabulary() -> dict[str, gguf.TokenType]:
    """The type of each token, in the order of their numbers."""
    words = (each for each in (*_SPOKEN, *_THOUGHT, *_ONWARDS) if isinstance(each, str))
    return {
        "<unk>": gguf.TokenType.UNKNOWN,
        **dict.fromkeys(_CONTROL, gguf.TokenType.CONTROL),
        **dict.fromkeys(map(_byte_token, range(256)), gguf.TokenType.BYTE),
        **dict.fromkeys(_MARKS, gguf.TokenType.USER_DEFINED),
        **dict.fromkeys(map(_word_token, words), gguf.TokenType.NORMAL),
    }


def _word_token(word: str) -> str:
    return word.replace(" ", _SPACE)


def _token(spoken: str | int) -> str:
    return _byte_token(spoken) if isinstance(spoken, int) else _word_token(spoken)


def _followers() -> Iterator[tuple[str, str, float]]:
    """Which token follows which, and how surely."""
    chains = (
        ("<|assistant|>", *_SPOKEN, _END),
        ("<think>", *_THOUGHT, "</think>", *_SPOKEN, _END),
        (ord('"'), ord("o"), ord("k"), ord('"')),
    )
    for chain in chains:
        for one, other in pairwise(map(_token, chain)):
            yield one, other, 300
    # A grammar that demands a tool call forbids the end. That the call begins with
    # a new line it does not demand: the server just would not read it as a call.
    yield _token(ord(".")), "<tool_call>", 270
    yield "<tool_call>", _token(ord("\n")), 300
    yield _token(ord("}")), _END, 145
    yield _token(ord("}")), _token(ord("\n")), 140
    yield _token(ord("\n")), "</tool_call>", 300
    yield "</tool_call>", _END, 300
    for one, other in pairwise(map(_token, _ONWARDS)):
        yield one, other, 240


def _output_table(numbers: Mapping[str, int], width: int) -> np.ndarray:
    """The score of each token (row) after each token (column)."""
    scores = np.zeros((len(numbers), width), dtype=np.float32)
    for place, liked in enumerate(reversed(_LIKED)):
        scores[numbers[_token(liked)]] = 15 * (place + 1)
    for one, other, score in _followers():
        scores[numbers[other], numbers[one]] = score
    # The norm before the output makes a unit vector this much longer.
    return scores / np.sqrt(width)


def write_model(path: Path) -> None:
    """Write the model as a GGUF file."""
    tokens = _vocabulary()
    numbers = {token: number for number, token in enumerate(tokens)}
    width = 320
    writer = gguf.GGUFWriter(path, "llama")
    _add_architecture(writer, width)
    _add_tokenizer(writer, tokens, numbers)
    _add_weights(writer, numbers, width)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


_HEAD = 32
_CONTEXT = 1 << 20


def _add_architecture(writer: gguf.GGUFWriter, width: int) -> None:
    writer.add_name("bigram")
    writer.add_context_length(_CONTEXT)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_HEAD)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_key_length(_HEAD)
    writer.add_value_length(_HEAD)
    writer.add_rope_dimension_count(_HEAD)
    writer.add_layer_norm_rms_eps(1e-6)


def _add_tokenizer(
    writer: gguf.GGUFWriter,
    tokens: Mapping[str, gguf.TokenType],
    numbers: Mapping[str, int],
) -> None:
    writer.add_tokenizer_model("llama")
    writer.add_token_list(list(tokens))
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(list(tokens.values()))
    writer.add_unk_token_id(numbers["<unk>"])
    writer.add_bos_token_id(numbers["<s>"])
    writer.add_eos_token_id(numbers[_END])
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(_TEMPLATE)


def _add_weights(
    writer: gguf.GGUFWriter, numbers: Mapping[str, int], width: int
) -> None:
    nothing = {
        "attn_q": (_HEAD, width),
        "attn_k": (_HEAD, width),
        "attn_v": (_HEAD, width),
        "attn_output": (width, _HEAD),
        "ffn_gate": (_HEAD, width),
        "ffn_up": (_HEAD, width),
        "ffn_down": (width, _HEAD),
    }
    for name, shape in nothing.items():
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros(shape, np.float16))
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(width, np.float32))
    unit_vectors = np.eye(len(numbers), width, dtype=np.float16)
    writer.add_tensor("token_embd.weight", unit_vectors)
    output = _output_table(numbers, width).astype(np.float16)
    writer.add_tensor("output.weight", output)


if __name__ == "__main__":
    write_model(Path(sys.argv[1]))
