"""Texts to vectors: the embedding role, with what was embedded before kept in the workspace."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import openai
from langchain_openai import OpenAIEmbeddings

from models.endpoint import Endpoint
from models.explain import explain, passing
from store.answers import Answers, Vectors
from store.errors import ModelError


class TextEmbedder(Protocol):
    """Anything that turns texts into unit vectors."""

    signature: str

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of shape (n, dimensions), in the order of `texts`."""
        ...


class ServerEmbedder:
    """The embedding model of an OpenAI-compatible server, or of the first of several that answers."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Make the clients; nothing is sent yet."""
        self.signature = endpoint.model
        self._clients = [(one, _client(one)) for one in endpoint.each]

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of shape (n, dimensions). Raises a ModelError."""
        told: ModelError | None = None
        for endpoint, client in self._clients:
            try:
                return _unit(np.asarray(client.embed_documents(list(texts)), dtype=np.float32))
            except openai.OpenAIError as error:
                told = explain(error, endpoint)
                told.__cause__ = error
                if not passing(error):
                    break
        assert told is not None
        raise told


def _client(endpoint: Endpoint) -> OpenAIEmbeddings:
    return OpenAIEmbeddings(
        base_url=endpoint.base_url,
        api_key=endpoint.api_key,  # type: ignore[arg-type]  # pydantic turns the str into a SecretStr
        model=endpoint.model,
        timeout=endpoint.timeout_s,
        max_retries=endpoint.retries,
        # Other servers than OpenAI's take text, not the token ids that this check would send.
        check_embedding_ctx_length=False,
    )


class CachedEmbedder:
    """An embedder that never embeds the same text twice."""

    def __init__(self, embedder: TextEmbedder, answers: Answers) -> None:
        """Keep the vectors of `embedder` in `answers`."""
        self.signature = embedder.signature
        self._embedder = embedder
        self._answers = answers

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of shape (n, dimensions), in the order of `texts`; duplicates are embedded once."""
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        keys = [hashlib.sha256(f"{self.signature}\x00{text}".encode()).digest() for text in texts]
        known = self._answers.find_vectors(list(dict.fromkeys(keys)))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            made = dict(zip(missing, self._embedder.embed(list(missing.values())), strict=True))
            self._answers.add_vectors(made)
            known |= made
        vectors = np.stack([known[key] for key in keys])
        return _unit(vectors)


def _unit(vectors: Vectors) -> Vectors:
    length = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return np.asarray(vectors / length, dtype=np.float32)
