"""Names for places, made of hashes, so that neither paths nor tokens show in our own files and answers."""

import hashlib


def place_key(kind: str, where: str) -> str:
    """A stable name for a place: kiro-…, 16 hex digits."""
    digest = hashlib.sha256(f"{kind}\0{where}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"kiro-{digest[:16]}"
