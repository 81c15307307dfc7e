"""Frames as a client would read them."""

from __future__ import annotations

import socket
from array import array

import pytest

from native.floor import send_all
from native.frames import Frame, accept_key, close_frame, join_frames, raw_frame, ws_frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 70000])
def test_the_length_is_written_in_its_shortest_form(size: int) -> None:
    frame = ws_frame(b"x" * size, True)
    head = bytes([0x82])
    if size < 126:
        head += bytes([size])
    elif size < 65536:
        head += b"\x7e" + size.to_bytes(2, "big")
    else:
        head += b"\x7f" + size.to_bytes(8, "big")
    assert bytes(frame) == head + b"x" * size
    assert len(frame) == len(head) + size


def test_text_raw_and_joined() -> None:
    parts = [ws_frame(b"a", False), raw_frame(b"rest"), raw_frame(b"")]
    assert bytes(join_frames(parts)) == b"\x81\x01arest"
    assert bytes(join_frames([])) == b""
    with pytest.raises(TypeError):
        join_frames([None])  # type: ignore[list-item]


def test_close() -> None:
    assert bytes(close_frame(1000, b"bye")) == b"\x88\x05\x03\xe8bye"
    for code, reason in ((1005, b""), (999, b""), (1000, b"x" * 124)):
        with pytest.raises(ValueError, match="clos"):
            close_frame(code, reason)


def test_accept_key_of_the_rfc() -> None:
    assert accept_key(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_an_empty_frame_object_is_harmless() -> None:
    made = Frame.__new__(Frame)
    assert (len(made), bytes(made)) == (0, b"")
    with pytest.raises(ValueError, match="comes from"):
        join_frames([made])


def test_the_floor_sends_to_all() -> None:
    pairs = [socket.socketpair() for _ in range(5)]
    fds = array("i", [ours.fileno() for ours, _ in pairs])
    assert send_all(fds, b"data") == 5
    for ours, theirs in pairs:
        assert theirs.recv(10) == b"data"
        ours.close()
        theirs.close()
    with pytest.raises(TypeError):
        send_all(array("l", [1]), b"")
