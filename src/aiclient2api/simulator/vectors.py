"""Embeddings of no meaning: unit vectors that follow from the text."""

import hashlib

DIMENSIONS = 8
MAX_DIMENSIONS = 3072


def of_text(text: str, size: int = DIMENSIONS) -> list[float]:
    """A vector of length 1."""
    numbers = [hashlib.sha256(f"{index}:{text}".encode()).digest()[0] / 127.5 - 1 for index in range(size)]
    length = sum(number * number for number in numbers) ** 0.5 or 1.0
    return [number / length for number in numbers]


def tokens(text: str) -> int:
    return max(1, len(text) // 4)
