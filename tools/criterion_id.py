"""Ids made from names: readable, stable across runs, safe in paths and addresses."""

from __future__ import annotations

import hashlib
import re
import unicodedata


def slug(text: str) -> str:
    """Lower-case letters and digits joined by `-`; a hash is added where that loses something.

    Different texts that differ in more than case, spaces and punctuation have different slugs.
    """
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    kept = "-".join(re.findall(r"[a-z0-9]+", plain))
    letters = sum(ch.isalnum() for ch in unicodedata.normalize("NFKC", text))
    if len(kept.replace("-", "")) == letters and len(kept) <= 48:
        return kept
    return f"{kept[:40]}-{hashlib.sha256(text.casefold().encode()).hexdigest()[:8]}".strip("-")


def criterion_id(name: str) -> str:
    """The id of the criterion that bears this name."""
    return slug(" ".join(name.split()))
