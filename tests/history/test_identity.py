"""Addresses that mean one history, and those that do not."""

from __future__ import annotations

import pytest

from gateway.history.identity import NONE, identity_of

HERE, THERE = "one.example", "two.example"
SOCKET = "postgresql://grandstand@/postgres?host=/var/lib/history"


def test_no_history_is_one() -> None:
    assert identity_of("none", HERE) == identity_of("", THERE) == NONE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("postgresql://a:secret@db/past", "postgres://b@DB:5432/past"),
        ("postgresql://db/past?sslmode=require", "postgresql://db/past"),
        ("postgresql:///past?host=db&port=5433", "postgresql://db:5433/past"),
        ("postgresql:///?host=db&dbname=past", "postgresql://db/past"),
        ("postgresql://[2001:db8::1]/past", "postgresql://[2001:db8::1]:5432/past"),
    ],
)
def test_who_signs_in_and_how_is_no_difference(one: str, other: str) -> None:
    assert identity_of(one, HERE) == identity_of(other, THERE)


@pytest.mark.parametrize(
    "other", ["postgresql://db/other", "postgresql://db2/past", "postgresql://db:5433/past", SOCKET, "none"]
)
def test_another_database_is_another_history(other: str) -> None:
    assert identity_of("postgresql://db/past", HERE) != identity_of(other, HERE)


@pytest.mark.parametrize("url", [SOCKET, "postgresql://localhost/past", "postgresql://[::1]:5432/past"])
def test_what_is_local_is_another_on_each_machine(url: str) -> None:
    assert identity_of(url, HERE) == identity_of(url, HERE) != identity_of(url, THERE)


def test_the_address_cannot_be_read_from_it() -> None:
    assert "secret" not in identity_of("postgresql://a:secret@db/past", HERE)
