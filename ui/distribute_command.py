"""The commands `distribute caption` and `distribute describe`: ask about pictures on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from models.vllm_command import IMAGE_SIDE
from store.errors import InputError, MissingStep
from store.records import Criterion
from store.workspace import Workspace
from tools.ask_servers import ask_servers
from tools.ask_vllm import Engines, ask_vllm
from tools.criterion_id import criterion_id
from tools.distribute import Ask, Distributed, distribute
from tools.edit import defined
from tools.image_question import ImageQuestion
from tools.rules import with_rules
from ui import settings
from ui.look_commands import print_json


class Cluster(NamedTuple):
    """Who asks."""

    workers: int
    """Actors that ask the profile's servers."""
    engines: int
    """vLLM engines in the cluster's own GPUs, in place of servers; 0 for servers."""
    tensor_parallel: int


def caption(
    images: str, out: str, *, profile: str, cluster: Cluster, column: str, rows_per_part: int, as_json: bool
) -> None:
    """Ask for the caption of each picture."""
    chosen = settings.load(None, profile=profile)
    done = _distributor(chosen, cluster, images, out, column, rows_per_part, as_json)(ImageQuestion())
    _tell([done], out, as_json)


def describe(
    images: str,
    out: str,
    *,
    workspace: Path | None,
    criteria: Sequence[str],
    guidance: str,
    profile: str,
    cluster: Cluster,
    column: str,
    rows_per_part: int,
    as_json: bool,
) -> None:
    """Ask what each picture shows of the criteria: those named, or those that the workspace has accepted."""
    chosen = settings.load(workspace, profile=profile)
    about = _criteria(workspace, criteria, guidance)
    job = _distributor(chosen, cluster, images, out, column, rows_per_part, as_json)
    groups = [[criterion] for criterion in about] if chosen.one_at_a_time else [about]
    _tell([job(ImageQuestion(tuple(group))) for group in groups], out, as_json)


def _distributor(
    chosen: settings.Settings,
    cluster: Cluster,
    images: str,
    out: str,
    column: str,
    rows_per_part: int,
    as_json: bool,
) -> Callable[[ImageQuestion], Distributed]:
    """A job of these settings about any question."""
    model = chosen.chosen().vision.model
    ask = partial(_ask, chosen, cluster)

    def job(question: ImageQuestion) -> Distributed:
        return distribute(
            question,
            model,
            images,
            out,
            ask(question),
            longest_side=IMAGE_SIDE,
            column=column,
            rows_per_part=rows_per_part,
            progress=not as_json,
        )

    return job


def _ask(chosen: settings.Settings, cluster: Cluster, question: ImageQuestion) -> Ask:
    role = chosen.chosen().vision
    if not role.model or not (cluster.engines or role.addresses):
        raise InputError(
            f"The vision model of profile '{chosen.profile}' has no server, so there is nobody to ask from a "
            "cluster. Choose another with --profile: docs/distributed.md has an example."
        )
    if cluster.engines:
        engines = Engines(role.model, role.context, cluster.engines, cluster.tensor_parallel)
        return lambda pictures, answered: ask_vllm(pictures, question, engines)
    endpoint = role.endpoint()

    def servers(pictures: Any, answered: bool) -> Any:
        return ask_servers(pictures, question, endpoint, workers=cluster.workers, answered=answered)

    return servers


def _criteria(workspace: Path | None, named: Sequence[str], guidance: str) -> list[Criterion]:
    """As a run over this workspace would ask about them."""
    # Loads graphs and models, of which a job about captions needs none.
    from ui.work_commands import wish

    wishes = [wish(text, guidance=guidance, k=None) for text in named]
    made = [
        Criterion(criterion_id(w["name"]), w["name"], defined(w["name"], w["definition"]), guidance)
        for w in wishes
    ]
    if workspace is None:
        if not made:
            raise InputError('Give criteria, --criterion "Name: meaning", or a --workspace that has some.')
        return made
    with Workspace(workspace) as opened:
        grouping = opened.grouping
        accepted = grouping.criteria("accepted")
        # What a run would ask: only about what some captioned image lacks; of new images, everything.
        lacking = [c for c in accepted if grouping.missing_count("description", c.id)]
        rules = grouping.rules()
    about = made or lacking or accepted
    if not about:
        raise MissingStep(
            f"No criterion of {workspace} is accepted. Accept one with `xcluster criteria`, or name one with "
            "--criterion."
        )
    return [with_rules(criterion, rules) for criterion in about]


def _tell(done: Sequence[Distributed], out: str, as_json: bool) -> None:
    if as_json:
        print_json([one._asdict() for one in done])
        return
    console = Console()

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    for one in done:
        say(
            f"{one.listed:,} pictures: {one.answered:,} answered, {one.answered_before:,} had been before, "
            f"{one.failed:,} without an answer."
        )
        for reason in one.reasons:
            say(f"  {reason}")
    say(f"Take them in with: xcluster import answers {out} --workspace WORKSPACE")
