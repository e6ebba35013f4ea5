"""The overview: the collection at a glance, the run, and the criteria with their distributions."""

from __future__ import annotations

import streamlit as st

from agent.words import plural
from store.workspace import Workspace
from ui.engine import Engine
from ui.web import navigation, run_panel, start_panel
from ui.web.overview_cards import draw_cards, read_cards
from ui.web.remembered import remembered

_FILES_SHOWN = 500


def page(engine: Engine) -> None:
    """Draw the page."""
    workspace = engine.workspace
    images = workspace.catalogue.image_count()
    running = run_panel.under_way(engine)
    title, start = st.columns(2, vertical_alignment="bottom")
    with title:
        st.title(workspace.folder.stem, anchor=False)
        st.caption(_glance(workspace, images) if images else str(workspace.folder))
    run_panel.panel(engine)
    if not images:
        if not running:
            start_panel.first_run(engine)
        _left_out(workspace)
        return
    cards = remembered(workspace, "cards", lambda: read_cards(workspace))
    proposed = workspace.grouping.criteria("proposed")
    uncaptioned = images - workspace.catalogue.caption_count()
    missing = bool(uncaptioned or not cards or any(card.missing or not card.groups for card in cards))
    if not running:
        with start:
            start_panel.next_run(engine, missing=missing)
    if proposed and not running:
        _waiting(len(proposed))
    if cards:
        draw_cards(cards)
    elif not running and not proposed:
        st.info("The pictures are known, but no criterion to sort them by has been found or named yet.")
    _left_out(workspace)


def _glance(workspace: Workspace, images: int) -> str:
    catalogue = workspace.catalogue
    told = [plural(images, "image")]
    if (files := catalogue.file_count()) != images:
        told.append(f"in {plural(files, 'file')}")
    captioned = catalogue.caption_count()
    left = images - captioned
    told.append(f"{captioned:,} captioned, {left:,} not yet" if left else "all captioned")
    if twins := catalogue.twin_count():
        told.append(plural(twins, "near-duplicate"))
    return " · ".join(told)


def _waiting(count: int) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        one = "One proposed criterion waits for your word."
        st.write(one if count == 1 else f"{count} proposed criteria wait for your word.")
        navigation.link("criteria", "Review", icon=":material/rule:")


def _left_out(workspace: Workspace) -> None:
    """The files that were not taken and the images that got no answer, each with its reason."""
    skipped = [(str(file.path), file.reason) for file in workspace.catalogue.skipped()]
    if skipped:
        with st.expander(f"{plural(len(skipped), 'file')} skipped"):
            _table(("File", "Why it was not taken"), skipped)
    failures = workspace.catalogue.failures()
    if failures:
        paths = workspace.catalogue.paths([image_id for image_id, _ in failures])
        rows = [
            (str(paths.get(image_id, image_id[:12])), f"{stage}: {reason}")
            for (image_id, stage), reason in failures.items()
        ]
        with st.expander(f"{plural(len(rows), 'image')} without an answer; the next run asks again"):
            _table(("File", "Why"), rows)


def _table(heads: tuple[str, str], rows: list[tuple[str, str]]) -> None:
    shown = rows[:_FILES_SHOWN]
    st.dataframe(dict(zip(heads, zip(*shown, strict=True), strict=True)), hide_index=True)
    if len(rows) > len(shown):
        st.caption(f"and {len(rows) - len(shown):,} more")
