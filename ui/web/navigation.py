"""How one page leads to another: pages by name, and what they are to show as query parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import streamlit as st

Place = Literal["overview", "chat", "criteria", "explore"]
"""A page, by its path in the address."""
_PAGES = "xcluster pages"


def register(pages: Mapping[Place, st.Page]) -> None:
    """Make the pages of this view known to `link` and `go`."""
    st.session_state[_PAGES] = pages


def link(place: Place, label: str, *, icon: str | None = None, **query: str) -> None:
    """Draw a link to a page, which opens without loading the app anew; nothing where there is none."""
    page = st.session_state.get(_PAGES, {}).get(place)
    if page is not None:
        st.page_link(page, label=label, icon=icon, query_params=query)


def go(place: Place, **query: str) -> None:
    """Open a page; nothing below the call is drawn. Does nothing where there is no such page."""
    page = st.session_state.get(_PAGES, {}).get(place)
    if page is not None:
        st.switch_page(page, query_params=query)
