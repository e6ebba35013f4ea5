"""The forms of the criteria board: edit one, merge several, add one's own, rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from agent.words import TAGGERS_HEAR_NOTHING, quoted
from store.errors import InputError
from store.records import Criterion
from tools import edit
from ui.engine import Engine
from ui.web.criteria_change import WHO, change, price, show_error
from ui.web.criteria_words import plain

_GUIDANCE = "What to pay attention to or to ignore, such as: do not consider gender"
_K = "How many groups"
_K_HELP = "At the coarse level. Leave it empty for as many as there are."


def edit_form(engine: Engine, criterion: Criterion, *, done: Callable[[], None]) -> None:
    """Let the person change a criterion; `done` is called when it was saved or given up."""
    keys = {field: f"{field}-{criterion.id}" for field in ("name", "definition", "guidance", "k")}

    def save() -> None:
        _save(engine, criterion, keys)
        done()

    with st.form(f"form-{criterion.id}", border=False):
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        left.text_input("Name", criterion.name, key=keys["name"], max_chars=60)
        right.number_input(_K, 2, 100, criterion.k, key=keys["k"], help=_K_HELP, placeholder="any")
        st.text_area("What it asks of a picture", criterion.definition, key=keys["definition"], height=70)
        st.text_input("Guidance", criterion.guidance, key=keys["guidance"], placeholder=_GUIDANCE)
        reason = engine.busy()
        st.caption(plain(reason or _price(engine, criterion)))
        with st.container(horizontal=True):
            st.form_submit_button(
                "Save" if criterion.status == "accepted" else "Save and accept",
                type="primary",
                disabled=bool(reason),
                on_click=change,
                args=(engine, criterion.id, save),
            )
            st.form_submit_button("Cancel", type="tertiary", on_click=done)


def _price(engine: Engine, criterion: Criterion) -> str:
    words = price(engine, ("regroup", criterion.id), lambda estimator: estimator.regroup(criterion.id))
    if not engine.workspace.grouping.clusters(criterion.id):
        return f"Nothing is grouped by it yet. To group by it takes {words}."
    tree = price(engine, ("rebuild", criterion.id), lambda estimator: estimator.rebuild(criterion.id))
    note = f" {TAGGERS_HEAR_NOTHING}" if engine.desk.estimator.by_tags() else ""
    return (
        f"Saving asks no model. Other words put its groups aside, and to group anew takes {words}; "
        f"another number of groups, {tree}. A new name changes nothing else.{note}"
    )


def _save(engine: Engine, criterion: Criterion, keys: dict[str, str]) -> None:
    """The new name and the new wording, both or neither."""
    now = {field: st.session_state[key] for field, key in keys.items()}
    workspace = engine.workspace
    with workspace.database.transaction():
        if " ".join(now["name"].split()) != criterion.name:
            edit.rename(workspace, criterion.id, now["name"], who=WHO)
        edit.refine(
            workspace,
            criterion.id,
            who=WHO,
            definition=now["definition"],
            guidance=now["guidance"],
            k=None if now["k"] is None else int(now["k"]),
        )


def merge_bar(engine: Engine, picked: Sequence[Criterion], *, done: Callable[[], None]) -> None:
    """Offer to make the selected criteria one."""
    kept = _kept(engine, picked, "")
    names = quoted([c.name for c in picked])

    def merge() -> None:
        _merge(engine, picked)
        done()

    with st.form("merge"):
        st.text_input(f"Merge {plain(names)} into", kept.name, key="merge-name", max_chars=60)
        st.form_submit_button(
            f"Merge {len(picked)} criteria",
            type="primary",
            on_click=change,
            args=(engine, "merge", merge),
        )
        if engine.workspace.grouping.clusters(kept.id):
            st.caption(f"The groups of {plain(kept.name)} stay.")
        show_error("merge")


def _merge(engine: Engine, picked: Sequence[Criterion]) -> None:
    name = " ".join(st.session_state["merge-name"].split())
    kept = _kept(engine, picked, name)
    others = [c.id for c in picked if c.id != kept.id]
    with engine.workspace.database.transaction():
        edit.merge(engine.workspace, kept.id, others, who=WHO, name=name)


def _kept(engine: Engine, picked: Sequence[Criterion], name: str) -> Criterion:
    """The one that stays: the one of that name, else one that is grouped already, else the best supported."""
    of_name = [c for c in picked if c.name.casefold() == name.casefold()]
    grouped = [c for c in picked if engine.workspace.grouping.clusters(c.id)]
    return (of_name or grouped or sorted(picked, key=lambda c: -c.support))[0]


def add_form(engine: Engine) -> None:
    """Let the person add a criterion of their own."""
    with st.form("add", border=False):
        st.text_input("Name", key="add-name", max_chars=60, placeholder="Mood")
        st.text_input("What it asks of a picture", key="add-definition", placeholder="How the picture feels")
        st.text_input("Guidance", key="add-guidance", placeholder="Do not consider gender", help=_GUIDANCE)
        st.number_input(_K, 2, 100, None, key="add-k", help=_K_HELP, placeholder="as many as there are")
        cost = price(engine, "added", lambda estimator: estimator.added())
        st.caption(plain(f"Adding asks no model. To group by it takes {cost}."))
        st.form_submit_button("Add", on_click=change, args=(engine, "add", lambda: _add(engine)))
        show_error("add")


def _add(engine: Engine) -> None:
    state = st.session_state
    name = " ".join(state["add-name"].split())
    if any(c.name.casefold() == name.casefold() for c in engine.workspace.grouping.criteria()):
        raise InputError(f"There is a criterion '{name}' already. Edit that one, or choose another name.")
    edit.add(
        engine.workspace,
        name,
        who=WHO,
        definition=" ".join(state["add-definition"].split()),
        guidance=" ".join(state["add-guidance"].split()),
        k=None if state["add-k"] is None else int(state["add-k"]),
    )
    state["add-name"] = state["add-definition"] = state["add-guidance"] = ""
    state["add-k"] = None


def rules_form(engine: Engine) -> None:
    """List the rules, each with a button to take it back, and let the person set one."""
    rules = engine.workspace.grouping.rules()
    for number, rule in enumerate(rules):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(plain(rule))
            st.button(
                "Take back",
                key=f"rule-{number}",
                type="tertiary",
                on_click=change,
                args=(engine, "rules", lambda rule=rule: edit.drop_rule(engine.workspace, rule, who=WHO)),
            )
    with st.form("rule", border=False):
        st.text_input(
            "New rule",
            key="rule-text",
            max_chars=200,
            placeholder="never use gender",
            help="Holds for every criterion, whenever something is proposed or grouped from now on.",
        )
        st.form_submit_button("Set", on_click=change, args=(engine, "rules", lambda: _set_rule(engine)))
    show_error("rules")


def _set_rule(engine: Engine) -> None:
    edit.add_rule(engine.workspace, st.session_state["rule-text"], who=WHO)
    st.session_state["rule-text"] = ""
