"""The `vllm serve` commands of named serving profiles: what xcluster needs of the server, on given GPUs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal, NamedTuple

from store.errors import InputError

Serves = Literal["both", "vision", "text"]
IMAGE_SIDE = 768
"""Pixels of the longer side of what xcluster sends; no memory is set aside for larger pictures."""


class VllmModel(NamedTuple):
    """One server of a serving profile."""

    model: str
    """Its name on the hub, or a folder."""
    serves: Serves
    context: int = 16384
    """Tokens, prompt and reply together."""
    tensor_parallel: int = 1
    """GPUs over which each copy of the model is spread."""
    data_parallel: int = 1
    """Copies of the model, each on GPUs of its own."""
    gpus: tuple[int, ...] = ()
    """Which GPUs it may see; empty for all."""


_SMALL = "Qwen/Qwen2.5-VL-7B-Instruct"
_PROFILES: dict[str, tuple[VllmModel, ...]] = {
    "24gb": (VllmModel(_SMALL, "both"),),
    "80gb": (VllmModel("Qwen/Qwen2.5-VL-32B-Instruct-AWQ", "both", context=32768),),
    "multi": (VllmModel(_SMALL, "both", data_parallel=2),),
    "tensor": (VllmModel("Qwen/Qwen2.5-VL-72B-Instruct", "both", context=32768, tensor_parallel=4),),
    "split": (
        VllmModel(_SMALL, "vision", gpus=(0,)),
        VllmModel("Qwen/Qwen2.5-14B-Instruct-AWQ", "text", gpus=(1,)),
    ),
}
PROFILES = {
    "24gb": "one vision-language model for both roles on one GPU of 24 GB",
    "80gb": "a larger one, of four-bit weights, on one GPU of 80 GB",
    "multi": "several GPUs of 24 GB, a copy of the model on each (data parallel; --gpus says how many)",
    "tensor": "one model spread over several GPUs of 80 GB (tensor parallel; --gpus says how many)",
    "split": "a vision model on the first GPU (24 GB), a text model on the second (24 GB)",
}
"""Name of each serving profile to what it is for."""


def vllm_models(
    profile: str, *, model: str = "", text_model: str = "", gpus: int | None = None
) -> tuple[VllmModel, ...]:
    """The servers of a profile, with the model, the text model (of `split`) or the number of GPUs changed.

    Raises InputError for a profile that is not known and for a change that it does not take.
    """
    if profile not in _PROFILES:
        known = "\n".join(f"  {name}: {what}" for name, what in PROFILES.items())
        raise InputError(f"No serving profile '{profile}'. Known:\n{known}")
    servers = _PROFILES[profile]
    if text_model and len(servers) == 1:
        raise InputError(f"Profile '{profile}' serves one model for both roles: name it with --model.")
    if gpus is not None and profile not in ("multi", "tensor"):
        raise InputError(f"Profile '{profile}' has its number of GPUs. --gpus is for multi and tensor.")
    return tuple(
        server._replace(
            model=(text_model if server.serves == "text" else model) or server.model,
            data_parallel=gpus if gpus and profile == "multi" else server.data_parallel,
            tensor_parallel=gpus if gpus and profile == "tensor" else server.tensor_parallel,
        )
        for server in servers
    )


def vllm_command(
    server: VllmModel,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    python: str = "",
    extra: Sequence[str] = (),
) -> list[str]:
    """The command that starts a server. What is in `extra` comes last and so wins.

    `python` is the interpreter of the environment that holds vLLM, where its `vllm` is not to be used.
    """
    start = ["vllm", "serve", server.model]
    if python:
        start = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", server.model]
    options = engine_options(
        server.context, images=server.serves != "text", tensor_parallel=server.tensor_parallel
    )
    if server.data_parallel > 1:
        options["data_parallel_size"] = server.data_parallel
    flags = [
        *("--served-model-name", server.model, "--host", host, "--port", str(port)),
        *(part for name, value in options.items() for part in _flag(name, value)),
        "--disable-uvicorn-access-log",
    ]
    if server.serves != "vision":
        flags += ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
    return [*start, *flags, *extra]


def engine_options(context: int, *, images: bool, tensor_parallel: int = 1) -> dict[str, object]:
    """What xcluster wants of a vLLM engine, however it is started, by the names of vLLM's `EngineArgs`.

    `context`: tokens, prompt and reply together. `images`: it is asked about pictures, one at a time.
    `tensor_parallel`: GPUs over which it is spread.
    """
    options: dict[str, object] = {
        "max_model_len": context,
        # Instructions come before the picture and the text, so all of them are read once.
        "enable_prefix_caching": True,
        # With a schema and no such rule, a model may write white space until the limit.
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
        # Else the model's own file sets a repetition penalty, which spoils closed choices.
        "generation_config": "vllm",
    }
    if images:
        image = {"count": 1, "width": IMAGE_SIDE, "height": IMAGE_SIDE}
        options["limit_mm_per_prompt"] = {"image": image, "video": 0}
    if tensor_parallel > 1:
        # The vision part is small: whole on each GPU it is faster than spread.
        options |= {"tensor_parallel_size": tensor_parallel, "mm_encoder_tp_mode": "data"}
    return options


def _flag(name: str, value: object) -> list[str]:
    flag = "--" + name.replace("_", "-")
    if value is True:
        return [flag]
    return [flag, json.dumps(value) if isinstance(value, dict) else str(value)]
