"""Which of a file's codings a request gets, and when it already holds it."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

import pytest

from gateway.edge.assets import choose_coding, read_assets
from tests.browser.page import DASHBOARD

ALL = ("identity", "br", "gzip")


@pytest.mark.parametrize(
    ("accept", "available", "coding"),
    [
        (None, ALL, "identity"),
        ("", ALL, "identity"),
        ("gzip, deflate, br, zstd", ALL, "br"),
        ("gzip, deflate", ALL, "gzip"),
        ("GZIP", ALL, "gzip"),
        ("x-gzip", ALL, "gzip"),
        ("br;q=0.5, gzip;q=0.8", ALL, "gzip"),
        ("br;q=0.8, gzip;q=0.8", ALL, "br"),
        ("br;q=0, gzip", ALL, "gzip"),
        ("br; q=0, gzip ;q=0", ALL, "identity"),
        ("*", ALL, "br"),
        ("*;q=0", ALL, "identity"),
        ("br;q=0, *;q=0.5", ALL, "gzip"),
        ("gzip;q=0.5, identity;q=0.9", ALL, "identity"),
        ("gzip;q=0.9, identity;q=0.9", ALL, "gzip"),
        ("br", ("identity", "gzip"), "identity"),
        ("zstd", ALL, "identity"),
        ("br;q=much, gzip;q=2", ALL, "identity"),
        ("br;q=nan", ALL, "identity"),
        (", ;q=1,gzip", ALL, "gzip"),
    ],
)
def test_coding(accept: str | None, available: tuple[str, ...], coding: str) -> None:
    assert choose_coding(accept, available) == coding


def test_files_with_their_codings(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "app-1.js").write_bytes(b"let a = 1;")
    (tmp_path / "assets" / "app-1.js.gz").write_bytes(gzip.compress(b"let a = 1;"))
    (tmp_path / "index.html").write_bytes(b"<!doctype html>")
    assets = read_assets(tmp_path)
    assert set(assets) == {"assets/app-1.js", "index.html"}
    app = assets["assets/app-1.js"]
    assert app.immutable
    assert not assets["index.html"].immutable
    assert app.media_type == "text/javascript; charset=utf-8"
    assert gzip.decompress(app.choose("br, gzip").body) == app.choose(None).body == b"let a = 1;"
    assert app.choose("gzip").etag != app.choose(None).etag
    assert read_assets(tmp_path / "none") == {}


def built(directory: Path, name: str) -> Path:
    """A build of fifty files, which all say whose they are."""
    (directory / "assets").mkdir(parents=True)
    for number in range(50):
        (directory / "assets" / f"{number if number < 25 else name}-{number}.js").write_text(name)
    (directory / "index.html").write_text(name)
    return directory


def test_a_build_that_is_put_in_its_place_meanwhile_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    place = built(tmp_path / "page", "first")
    builds = [built(tmp_path / name, name) for name in ("one", "two", "three", "four", "five", "six")]
    loop = "; ".join(f'node "{DASHBOARD}/scripts/place.mjs" "{build}" "{place}"' for build in builds)
    seen: list[str] = []
    with subprocess.Popen(["sh", "-ec", loop]) as placing:
        while placing.poll() is None:
            assets = read_assets(place)
            said = {asset.representations["identity"].body.decode() for asset in assets.values()}
            assert (len(assets), len(said)) == (51, 1)
            seen += [name for name in said if name not in seen]
    assert placing.returncode == 0
    assert {asset.representations["identity"].body for asset in read_assets(place).values()} == {b"six"}
    assert len(seen) > 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page"]


def test_a_build_that_cannot_be_put_in_its_place_leaves_the_other(tmp_path: Path) -> None:
    place = built(tmp_path / "page", "first")
    result = subprocess.run(
        ["node", f"{DASHBOARD}/scripts/place.mjs", tmp_path / "none", place], capture_output=True, check=False
    )
    assert result.returncode != 0
    assert len(read_assets(place)) == 51
