"""What a real vLLM computes only once: prompt tokens of its prefix cache, pictures of its image cache.

    make vllm-env
    python -m tests.bench_vllm_cache [--images 60] [--criteria 4]

The prompts of a run about drawn pictures (a caption of each, then all criteria of each in one call) go to
vLLM on the CPU, with a tiny model of random weights: what it says is noise, what it computes is not. Its
caches are counted by the server. A picture is 64 tokens there and about 750 with Qwen2.5-VL, and blocks are
of 32 tokens (16 on a GPU), so shares differ with the model; which parts of a prompt are shared does not.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from PIL import Image
from rich.console import Console
from rich.table import Table

from models.chat import as_turn
from store.records import Criterion
from tests.vllm.server import VllmServer
from tools.ask import Question, messages_of
from tools.caption import caption_questions
from tools.describe import describe_questions
from tools.read_image import to_jpeg_data_uri

_AT_ONCE = 8
_TOKENS = 8
"""Of the reply: what random weights say is not read."""
_SIDE = 224
_CRITERIA = ("Subject", "Surroundings", "Weather", "Dominant colour")


def main() -> None:
    """Print a row for each stage."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--criteria", type=int, default=len(_CRITERIA), choices=range(1, len(_CRITERIA) + 1))
    given = parser.parse_args()
    criteria = [Criterion(name.casefold(), name, "What it is.") for name in _CRITERIA[: given.criteria]]
    shown = Table("stage", "calls", "prompt tokens", "of the prefix cache", "pictures", "of the image cache")
    pictures = drawn(given.images)
    with VllmServer() as server:
        for stage, questions in (
            ("caption", caption_questions(list(pictures))),
            ("describe", describe_questions(list(pictures), criteria)),
        ):
            before = server.metrics()
            with ThreadPoolExecutor(_AT_ONCE) as threads:
                list(threads.map(lambda asked: ask(server, asked, pictures[asked.image_id]), questions))
            after = server.metrics()
            grown = {name: after[name] - before[name] for name in after}
            shown.add_row(
                stage,
                f"{grown['requests_finished']:,.0f}",
                f"{grown['prefix_cache_queries']:,.0f}",
                f"{grown['prefix_cache_hits'] / grown['prefix_cache_queries']:.0%}",
                f"{grown['image_cache_queries']:,.0f}",
                f"{grown['image_cache_hits'] / grown['image_cache_queries']:.0%}",
            )
    Console().print(shown)


def ask(server: VllmServer, question: Question[Any], picture: str) -> None:
    """Send a question once, whatever is answered: a second try would find all of its prompt in the cache."""
    schema = {"name": "reply", "strict": True, "schema": question.reply.model_json_schema()}
    body = {
        "model": server.model,
        "messages": [as_turn(message) for message in messages_of(question, picture)],
        "max_tokens": _TOKENS,
        "response_format": {"type": "json_schema", "json_schema": schema},
    }
    reply = server.post("/chat/completions", body)
    assert reply.status == 200, reply


def drawn(count: int) -> dict[str, str]:
    """Pictures of one colour each, no two the same, as data addresses by a name."""
    pictures = {}
    for number in range(count):
        colour = (number * 37 % 256, number * 91 % 256, number * 153 % 256)
        pictures[f"{number}"] = to_jpeg_data_uri(Image.new("RGB", (_SIDE, _SIDE), colour))
    return pictures


if __name__ == "__main__":
    main()
