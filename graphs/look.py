"""The first nodes of a run: find the images, and caption those that have no caption."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from langgraph.runtime import Runtime

from graphs.context import Context
from graphs.progress import Stage, stage
from graphs.state import OrganiseState
from store.batches import batches
from store.distinct import Met
from store.errors import InputError, MissingStep, ModelError
from store.records import Caption
from tools.caption import caption, caption_with_tags
from tools.carry_over import settle_lost
from tools.near_duplicates import group_near_duplicates
from tools.read_image import load_rgb
from tools.scan import scan

_TAG_CHUNK = 16
"""Images that the taggers hold in memory at a time."""
_SHARED_AT_ONCE = 1_000
_TWINS = "twins.found"
"""The setting that tells among which images the near-identical ones were last looked for."""


async def scan_files(state: OrganiseState, runtime: Runtime[Context]) -> dict[str, object]:
    """Read new and changed files, forget those that went, and find near-identical images."""
    roots = [Path(root) for root in state["roots"]]
    if roots:
        with stage(runtime, "scan") as current:
            await asyncio.to_thread(_scan, runtime.context, roots, current)
    if not runtime.context.workspace.catalogue.image_count():
        raise InputError(
            f"No image was found in {', '.join(map(str, roots)) or 'this workspace'}. "
            "Give a folder with pictures; `xcluster status` lists the files that were skipped, with reasons."
        )
    return {}


def _scan(context: Context, roots: Sequence[Path], current: Stage) -> None:
    catalogue = context.workspace.catalogue
    for root in roots:
        met = Met()
        for files in scan([root], known=catalogue.known_files, met=met, on_progress=current.report):
            catalogue.add_files(files, root=root)
        catalogue.forget_files(root, met)
    found = f"{catalogue.membership()} {context.options.share_twins}"
    journal = context.workspace.journal
    if journal.setting(_TWINS) != found:
        # Among a million this takes a minute; it is done again only when an image came or went.
        shared = context.options.share_twins
        catalogue.set_twins(group_near_duplicates(catalogue.phashes()) if shared else {})
        journal.set_setting(_TWINS, found)


async def caption_images(state: OrganiseState, runtime: Runtime[Context]) -> dict[str, object]:
    """Caption what this vision model has not captioned; each chunk is durable before the next."""
    context, catalogue = runtime.context, runtime.context.workspace.catalogue
    if context.vision_name and catalogue.drop_captions(other_than=context.vision_name):
        # Another vision model sees other things, so what was read from the old captions goes too. Nothing
        # that was paid for is lost: the answers stay, and going back to the old model costs nothing.
        for criterion in context.workspace.grouping.criteria():
            context.workspace.grouping.forget_grouping(criterion.id, names=True)
            settle_lost(context.workspace, criterion.id)
    total = catalogue.image_count() - catalogue.caption_count()
    with stage(runtime, "caption", total) as current:
        size = _TAG_CHUNK if context.vision is None else context.chunk(context.vision)
        for part in batches(catalogue.uncaptioned(leaders=True), size):
            await context.pause.passed()
            await _caption_chunk(context, part, current)
        for part in batches(catalogue.uncaptioned(leaders=False), _SHARED_AT_ONCE):
            _share(context, part, current)
    if not next(catalogue.captioned(size=1), None):
        reasons = sorted(set(catalogue.failures().values()))[:3]
        raise MissingStep(f"No image could be captioned: {'; '.join(reasons) or 'no vision model is set'}.")
    return {}


async def _caption_chunk(context: Context, ids: Sequence[str], current: Stage) -> None:
    if context.vision is not None:
        results = await caption(ids, context.vision, on_answer=current.step)
        made = [result for result in results if isinstance(result, Caption)]
        failed = {i: str(r) for i, r in zip(ids, results, strict=True) if isinstance(r, ModelError)}
    else:
        made, failed = await asyncio.to_thread(_tag, context, ids)
        current.step(len(ids))
    _keep(context, made)
    context.workspace.catalogue.add_failures("caption", failed)


def _tag(context: Context, ids: Sequence[str]) -> tuple[list[Caption], dict[str, str]]:
    if context.taggers is None:
        return [], dict.fromkeys(ids, "no vision model is set")
    paths = context.workspace.catalogue.paths(ids)
    images, readable, failed = [], [], {}
    for image_id in ids:
        try:
            images.append(load_rgb(paths[image_id], longest_side=1024))
            readable.append(image_id)
        except InputError as error:
            failed[image_id] = str(error)
    taggers = context.taggers
    return caption_with_tags(readable, images, taggers.load(), taggers.text_of), failed


def _share(context: Context, ids: Sequence[str], current: Stage) -> None:
    """Give the followers of a near-identical group their leader's caption, or its failure."""
    catalogue = context.workspace.catalogue
    leaders = catalogue.twins(ids)
    captions = catalogue.captions(list(set(leaders.values())))
    shared = [
        replace(captions[leader], image_id=image_id, shared_from=leader)
        for image_id, leader in leaders.items()
        if leader in captions
    ]
    _keep(context, shared)
    done = {c.image_id for c in shared}
    why = "the near-identical image that it follows could not be captioned"
    catalogue.add_failures("caption", {i: why for i in ids if i not in done})
    current.step(len(ids))


def _keep(context: Context, captions: Sequence[Caption]) -> None:
    context.workspace.catalogue.add_captions(captions)
    context.memory.sync()
