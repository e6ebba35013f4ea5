"""Settings: which models take which role, from defaults, `xcluster.toml`, the environment and flags.

Order, strongest first: flags, environment (`XCLUSTER_PROFILE`, ...), `xcluster.toml` of the workspace, of the
current folder, defaults. See docs/configuration.md.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from models.endpoint import Endpoint
from store.errors import InputError
from tools.estimate import Prices


class Role(BaseModel):
    """Who takes one role. With neither `base_url` nor `gguf`, the embedded model does."""

    model_config = ConfigDict(extra="forbid")
    base_url: str | Annotated[tuple[str, ...], Field(min_length=1)] = ""
    """An OpenAI-compatible server, up to and with `/v1`, or several that serve the same model."""
    model: str = ""
    api_key_env: str = ""
    """Name of the environment variable that holds the key."""
    gguf: Path | None = None
    """A model file that xcluster serves itself with llama.cpp."""
    mmproj: Path | None = None
    """The projector file of a vision model that is served from `gguf`."""
    at_once: int = Field(default=16, ge=1)
    """Calls in flight at each server, at most."""
    timeout_s: float = Field(default=120.0, gt=0)
    retries: int = Field(default=4, ge=0)
    logprobs: bool = True
    tool_calls: bool = True
    """The server takes tools, so that the model can plan with them (`text` only)."""
    context: int = Field(default=8192, ge=512)
    """Tokens."""
    price_in: float = Field(default=0.0, ge=0)
    """Money per million prompt tokens, in any currency, for estimates; 0 when it is not set."""
    price_out: float = Field(default=0.0, ge=0)
    """Money per million tokens of the replies."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Of its servers; none for an embedded model."""
        if isinstance(self.base_url, str):
            return (self.base_url,) if self.base_url else ()
        return tuple(dict.fromkeys(self.base_url))

    def endpoint(self) -> Endpoint:
        """The servers of this role. Raises InputError when its key is not in the environment."""
        key = os.environ.get(self.api_key_env, "") if self.api_key_env else "none"
        if not key:
            raise InputError(
                f"The key for {', '.join(self.addresses)} is read from ${self.api_key_env}, which is not set."
            )
        return Endpoint(
            base_url=self.addresses[0] if self.addresses else "",
            more_urls=self.addresses[1:],
            model=self.model,
            api_key=key,
            at_once=self.at_once,
            timeout_s=self.timeout_s,
            retries=self.retries,
            context=self.context,
            logprobs=self.logprobs,
        )


class Profile(BaseModel):
    """One choice of models for the three roles."""

    model_config = ConfigDict(extra="forbid")
    vision: Role = Role()
    text: Role = Role()
    embedding: Role = Role()
    propose_batch: int = Field(default=100, ge=2)
    """Captions that one call of the proposer sees."""
    propose_batches: int = Field(default=5, ge=1)
    """Each is asked about every side of the pictures, one a call."""

    def prices(self) -> Prices:
        """What tokens cost, as estimates take it."""
        return Prices(self.text.price_in, self.text.price_out, self.vision.price_in, self.vision.price_out)


def _both(base_url: str, model: str, **more: Any) -> Profile:
    role = Role(base_url=base_url, model=model, **more)
    return Profile(vision=role, text=role)


BUILT_IN: dict[str, Profile] = {
    "embedded": Profile(propose_batch=8, propose_batches=6),
    "vllm": _both("http://127.0.0.1:8000/v1", "Qwen/Qwen2.5-VL-7B-Instruct", at_once=64, context=16384),
    "ollama": _both("http://127.0.0.1:11434/v1", "qwen2.5vl:7b", at_once=2, timeout_s=600.0, logprobs=False),
    "openai": _both(
        "https://api.openai.com/v1", "gpt-4.1-mini", api_key_env="OPENAI_API_KEY", context=128_000
    ),
}


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="XCLUSTER_",
        env_nested_delimiter="__",
        extra="forbid",
        nested_model_default_partial_update=True,
    )
    profile: str = "embedded"
    profiles: dict[str, Profile] = {}
    """Your own, or changes to the built-in ones of the same name."""
    chroma: str = ""
    """`http://host:port` of a `chroma run` server; empty for the one in the workspace."""
    cache: Path | None = None
    """Where model files are kept; the user's cache folder when not set."""
    max_criteria: int = Field(default=6, ge=1, le=30)
    share_twins: bool = True
    share_similarity: float = Field(default=0.97, gt=0)
    name_all: bool = False
    one_at_a_time: bool = False
    seed: int = 0
    max_calls: int | None = Field(default=None, ge=1)
    """Questions that one run may ask; then it stops, and the next run goes on."""
    max_cost: float | None = Field(default=None, gt=0)
    """Money that one run may spend, in the currency of the prices."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over what `load` read from files."""
        return env_settings, init_settings

    def chosen(self) -> Profile:
        """The profile in force. Raises InputError with the known ones when there is none of that name."""
        known = BUILT_IN | self.profiles
        if self.profile not in known:
            raise InputError(f"No profile '{self.profile}'. Known: {', '.join(known)}.")
        return known[self.profile]


def load(workspace: Path | None, *, profile: str = "") -> Settings:
    """Read the settings that hold for a workspace. Raises InputError naming the file and the wrong key."""
    values: dict[str, Any] = {}
    sources: list[str] = []
    for folder in (Path.cwd(), workspace):
        file = folder / "xcluster.toml" if folder is not None else None
        if file is not None and file.is_file():
            values = _merged(values, _read(file))
            sources.append(str(file))
    for name, changed in values.get("profiles", {}).items():
        if name in BUILT_IN and isinstance(changed, dict):
            values["profiles"][name] = _merged(BUILT_IN[name].model_dump(exclude_unset=True), changed)
    try:
        settings = Settings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(
            f"Setting '{where}' is wrong: {first['msg']} "
            f"(read from {', '.join(sources) or 'the environment'}). See docs/configuration.md."
        ) from error
    return settings.model_copy(update={"profile": profile}) if profile else settings


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is not valid TOML: {error}.") from error


def _merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """`change` over `base`, table by table."""
    out = dict(base)
    for key, value in change.items():
        old = out.get(key)
        out[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return out
