"""Ids made from names: readable, stable across runs, safe in paths and addresses."""

from __future__ import annotations

import hashlib
import re
import unicodedata


def slug(text: str) -> str:
    """Lower-case letters and digits joined by `-`; a hash is added where that loses something.

    Different texts that differ in more than case, spaces and punctuation have different slugs.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    plain = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode()
    kept = "-".join(re.findall(r"[a-z0-9]+", plain))
    letters = "".join(ch for ch in folded if ch.isalnum())
    if kept and kept.replace("-", "") == letters and len(kept) <= 48:
        return kept
    return f"{kept[:40]}-{hashlib.sha256(folded.encode()).hexdigest()[:8]}".strip("-")


def criterion_id(name: str) -> str:
    """The id of the criterion that bears this name."""
    return slug(" ".join(name.split()))
