"""Bytes in pieces, as networks deliver them."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st


def byte_by_byte(body):
    return [body[i : i + 1] for i in range(len(body))]


@st.composite
def in_pieces(draw, bodies):
    """A body and one way to cut it; some of the pieces are empty."""
    body = draw(bodies)
    cuts = draw(st.lists(st.integers(0, len(body)), max_size=12))
    edges = [0, *sorted(cuts), len(body)]
    return body, [body[begin:end] for begin, end in pairwise(edges)]
