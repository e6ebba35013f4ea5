"""Make the ready objects of a run from the settings: the one place where concrete classes meet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from agent.desk import Desk
from graphs.context import Context, Options, Taggers
from graphs.pause import Pause
from models import tag_caption, taggers
from models.chat import ChatModel
from models.embedded_text import EmbeddedChat, embedded_name
from models.embedder import Embedder
from models.endpoint import Endpoint
from models.llama_server import LlamaServer
from models.server_embedder import ServerEmbedder
from models.vectors import CachedEmbedder, TextEmbedder
from models.weights import TEXT_MODEL, default_cache, fetch
from store.answers import Answers, Vectors
from store.errors import InputError
from store.memory import CaptionMemory
from store.records import Progress
from store.workspace import Workspace
from tools.ask import Asker, Chat
from tools.estimate import Estimator
from tools.read_image import load_rgb, to_jpeg_data_uri
from tools.spend_cap import SpendCap
from ui.settings import Profile, Role, Settings

OnProgress = Callable[[Progress], None]
OnEvent = Callable[[str], None]
_CHARS_A_TOKEN = 3
"""English captions have four; three leaves room."""
_PROPOSE_TOKENS = 2_000
"""Of the proposer's context, what its instructions and its reply take."""
_PARALLEL = 1
"""Requests that our own server decodes side by side; docs/embedded-text.md has what that brings."""
_EMBEDDED_TIMEOUT_S = 900.0


@dataclass(frozen=True)
class Models:
    """The models of the three roles, ready to be asked; servers and large weights come when first needed."""

    text: Chat
    vision: Chat | None
    """None when the taggers look."""
    taggers: Taggers | None
    embedder: CachedEmbedder


@contextmanager
def models(settings: Settings, workspace: Workspace, *, on_progress: OnProgress) -> Iterator[Models]:
    """The models that the settings name; our own servers are stopped at the end."""
    profile = settings.chosen()
    weights = settings.cache or default_cache()
    with ExitStack() as stack:
        embedder = CachedEmbedder(_embedder(profile.embedding, weights, on_progress), workspace.answers)
        text = _chat(profile.text, workspace, weights, stack, on_progress, vision=False)
        vision = None
        if profile.vision.base_url or profile.vision.gguf:
            vision = _chat(profile.vision, workspace, weights, stack, on_progress, vision=True)
        yield Models(text, vision, _taggers(weights) if vision is None else None, embedder)


def memory(
    settings: Settings, workspace: Workspace, embedder: CachedEmbedder, *, on_event: OnEvent = lambda _: None
) -> CaptionMemory:
    """The caption memory of the workspace, open; a context manager that closes it."""
    return CaptionMemory.open(
        workspace, embedder.embed, embedder.signature, address=settings.chroma, on_event=on_event
    )


def context_of(
    settings: Settings, workspace: Workspace, models: Models, memory: CaptionMemory, *, pause: Pause
) -> Context:
    """What the nodes of one run are given, from parts that are open already."""
    options = _options(settings)
    profile, cap = settings.chosen(), _spend_cap(settings)
    vision = None
    if models.vision is not None:
        load = _loader(workspace, options.image_side)
        purse = cap.purse(profile.vision.price_in, profile.vision.price_out)
        vision = Asker(models.vision, workspace.answers, load_image=load, pause=pause, cap=purse)
    purse = cap.purse(profile.text.price_in, profile.text.price_out)
    return Context(
        workspace=workspace,
        memory=memory,
        text=Asker(models.text, workspace.answers, pause=pause, cap=purse),
        embedder=models.embedder,
        vision=vision,
        taggers=models.taggers,
        options=options,
        pause=pause,
    )


@contextmanager
def context(
    settings: Settings, workspace: Workspace, *, on_progress: OnProgress, on_event: OnEvent
) -> Iterator[Context]:
    """Everything that one run needs, closed again at the end."""
    with (
        models(settings, workspace, on_progress=on_progress) as made,
        memory(settings, workspace, made.embedder, on_event=on_event) as opened,
    ):
        yield context_of(settings, workspace, made, opened, pause=Pause())


def desk(
    settings: Settings,
    workspace: Workspace,
    models: Models,
    *,
    memory: Callable[[], AbstractContextManager[CaptionMemory]],
    busy: Callable[[], str] = lambda: "",
) -> Desk:
    """The planner's desk with these models; `memory` opens the caption memory for a search."""
    return Desk(
        workspace=workspace,
        # Answers of its own: what is asked here is not booked to a run that is under way.
        text=Asker(models.text, Answers(workspace.database)),
        embedder=models.embedder,
        memory=memory,
        estimator=estimator(settings, workspace, models.text, models.vision),
        busy=busy,
    )


