"""The app: `xcluster ui` has Streamlit run this script anew for every view and every click."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

from store.errors import XclusterError
from ui.engine import Engine, engine_for
from ui.web import navigation, page_chat, page_criteria, page_explore, page_overview, theme
from ui.web.criteria_words import plain
from ui.web.run_panel import watch


def main(arguments: list[str]) -> None:
    """Draw the page that the address names, for the workspace that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--profile", default="")
    given = parser.parse_args(arguments)
    st.set_page_config(
        page_title=f"{given.workspace.stem} - xcluster",
        page_icon=theme.ICON,
        layout="wide",
        initial_sidebar_state=theme.SIDEBAR_PX,
    )
    st.html(theme.STYLE)
    try:
        engine = engine_for(given.workspace, given.profile)
    except XclusterError as error:
        st.error(plain(str(error)))
        return
    pages = _pages(engine)
    navigation.register(pages)
    chosen = st.navigation(list(pages.values()))
    with st.sidebar:
        watch(engine)
    try:
        chosen.run()
    except XclusterError as error:
        st.error(plain(str(error)))


def _pages(engine: Engine) -> dict[navigation.Place, st.Page]:
    # Streamlit takes no arguments for a page's function.
    def at(path: navigation.Place, title: str, icon: str, draw: Callable[[Engine], None]) -> st.Page:
        return st.Page(partial(draw, engine), title=title, icon=f":material/{icon}:", url_path=path)

    return {
        "overview": at("overview", "Overview", "dashboard", page_overview.page),
        "criteria": at("criteria", "Criteria", "rule", page_criteria.page),
        "explore": at("explore", "Explore", "grid_view", page_explore.page),
        "chat": at("chat", "Chat", "forum", page_chat.page),
    }


main(sys.argv[1:])
