"""The records of an event file: length, checksum, data, checksum.

The same bytes as TensorBoard's ``RecordWriter``, whose checksum takes a step of Python for each byte, and whose module
imports TensorBoard's stand-in for TensorFlow.
"""

from __future__ import annotations

import struct
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

POLYNOMIAL = 0x82F63B78  # of CRC-32C (Castagnoli), its bits reversed; RFC 3720, section 12.1
SHORT = 2048  # bytes; fewer are faster one by one
LANES = 512  # pieces of equal length that are computed side by side; a power of 2

Words = NDArray[np.uint32]


def record(data: bytes) -> bytes:
    """Returns ``data`` as a TFRecord: its length as 8 bytes, their checksum, the data, its checksum; little-endian."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked(crc32c(length))) + data + struct.pack("<I", masked(crc32c(data)))


def masked(checksum: int) -> int:
    """Returns the checksum in the form of the file: turned by 15 bits, plus a constant."""
    return (((checksum >> 15) | (checksum << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """Returns the CRC-32C of ``data``."""
    if len(data) < SHORT:
        state, table = 0xFFFFFFFF, _steps()[1]
        for byte in data:
            state = table[(state ^ byte) & 0xFF] ^ (state >> 8)
        return state ^ 0xFFFFFFFF
    # The start value 0xFFFFFFFF inverts the first four bytes, and zeros before them change nothing.
    padded = np.zeros(-(-len(data) // LANES) * LANES, np.uint8)
    own = padded[len(padded) - len(data) :]
    own[:] = np.frombuffer(data, np.uint8)
    own[:4] ^= 0xFF
    lanes = np.ascontiguousarray(padded.reshape(LANES, -1).T)
    states, steps = np.zeros(LANES, np.uint32), _steps()[0]
    for column in lanes:
        states = steps[(states ^ column) & 0xFF] ^ (states >> 8)
    # The state after A and B is that of A, moved over as many zeros as B has bytes, plus that of B.
    move = _power(len(lanes))
    while len(states) > 1:
        states = _apply(move, states[0::2]) ^ states[1::2]
        move = _apply(move, move)
    return int(states[0]) ^ 0xFFFFFFFF


@lru_cache(maxsize=1)
def _steps() -> tuple[Words, list[int]]:
    """Returns the change of the state by each value of its lowest byte, when it moves over one byte."""
    values = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = np.where(values & 1, (values >> 1) ^ np.uint32(POLYNOMIAL), values >> 1).astype(np.uint32)
    return values, values.tolist()


def _apply(matrix: Words, states: Words) -> Words:
    """Returns a linear map of states over GF(2), given as the images (32,) of their bits."""
    bits = (states[:, None] >> np.arange(32, dtype=np.uint32)) & np.uint32(1)
    moved: Words = np.bitwise_xor.reduce(bits * matrix, axis=1)
    return moved


def _power(zeros: int) -> Words:
    """Returns the linear map that moves a state over so many zero bytes."""
    units = np.uint32(1) << np.arange(32, dtype=np.uint32)
    one, result = _steps()[0][units & 0xFF] ^ (units >> 8), units
    while zeros:
        result = _apply(one, result) if zeros & 1 else result
        one, zeros = _apply(one, one), zeros >> 1
    return result
