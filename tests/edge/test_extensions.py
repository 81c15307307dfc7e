"""Negotiation of permessage-deflate: what is taken, on which terms, what is declined and what is an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.extensions import Agreed, agree, parse_extensions
from gateway.edge.failures import BadRequest

BOTH = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


@pytest.mark.parametrize(
    ("offer", "bits", "more"),
    [
        ("permessage-deflate", 15, ""),
        ("permessage-deflate; client_max_window_bits", 15, ""),
        ("permessage-deflate; client_max_window_bits=8", 15, ""),
        ("permessage-deflate;client_max_window_bits=15;server_no_context_takeover", 15, ""),
        ("permessage-deflate; client_no_context_takeover", 15, ""),
        ("permessage-deflate; server_max_window_bits=15", 15, "; server_max_window_bits=15"),
        ("permessage-deflate; server_max_window_bits=14", 9, "; server_max_window_bits=9"),
        ("permessage-deflate; server_max_window_bits=9", 9, "; server_max_window_bits=9"),
        ('permessage-deflate; server_max_window_bits="10"', 9, "; server_max_window_bits=9"),
        ('permessage-deflate ; server_max_window_bits = "1\\2"', 9, "; server_max_window_bits=9"),
        ("x-webkit-deflate-frame, permessage-deflate", 15, ""),
        ("permessage-deflate; server_max_window_bits=8, permessage-deflate", 15, ""),
        ("permessage-deflate; nonsense, permessage-deflate; client_max_window_bits", 15, ""),
        (",, permessage-deflate ,", 15, ""),
    ],
)
def test_taken(offer: str, bits: int, more: str) -> None:
    assert agree(offer) == Agreed(bits, BOTH + more)


@pytest.mark.parametrize(
    "offer",
    [
        "",
        ",",
        "x-webkit-deflate-frame",
        "Permessage-Deflate",
        "permessage-deflate; unknown",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=09",
        "permessage-deflate; server_max_window_bits=+9",
        "permessage-deflate; server_max_window_bits=99999999999999999999",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=x",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=true",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_max_window_bits=9; client_max_window_bits=9",
    ],
)
def test_declined(offer: str) -> None:
    assert agree(offer) is None


@pytest.mark.parametrize(
    "header",
    [
        "permessage-deflate;",
        "permessage-deflate; =9",
        "permessage-deflate; client_max_window_bits=",
        'permessage-deflate; client_max_window_bits="9',
        'permessage-deflate; client_max_window_bits="9 0"',
        'permessage-deflate; client_max_window_bits=""',
        "permessage-deflate client_max_window_bits",
        "permessage-deflate/1",
        "; permessage-deflate",
        "a, é",
        "a\x00",
    ],
)
def test_what_is_not_a_list_of_extensions_is_an_error(header: str) -> None:
    with pytest.raises(BadRequest) as caught:
        agree(header)
    assert caught.value.field == "sec-websocket-extensions"


tokens = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=12)
spaces = st.sampled_from(["", " ", "\t", "  "])


@st.composite
def written(draw: st.DrawFn) -> tuple[str, list[tuple[str, list[tuple[str, str | None]]]]]:
    """A header in one of the many ways to write it, and what it says."""
    offers, text = [], []
    for _ in range(draw(st.integers(0, 4))):
        name, parameters = draw(tokens), []
        piece = name + draw(spaces)
        for _ in range(draw(st.integers(0, 3))):
            parameter, value = draw(tokens), draw(st.one_of(st.none(), tokens))
            parameters.append((parameter, value))
            piece += ";" + draw(spaces) + parameter + draw(spaces)
            if value is not None:
                escaped = "".join(f"\\{c}" if draw(st.booleans()) else c for c in value)
                piece += "=" + draw(spaces) + (f'"{escaped}"' if draw(st.booleans()) else value) + draw(spaces)
        offers.append((name, parameters))
        text.append(piece)
    return (draw(spaces) + ",").join(text), offers


@given(written())
def test_every_way_to_write_it_says_the_same(case: tuple[str, list[tuple[str, list[tuple[str, str | None]]]]]) -> None:
    header, offers = case
    assert parse_extensions(header) == offers


parameters = st.sampled_from(
    [
        "server_no_context_takeover",
        "client_no_context_takeover",
        "client_max_window_bits",
        "client_max_window_bits=10",
        "server_max_window_bits=15",
        "server_max_window_bits=10",
        "server_max_window_bits=8",
        "other",
        "server_no_context_takeover=1",
    ]
)


@given(st.lists(st.lists(parameters, max_size=4), max_size=4))
def test_the_first_offer_that_can_be_taken_is_taken(offers: list[list[str]]) -> None:
    """What is answered stays inside the offer (RFC 7692 section 7.1), and no earlier offer would have been taken."""
    header = ", ".join("; ".join(["permessage-deflate", *offer]) for offer in offers)
    alone = [agree("; ".join(["permessage-deflate", *offer])) for offer in offers]
    agreed = agree(header)
    assert agreed == next((found for found in alone if found is not None), None)
    if agreed is not None:
        offer = offers[next(i for i, found in enumerate(alone) if found is not None)]
        limit = next((int(p.partition("=")[2]) for p in offer if p.startswith("server_max_window_bits=")), None)
        assert agreed.window_bits <= (limit or 15)
        assert ("server_max_window_bits" in agreed.answer) is (limit is not None)
        assert "client_max_window_bits" not in agreed.answer
        assert agreed.answer.startswith(BOTH)


@given(st.text(max_size=80))
def test_any_text_is_answered_or_refused(header: str) -> None:
    try:
        agreed = agree(header)
    except BadRequest:
        return
    assert agreed is None or agreed.window_bits in (9, 15)
