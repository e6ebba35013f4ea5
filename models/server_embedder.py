"""The embedding role by a server; not in `models.vectors`, which much imports: its clients load slowly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import openai
from langchain_openai import OpenAIEmbeddings

from models.endpoint import Endpoint
from models.explain import explain, passing
from models.vectors import unit
from store.answers import Vectors
from store.errors import ModelError


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
                return unit(np.asarray(client.embed_documents(list(texts)), dtype=np.float32))
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
