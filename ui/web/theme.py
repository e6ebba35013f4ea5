"""How the app looks and behaves, as Streamlit's options: calm, light, one accent, the system's own font."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ACCENT = "#2f5d8a"
STYLE = Path(__file__).with_name("theme.css")
"""What the options cannot say."""
SIDEBAR_PX = 208
ICON = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><g fill="{ACCENT}">'
    '<rect width="7" height="7"/><rect x="9" width="7" height="7" opacity=".5"/>'
    '<rect y="9" width="7" height="7" opacity=".5"/><rect x="9" y="9" width="7" height="7" opacity=".25"/>'
    "</g></svg>"
)
"""The page's icon; without one of its own, Streamlit has the browser fetch one from elsewhere."""

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"
_OPTIONS: dict[str, str] = {
    "theme.base": "light",
    "theme.primaryColor": ACCENT,
    "theme.backgroundColor": "#ffffff",
    "theme.secondaryBackgroundColor": "#f4f5f7",
    "theme.textColor": "#24292f",
    "theme.linkColor": ACCENT,
    "theme.borderColor": "#dfe2e6",
    "theme.font": _FONT,
    "theme.headingFont": _FONT,
    "theme.baseFontSize": "15",
    "theme.baseRadius": "6px",
    "theme.metricValueFontSize": "1.5rem",
    "theme.paddingTop": "1rem",
    "theme.showSidebarBorder": "true",
    "theme.sidebar.backgroundColor": "#f8f9fa",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "type",
    "browser.gatherUsageStats": "false",
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.runOnSave": "false",
    "runner.magicEnabled": "false",
    "logger.hideWelcomeMessage": "true",
    "logger.level": "warning",
    "logger.enableRich": "false",
}


def flags() -> Iterator[str]:
    """The options as flags of `streamlit run`."""
    return (f"--{name}={value}" for name, value in _OPTIONS.items())