def estimator(settings: Settings, workspace: Workspace, text: Chat, vision: Chat | None) -> Estimator:
    """The estimator for these models."""
    profile = settings.chosen()
    return Estimator(
        workspace,
        text_model=text.name,
        vision_model=vision.name if vision is not None else "",
        text_at_once=text.at_once,
        vision_at_once=vision.at_once if vision is not None else 1,
        propose_batches=profile.propose_batches,
        prices=profile.prices(),
        name_all=settings.name_all,
        max_criteria=settings.max_criteria,
        one_at_a_time=settings.one_at_a_time,
        text_free=not profile.text.base_url,
        vision_free=not profile.vision.base_url,
    )


def _spend_cap(settings: Settings) -> SpendCap:
    """Raises InputError for a cap in money where a server has no price."""
    profile = settings.chosen()
    if settings.max_cost is not None:
        lacking = unpriced(profile)
        if lacking or not any(profile.prices()):
            where = " and ".join(f"[profiles.{settings.profile}.{role}]" for role in lacking)
            raise InputError(
                f"A cap of {settings.max_cost:g} in money needs prices, and profile '{settings.profile}' has "
                f"none: set price_in and price_out under {where} in xcluster.toml, or cap the calls "
                "with --max-calls."
                if lacking
                else f"No model of profile '{settings.profile}' costs anything by its prices, so a cap of "
                f"{settings.max_cost:g} in money would never be met. Cap the calls with --max-calls."
            )
    return SpendCap(max_calls=settings.max_calls, max_money=settings.max_cost)


def unpriced(profile: Profile) -> list[str]:
    """The roles that a server has and that have no price; a model of this machine costs nothing."""
    roles = {"vision": profile.vision, "text": profile.text}
    return [name for name, role in roles.items() if role.base_url and not (role.price_in or role.price_out)]


def _options(settings: Settings) -> Options:
    profile = settings.chosen()
    return Options(
        propose_batch=profile.propose_batch,
        propose_batches=profile.propose_batches,
        propose_chars=_CHARS_A_TOKEN * max(512, profile.text.context - _PROPOSE_TOKENS),
        max_criteria=settings.max_criteria,
        share_twins=settings.share_twins,
        share_similarity=settings.share_similarity,
        name_all=settings.name_all,
        one_at_a_time=settings.one_at_a_time,
        seed=settings.seed,
    )


def _embedder(role: Role, weights: Path, on_progress: OnProgress) -> TextEmbedder:
    if role.base_url:
        return ServerEmbedder(role.endpoint())
    return _EmbedderWhenNeeded(lambda: Embedder.load(weights, on_progress))


class _EmbedderWhenNeeded:
    """The embedded embedder, loaded for the first text: a page that embeds nothing opens at once."""

    signature = Embedder.signature

    def __init__(self, load: Callable[[], Embedder]) -> None:
        self._load = load
        self._loaded: Embedder | None = None
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
        return self._loaded.embed(texts)


def _chat(
    role: Role,
    workspace: Workspace,
    weights: Path,
    stack: ExitStack,
    on_progress: OnProgress,
    *,
    vision: bool,
) -> Chat:
    if role.base_url:
        return ChatModel(role.endpoint())
    if vision and role.mmproj is None:
        raise InputError(f"The vision model {role.gguf} needs its projector: set `mmproj` beside `gguf`.")
    log = workspace.log_folder / ("llama-server-vision.log" if vision else "llama-server-text.log")

    def start() -> LlamaServer:
        model = role.gguf or fetch(TEXT_MODEL, weights, on_progress)
        return LlamaServer(model, mmproj=role.mmproj, context=role.context, parallel=_PARALLEL, log=log)

    endpoint = Endpoint(
        base_url="",
        model=embedded_name(role.gguf or Path(TEXT_MODEL.file)),
        at_once=_PARALLEL,
        timeout_s=_EMBEDDED_TIMEOUT_S,
        context=role.context,
    )
    chat = EmbeddedChat(endpoint, start)
    stack.callback(chat.close)
    return chat


def _taggers(weights: Path) -> Taggers:
    load = cache(lambda: taggers.Taggers.load(weights))
    return Taggers(
        signature=taggers.signature(weights),
        load=load,
        text_of=tag_caption.caption_text,
    )


def _loader(workspace: Workspace, longest_side: int) -> Callable[[str], str]:
    def load(image_id: str) -> str:
        paths = workspace.catalogue.paths([image_id])
        if image_id not in paths:
            raise InputError(f"The file of image {image_id[:12]} is gone. Run again to scan the folder anew.")
        return to_jpeg_data_uri(load_rgb(paths[image_id], longest_side=longest_side))

    return load
