"""Which pages may connect."""

from __future__ import annotations

import pytest

from gateway.access.origins import allowed


@pytest.mark.parametrize(
    ("origin", "host", "origins", "expected"),
    [
        ("http://localhost:8080", "localhost:8080", [], True),
        ("https://live.example", "live.example", [], True),
        ("https://live.example", "live.example:443", [], True),
        ("https://live.example:8443", "live.example:8443", [], True),
        ("https://LIVE.example", "live.EXAMPLE", [], True),
        ("http://[::1]:8080", "[::1]:8080", [], True),
        ("http://localhost:8081", "localhost:8080", [], False),
        ("https://evil.example", "live.example", [], False),
        ("https://live.example.evil.example", "live.example", [], False),
        ("https://live.example", "", [], False),
        ("null", "live.example", [], False),
        ("", "", [], False),
        ("file://", "", [], False),
        ("http://x:99999", "x:99999", [], False),
        ("https://[", "[", [], False),
        ("https://other.example", "live.example", ["https://other.example"], True),
        ("https://Other.example", "live.example", ["https://other.Example"], True),
        ("http://other.example", "live.example", ["https://other.example"], False),
        ("null", "live.example", ["*"], True),
    ],
)
def test_own_and_listed_origins_may(origin: str, host: str, origins: list[str], expected: bool) -> None:
    assert allowed(origin, host, origins) is expected
