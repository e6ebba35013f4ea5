"""What a client's error means: for a person, and for whether to try again."""

from __future__ import annotations

import openai

from models.endpoint import Endpoint
from store.errors import ContextTooLong, ModelError, ModelMisconfigured, ModelUnavailable, Refused


def explain(error: Exception, endpoint: Endpoint) -> ModelError:
    """What an error of the client means for a person, and what to do.

    What is no OpenAIError comes of a body that is JSON, or not even that, but no chat completion.
    """
    where = f"{endpoint.base_url} (model '{endpoint.model}')"
    said = short(error)
    match error:
        case openai.APITimeoutError():
            return ModelUnavailable(
                f"{where} did not answer within {endpoint.timeout_s:.0f} s. "
                "Raise `timeout_s`, lower `at_once`, or see whether the server is overloaded."
            )
        case openai.APIConnectionError():
            return ModelUnavailable(
                f"Cannot reach {where}: {short(_root(error))}. Is the server running, and is the "
                "address right (it usually ends in /v1)? `xcluster doctor` checks it."
            )
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            return ModelMisconfigured(f"{where} refused the key: {said}. Set `api_key_env` in the profile.")
        case openai.NotFoundError():
            return ModelMisconfigured(
                f"{where} does not know the model or the path: {said}. See `xcluster doctor`."
            )
        case openai.BadRequestError() if _mentions(said, "context", "too long", "maximum", "exceed"):
            return ContextTooLong(f"The prompt does not fit {where}: {said}. Serve it with a longer context.")
        case openai.BadRequestError() if _mentions(said, "image", "multimodal", "mmproj", "vision"):
            return Refused(
                f"{where} did not take the image: {said}. Is it a vision model (and, for llama.cpp, was it "
                "started with its projector)?"
            )
        case openai.BadRequestError() | openai.UnprocessableEntityError():
            return Refused(f"{where} refused the question: {said}.")
        case openai.RateLimitError():
            return ModelUnavailable(f"{where} keeps answering 429: {said}. Lower `at_once` or wait.")
        case openai.OpenAIError():
            return ModelUnavailable(f"{where} failed: {said}.")
        case _:
            return ModelUnavailable(
                f"{where} sent no chat completion ({said}). "
                "Is the address that of an OpenAI-compatible server (it usually ends in /v1)?"
            )


def passing(error: Exception) -> bool:
    """Whether the server, and neither the question nor the settings, is to blame: another may do better."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code in (408, 409, 429) or error.status_code >= 500
    return True


def retry_after_s(error: openai.OpenAIError | ValueError) -> float:
    """How long the server asked to be left alone, in seconds; 0 where it did not."""
    if not isinstance(error, openai.APIStatusError):
        return 0.0
    told = error.response.headers
    try:
        if "retry-after-ms" in told:
            return max(0.0, float(told["retry-after-ms"]) / 1_000)
        return max(0.0, float(told.get("retry-after", 0)))
    except ValueError:
        # A date: rare, and the clocks may differ; the growing waits do.
        return 0.0


def short(error: object) -> str:
    """The text of an error on one line, at most 300 characters, without a full stop at its end."""
    return " ".join(str(error).split())[:300].rstrip(".")


def _root(error: BaseException) -> BaseException:
    """The error at the bottom: the layers above it say only that the connection failed."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _mentions(text: str, *words: str) -> bool:
    return any(word in text.casefold() for word in words)
