"""Ask a server one small real question: does this model answer, follow a schema, and take pictures?"""

from __future__ import annotations

import asyncio
import base64
import io
from typing import Literal

from PIL import Image
from pydantic import BaseModel

from models.chat import ChatModel, Message
from models.endpoint import Endpoint
from models.server_embedder import ServerEmbedder


class _Colour(BaseModel):
    colour: Literal["red", "green", "blue"]


async def probe(endpoint: Endpoint, *, image: bool, embedding: bool) -> str:
    """What the server did well, in words. Raises a ModelError that says what it did not."""
    if embedding:
        vectors = await asyncio.to_thread(ServerEmbedder(endpoint).embed, ["a small test"])
        return f"gives vectors of {vectors.shape[1]} dimensions"
    message = Message("user", "Which colour is this?" if image else "Which colour is grass?")
    if image:
        message = Message("user", message.text, _red_square(), "Reply as JSON.")
    reply = await ChatModel(endpoint).ask([message], _Colour, max_tokens=30)
    seconds = reply.usage.seconds
    return f"answers in {seconds:.1f} s, follows schemas" + (", takes pictures" if image else "")


def _red_square() -> str:
    data = io.BytesIO()
    Image.new("RGB", (64, 64), (220, 20, 20)).save(data, "PNG")
    return f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"
