"""Tokens with real keys: what is granted, and every way to be refused."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from gateway.access import tokens
from gateway.access.tokens import AccessDenied, Verifier
from tests.access.conftest import SECRET, jwk, pem, token

Make = Callable[..., Verifier]


def denied(verifier: Verifier, text: str, now_s: float | None = None) -> AccessDenied:
    with pytest.raises(AccessDenied) as caught:
        verifier.verify(text, time.time() if now_s is None else now_s)
    assert text not in str(caught.value), "a token is never repeated"
    return caught.value


def test_a_token_says_who_may_do_what(verifier: Make) -> None:
    grant = verifier(SECRET).verify(
        token(SECRET, "HS256", scope="watch publish fly", channels=["match:*", "user:ann"], audience="casters"),
        time.time(),
    )
    assert grant.subject == "ann"
    assert grant.scopes == {"watch", "publish"}
    assert grant.audience == "casters"
    assert grant.may("watch", "match:42")
    assert grant.may("publish", "user:ann")
    assert not grant.may("watch", "user:bob")
    assert not grant.may("admin", "match:42")


def test_scopes_may_be_a_list_and_without_channels_nothing_is_granted(verifier: Make) -> None:
    grant = verifier(SECRET).verify(token(SECRET, "HS256", scope=None, scopes=["watch"], channels=None), time.time())
    assert grant.scopes == {"watch"}
    assert grant.audience == "public"
    assert not grant.may("watch", "match:42")


def test_keys_of_every_type(verifier: Make, rsa: RSAPrivateKey, ed25519: Ed25519PrivateKey) -> None:
    by_pem = verifier(pem(rsa) + pem(ed25519))
    keys = {"keys": [jwk(rsa, "r"), jwk(ed25519, "e"), jwk(SECRET, "s")]}
    by_set = verifier(json.dumps(keys))
    for key, algorithm, kid in ((rsa, "RS256", "r"), (ed25519, "EdDSA", "e")):
        assert by_pem.verify(token(key, algorithm), time.time()).subject == "ann"
        assert by_set.verify(token(key, algorithm, kid), time.time()).subject == "ann"
    assert by_set.verify(token(SECRET, "HS256", "s"), time.time()).subject == "ann"


def test_a_token_without_a_key_id_is_tried_with_every_key_of_its_type(verifier: Make) -> None:
    other = b"f" * 32
    keys = json.dumps({"keys": [jwk(SECRET, "old"), jwk(other, "new")]})
    assert verifier(keys).verify(token(other, "HS256"), time.time()).subject == "ann"
    assert denied(verifier(keys), token(other, "HS256", "old")).code == "unauthorized"


def test_a_public_key_is_not_a_secret(verifier: Make, rsa: RSAPrivateKey) -> None:
    """Algorithm confusion: a token signed by HMAC with the public key's text as the secret."""
    known = verifier(pem(rsa))
    header = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
    body = urlsafe_b64encode(json.dumps({"exp": time.time() + 60, "scope": "admin"}).encode()).rstrip(b"=")
    for text in (pem(rsa), pem(rsa).strip()):
        signature = hmac.new(text.encode(), header + b"." + body, hashlib.sha256).digest()
        forged = b".".join((header, body, urlsafe_b64encode(signature).rstrip(b"="))).decode()
        assert denied(known, forged).detail == "no known key has signed the token"


def test_an_unsigned_token_is_refused(verifier: Make) -> None:
    assert denied(verifier(SECRET), token(None, "none")).detail == "the token's algorithm is not taken"


def test_only_the_algorithms_of_the_settings_are_taken(verifier: Make, ed25519: Ed25519PrivateKey) -> None:
    known = verifier(pem(ed25519), algorithms="RS256")
    assert denied(known, token(ed25519, "EdDSA")).detail == "the token's algorithm is not taken"
    assert denied(verifier(SECRET), token(SECRET + SECRET, "HS512")).detail == "the token's algorithm is not taken"


