"""One image, large: what was said of it, where it stands under each criterion and why, and moving it."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from store.errors import InputError
from store.records import Assignment, Criterion, Image
from store.workspace import Workspace
from tools.find_files import stamp
from tools.read_image import load_rgb
from ui.web.components import UNCLEAR
from ui.web.criteria_words import plain
from ui.web.explore_actions import move
from ui.web.explore_place import set_image
from ui.web.explore_reads import accepted, choices, forest
from ui.web.explore_words import how_in_words

if TYPE_CHECKING:
    from ui.engine import Engine

LONGEST_SIDE = 1600
"""Pixels."""


def show_image_dialog(engine: Engine, image_id: str) -> None:
    """Open the image over the page; closing it takes it out of the address."""
    st.dialog("Image", width="large", on_dismiss=_closed)(_image)(engine, image_id)


def full_picture(workspace: Workspace, image_id: str) -> bytes:
    """The picture as a JPEG of at most `LONGEST_SIDE` pixels.

    Raises InputError when the workspace has no file of this image, when the file was changed since the scan,
    and when it cannot be opened any more.
    """
    path = workspace.catalogue.paths([image_id]).get(image_id)
    if path is None:
        raise InputError("This image has no file: only its caption is known.")
    if stamp(path) not in (None, workspace.catalogue.known_files([str(path)])[str(path)]):
        raise InputError(f"'{path.name}' was changed since it was scanned; it may be another picture now.")
    return _jpeg(path, image_id)


@lru_cache(maxsize=16)
def _jpeg(path: Path, image_id: str) -> bytes:
    buffer = io.BytesIO()
    load_rgb(path, longest_side=LONGEST_SIDE).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def _closed() -> None:
    set_image(None)


def _image(engine: Engine, image_id: str) -> None:
    workspace = engine.workspace
    image = workspace.catalogue.images([image_id]).get(image_id)
    if image is None:
        st.warning("There is no such image in this workspace.")
        return
    left, right = st.columns([1.35, 1], gap="medium")
    with left:
        _picture(workspace, image)
    with right:
        for criterion in accepted(workspace):
            _under(engine, criterion, image_id)


def _picture(workspace: Workspace, image: Image) -> None:
    caption = workspace.catalogue.captions([image.id]).get(image.id)
    try:
        # `alt` is for those who do not see it; the caption stands below for everybody.
        st.image(
            full_picture(workspace, image.id), alt=caption.text if caption else "Picture without a caption"
        )
    except InputError as error:
        st.warning(plain(str(error)))
    if caption:
        st.markdown(plain(caption.text))
    path = workspace.catalogue.paths([image.id]).get(image.id)
    facts = [
        path.name if path else caption.imported_as if caption else "",
        f"{image.width} × {image.height} {image.format}" if path else "",
        f"taken {image.taken_at:%Y-%m-%d %H:%M}" if image.taken_at else "",
        f"caption by {_model(caption.model)}" if caption else "not captioned yet",
        "caption of a near-identical image" if caption and caption.shared_from else "",
    ]
    st.caption(" · ".join(plain(fact) for fact in facts if fact))


def _under(engine: Engine, criterion: Criterion, image_id: str) -> None:
    """Where the image stands under a criterion, on what grounds, and a way to put that right."""
    grouping = engine.workspace.grouping
    trees = forest(engine.workspace, criterion.id)
    assignment = grouping.assignments_of(criterion.id, [image_id]).get(image_id)
    if assignment is None:
        where = "not sorted yet"
    elif not assignment.cluster_id:
        where = "unclear"
    else:
        path = trees.paths.get(assignment.cluster_id, ())
        where = " › ".join(dict.fromkeys(plain(cluster.name) for cluster in path))
    with st.container(gap="xxsmall"):
        text, button = st.columns([4.2, 1], vertical_alignment="top", gap="xsmall")
        text.markdown(f"**{plain(criterion.name)}**: {where}")
        if assignment is not None:
            with button.popover("Move", type="tertiary", disabled=bool(engine.busy())):
                _move(engine, criterion, image_id, assignment)
        st.caption(_grounds(engine.workspace, criterion.id, image_id, assignment))


def _grounds(workspace: Workspace, criterion_id: str, image_id: str, assignment: Assignment | None) -> str:
    description = workspace.grouping.descriptions(criterion_id, [image_id]).get(image_id)
    name = workspace.grouping.names(criterion_id, [image_id]).get(image_id)
    parts = []
    if assignment is not None and assignment.cluster_id:
        parts.append(f"sure {assignment.confidence:.2f}, {how_in_words(assignment.how)}")
    elif assignment is not None:
        parts.append(plain(assignment.unclear) or "no reason was given")
    if description is not None and description.text:
        parts.append(f"described by {_model(description.model)}: “{plain(description.text)}”")
    if name is not None and name.text:
        by = "" if description is not None and description.model == name.model else _model(name.model)
        parts.append(f"named “{plain(name.text)}”" + (f" by {by}" if by else ""))
    return " · ".join(parts) or "Nothing is known of it here."


def _model(name: str) -> str:
    """A model as a person knows it: the taggers' name is a list of their parts with a hash."""
    return "the embedded taggers" if name.startswith("taggers-") else plain(name)


def _move(engine: Engine, criterion: Criterion, image_id: str, assignment: Assignment) -> None:
    offered = {**choices(forest(engine.workspace, criterion.id)), UNCLEAR: "unclear"}
    here = assignment.cluster_id or UNCLEAR
    target = st.selectbox(
        "To",
        [each for each in offered if each != here],
        format_func=lambda each: offered.get(each, each),
        index=None,
        placeholder="Choose a cluster",
        key=f"explore_move_{criterion.id}_{image_id}",
    )
    if st.button("Move", key=f"explore_move_do_{criterion.id}", type="primary", disabled=target is None):
        move(engine, criterion.id, [image_id], str(target), offered[str(target)])
