"""Damage of the smallest kind."""


def with_flipped_bit(content: bytes, bit: int) -> bytes:
    """Return bytes of which one bit is the other."""
    flipped = bytearray(content)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)