@pytest.mark.parametrize(
    ("claims", "detail"),
    [
        ({"exp": 1_000_000}, "the token has expired"),
        ({"exp": None}, "MissingRequiredClaimError"),
        ({"exp": "soon"}, "DecodeError"),
        ({"exp": 1e400}, "the token is not good"),
        ({"nbf": 4_000_000_000}, "the token is not valid yet"),
        ({"scope": 7}, "the claim scope is not a list of words"),
        ({"scope": ["watch", 7]}, "the claim scope is not a list of words"),
        ({"channels": "match:*"}, "the claim channels is not a list of patterns"),
        ({"channels": [f"match:{n}" for n in range(101)]}, "more than 100 channel patterns"),
    ],
)
def test_claims_that_are_not_good(verifier: Make, claims: dict[str, Any], detail: str) -> None:
    refused = denied(verifier(SECRET), token(SECRET, "HS256", **claims))
    assert refused.code == "unauthorized"
    assert detail in refused.detail


@pytest.mark.parametrize("audience", ["players", ["public"], None, 3])
def test_an_audience_that_does_not_exist_is_forbidden(verifier: Make, audience: object) -> None:
    text = token(SECRET, "HS256", audience=audience) if audience is not None else token(SECRET, "HS256", audience="")
    assert denied(verifier(SECRET), text).code == "forbidden"


def test_issuer_and_audience_are_required_where_they_are_set(verifier: Make) -> None:
    known = verifier(SECRET, issuer="https://login.example", audience_claim="grandstand")
    good = {"iss": "https://login.example", "aud": ["other", "grandstand"]}
    assert known.verify(token(SECRET, "HS256", **good), time.time()).subject == "ann"
    for bad in ({}, {**good, "iss": "https://evil.example"}, {**good, "aud": "other"}, {"iss": good["iss"]}):
        assert denied(known, token(SECRET, "HS256", **bad)).code == "unauthorized"


def test_the_leeway_covers_clocks_that_differ_a_little(verifier: Make) -> None:
    late = token(SECRET, "HS256", exp=int(time.time()) - 10)
    assert verifier(SECRET, leeway_s="30").verify(late, time.time()).subject == "ann"
    assert denied(verifier(SECRET, leeway_s="0"), late).detail == "the token has expired"


def test_a_remembered_token_expires_all_the_same(verifier: Make) -> None:
    known = verifier(SECRET, leeway_s="0")
    text = token(SECRET, "HS256")
    grant = known.verify(text, time.time())
    assert known.verify(text, time.time()) is grant, "it was remembered"
    assert grant.expires_s is not None
    assert denied(known, text, grant.expires_s).detail == "the token has expired"


def test_memory_is_bounded_and_forgets_what_was_not_used_longest(
    verifier: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "CACHE_MAX", 3)
    known = verifier(SECRET)
    texts = [token(SECRET, "HS256", sub=str(n)) for n in range(4)]
    grants = [known.verify(text, time.time()) for text in texts[:3]]
    assert known.verify(texts[0], time.time()) is grants[0]
    known.verify(texts[3], time.time())
    assert known.verify(texts[0], time.time()) is grants[0], "it was used a moment ago"
    assert known.verify(texts[1], time.time()) is not grants[1], "it was not, and made room"


@pytest.mark.parametrize("text", ["x", "a.b.c", "..", "é.é.é", "e30.e30.e30", "x" * 9000, "eyJhbGciOltdfQ.e30.e30"])
def test_what_is_not_a_token(verifier: Make, text: str) -> None:
    assert denied(verifier(SECRET), text).code == "unauthorized"


def test_a_changed_token_is_refused(verifier: Make) -> None:
    head, body, signature = token(SECRET, "HS256").split(".")
    richer = urlsafe_b64encode(json.dumps({"exp": time.time() + 60, "scope": "admin"}).encode()).rstrip(b"=").decode()
    assert denied(verifier(SECRET), f"{head}.{richer}.{signature}").detail == "no known key has signed the token"
    assert denied(verifier(SECRET), f"{head}.{body}.").detail == "no known key has signed the token"


def test_without_keys_no_token_is_good(verifier: Make) -> None:
    assert denied(verifier(None), token(SECRET, "HS256")).detail == "no known key has signed the token"


def test_somebody_without_a_token(verifier: Make) -> None:
    anybody = verifier(None).anonymous()
    assert anybody.subject == ""
    assert anybody.may("watch", "match:42")
    assert not anybody.may("watch", "user:ann")
    assert not anybody.may("publish", "match:42")
    assert not verifier(None, anonymous="false").anonymous().may("watch", "match:42")
    assert verifier(None, anonymous_publish="true").anonymous().may("publish", "match:42")
