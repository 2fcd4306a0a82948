"""What a test does to bytes, so that they are always others."""

from __future__ import annotations

from collections.abc import Callable, Collection

from egide.errors import ProofError

__all__ = ["bit_flipped", "cut_anywhere", "flipped", "one_byte_off", "survivors", "written_otherwise"]


def flipped(data: bytes | memoryview) -> bytes:
    """One bit of the last byte changed: never what it was, as a fixed byte may be once in 256 times."""
    kept = bytes(data)
    return kept[:-1] + bytes([kept[-1] ^ 1])


def bit_flipped(data: bytes, position: int, bit: int) -> bytes:
    return data[:position] + bytes((data[position] ^ 1 << bit,)) + data[position + 1:]


def one_byte_off(data: bytes) -> tuple[dict[int, bytes], ...]:
    """At every position: without it, with it twice, with a null byte before it."""
    return (
        {i: data[:i] + data[i + 1:] for i in range(len(data))},
        {i: data[:i] + data[i:i + 1] + data[i:] for i in range(len(data))},
        {i: data[:i] + b"\x00" + data[i:] for i in range(len(data) + 1)},
    )


def cut_anywhere(data: bytes) -> dict[int, bytes]:
    """At every length but its own."""
    return {i: data[:i] for i in range(len(data))}


def written_otherwise(data: bytes) -> tuple[bytes, ...]:
    """A file of ours (a tag, a list of four, a text with a length of two bytes) as other encoders would write it."""
    assert data[:3] == b"\xd2\x84\x59"
    return (
        b"\xd8\x12" + data[1:],
        data[:1] + b"\x98\x04" + data[2:],
        data[:1] + b"\x9f" + data[2:] + b"\xff",
        data[:2] + b"\x5a\x00\x00" + data[3:],
        b"\xd9\xd9\xf7" + data,
        data + b"\x00",
        data + data,
    )


def survivors(verify: Callable[[bytes], object], altered: dict[int, bytes], steps: Collection[str]) -> list[int]:
    """The positions whose alteration went unnoticed, or failed in any other way than a named step."""
    passed = []
    for position, data in altered.items():
        try:
            verify(data)
        except ProofError as err:
            if err.step in steps:
                continue
        passed.append(position)
    return passed
