"""One criterion on the board: a title row, one line, and the rest folded."""

from __future__ import annotations

import streamlit as st

from agent.words import plural, share
from store.records import Criterion
from store.workspace import Workspace
from tools import edit
from tools.explain import Explanation, explain
from ui.engine import Engine
from ui.web import navigation
from ui.web.criteria_change import WHO, change, show_error
from ui.web.criteria_forms import edit_form
from ui.web.criteria_words import bars, chips, fields, head, plain, said
from ui.web.remembered import remembered

EDITING = "criteria editing"
"""Session state: id of the criterion whose form is open."""
_CAPTIONS = 3
_EDITS = 4
_SCROLL_HERE = (
    '<span class="xc-here"></span>'
    "<script>document.querySelector('.xc-here')?.scrollIntoView({block: 'center'})</script>"
)


def explained(workspace: Workspace, criterion_id: str) -> Explanation:
    """What is known of a criterion, read again only when something was written."""
    return remembered(workspace, ("explained", criterion_id), lambda: explain(workspace, criterion_id))


def picked_key(criterion_id: str) -> str:
    """Session state: whether the card of this criterion is selected."""
    return f"pick-{criterion_id}"


def details_key(criterion_id: str) -> str:
    """Session state: whether the details of this criterion are open."""
    return f"details-{criterion_id}"


def card(engine: Engine, criterion: Criterion, *, here: bool = False) -> None:
    """Draw the card of a criterion; with `here` it is scrolled to."""
    explanation = explained(engine.workspace, criterion.id)
    with st.container(border=True, key=f"card-{criterion.id}", gap="xsmall"):
        with st.container(horizontal=True, wrap=False, gap="small"):
            st.checkbox(
                f"Select {plain(criterion.name)}", key=picked_key(criterion.id), label_visibility="collapsed"
            )
            marks = _marks(engine.workspace, explanation)
            st.html(head(criterion.name, marks, criterion.definition, criterion.guidance))
            _buttons(engine, criterion)
        show_error(criterion.id)
        if st.session_state.get(EDITING) == criterion.id:
            edit_form(engine, criterion, done=_stop_editing)
        folded = st.expander("Details", key=details_key(criterion.id), type="compact", on_change="rerun")
        if folded.open:
            with folded:
                _details(engine, explanation)
        if here:
            st.html(_SCROLL_HERE, unsafe_allow_javascript=True)


def _marks(workspace: Workspace, known: Explanation) -> list[str]:
    """What is worth knowing at a glance."""
    criterion = known.criterion
    marks = []
    if criterion.status == "merged":
        marks.append(f"merged into {workspace.grouping.criterion(criterion.merged_into).name}")
    if criterion.status == "proposed" and known.batches and not known.by_taggers:
        marks.append(f"found in {plural(known.batches, 'batch', 'batches')} of captions")
    if criterion.status == "accepted":
        groups = len(known.groups)
        marks.append(plural(groups, "group") if groups else "not grouped yet")
        total = known.unclear + sum(node.count for node in known.groups)
        if total:
            marks.append(f"{share(known.unclear, total)} unclear")
        if groups and known.missing["assignment"]:
            marks.append(f"{plural(known.missing['assignment'], 'image')} missing")
    if criterion.k and criterion.k != len(known.groups):
        marks.append(f"{plural(criterion.k, 'group')} wanted")
    if criterion.origin == "user":
        marks.append("yours")
    return marks


def _buttons(engine: Engine, criterion: Criterion) -> None:
    """What is done most with a criterion of this status."""
    if criterion.status == "proposed":
        _button(engine, "Accept", criterion, "Group by it from the next run on", kind="secondary")
        _button(engine, "Veto", criterion, "Do not group by it, and do not propose it again")
    elif criterion.status == "accepted":
        _edit_button(criterion)
    else:
        _button(engine, "Take back", criterion, "Let it wait for your word again, as proposed")


def _button(engine: Engine, label: str, criterion: Criterion, about: str, *, kind: str = "tertiary") -> None:
    act = {"Accept": edit.accept, "Veto": edit.veto, "Take back": edit.set_aside}[label]
    st.button(
        label,
        key=f"{label}-{criterion.id}",
        type="secondary" if kind == "secondary" else "tertiary",
        help=about,
        on_click=change,
        args=(engine, criterion.id, lambda: act(engine.workspace, criterion.id, who=WHO)),
    )


def _edit_button(criterion: Criterion) -> None:
    st.button(
        "Edit",
        key=f"edit-{criterion.id}",
        type="tertiary",
        icon=":material/edit:",
        on_click=_start_editing,
        args=(criterion.id,),
    )


def _details(engine: Engine, known: Explanation) -> None:
    criterion = known.criterion
    left, right = st.columns(2, gap="medium")
    left.html(fields(_facts(known)))
    with right:
        if known.groups:
            st.html(bars(known.groups, known.unclear))
        elif known.captions:
            texts = [text for _, text in known.captions[:_CAPTIONS]]
            st.html(said("Captions it was proposed from", texts))
        if criterion.values:
            st.html(chips("Likely values", criterion.values))
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        if known.groups:
            navigation.link("explore", "Look inside", icon=":material/grid_view:", criterion=criterion.id)
        if criterion.status == "accepted":
            _button(engine, "Take back", criterion, "Let it wait for your word again; its groups are kept")
            _button(engine, "Veto", criterion, "Do not group by it any more; its groups are kept")
        elif criterion.status == "proposed":
            _edit_button(criterion)


def _facts(known: Explanation) -> list[tuple[str, str]]:
    facts = [("Why it is here", _why(known))]
    if known.groups and known.missing["assignment"]:
        facts.append(("Missing", f"{plural(known.missing['assignment'], 'image')} not placed yet"))
    if known.carried:
        facts.append(("Not carried over", " ".join(known.carried)))
    if known.edits:
        facts.append(("Changes", "; ".join(edit.what for edit in known.edits[-_EDITS:])))
    return facts


def _why(known: Explanation) -> str:
    if known.criterion.origin == "user":
        return "You named it."
    if not known.batches:
        return "It was found in the collection."
    if known.by_taggers:
        return "What the embedded taggers saw tells the images apart by it."
    return f"It was proposed from {plural(known.batches, 'batch', 'batches')} of captions."


def _start_editing(criterion_id: str) -> None:
    st.session_state[EDITING] = criterion_id


def _stop_editing() -> None:
    st.session_state.pop(EDITING, None)
