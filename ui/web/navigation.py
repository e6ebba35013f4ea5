"""How one page leads to another: pages by name, and what they are to show as query parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import streamlit as st

Place = Literal["overview", "chat", "criteria", "explore"]
"""A page, by its path in the address."""
_PAGES = "xcluster pages"


def register(pages: Mapping[Place, st.Page]) -> None:
    """Make the pages of this view known to `link`."""
    st.session_state[_PAGES] = pages


def link(
    place: Place, label: str, *, icon: str | None = None, about: str | None = None, **query: str
) -> None:
    """Draw a link to a page, which opens without loading the app anew; nothing where there is none.

    `about` is shown where the mouse rests. Pages are changed by links alone, never by `st.switch_page`: the
    browser would go on asking for the old page's timed redraws until the new page has come. One that arrives
    then can make Streamlit forget the callbacks of the new page, so that the next click does nothing. For
    a link, the browser ends the redraws before it asks for the page.
    """
    page = st.session_state.get(_PAGES, {}).get(place)
    if page is not None:
        st.page_link(page, label=label, icon=icon, help=about, query_params=query)
