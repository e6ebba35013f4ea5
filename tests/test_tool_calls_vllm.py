"""Tool calls against a real vLLM: it takes the form in which the planner's abilities are offered.

A model of random weights writes whitespace wherever the grammar of a call lets it, and may never come to an
end. What it has written by then still shows that vLLM decodes under our forms and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agent.abilities import ABILITIES
from models.endpoint import Endpoint
from models.tool_calls import Called, Exchange, ToolCall, ToolCaller, tool
from store.errors import BadReply, Refused
from tests.vllm.server import VllmServer

(_EXPORT,) = (ability for ability in ABILITIES if ability.name == "export")
_TOOLS = [tool(_EXPORT.name, _EXPORT.about, _EXPORT.arguments.model_json_schema())]
_BEGINNING = '<tool_call>{"name":"export","arguments":{"format"'


def _caller(server: VllmServer) -> ToolCaller:
    return ToolCaller(Endpoint(server.base_url, server.model, retries=0, timeout_s=120))


async def _answer(
    server: VllmServer, said: Sequence[tuple[str, str]], exchanges: Sequence[Exchange]
) -> Called | BadReply:
    try:
        return await _caller(server).call("Call one.", said, exchanges, _TOOLS)
    except BadReply as unending:
        return unending


def _check(answer: Called | BadReply) -> None:
    if isinstance(answer, Called):
        assert [call.name for call in answer.calls] == ["export"]
        _EXPORT.arguments.model_validate(answer.calls[0].arguments)
        return
    assert "did not come to an end" in str(answer)
    assert answer.usage.completion_tokens == 1_000
    written = str(answer).replace("\\n", "").replace("\\t", "").replace("\\r", "")
    assert _BEGINNING in "".join(written.split())


@pytest.mark.vllm
async def test_the_model_can_only_call_what_it_is_offered(vllm_server: VllmServer) -> None:
    _check(await _answer(vllm_server, [("user", "undo it")], []))


@pytest.mark.vllm
async def test_calls_and_their_results_can_be_told_to_the_model(vllm_server: VllmServer) -> None:
    done = Exchange(
        ToolCall("step-0", "export", {"format": "csv"}), '{"facts": {"0": "Done."}, "found": true}'
    )
    said = [("user", "hi"), ("assistant", "Done."), ("user", "export")]
    _check(await _answer(vllm_server, said, [done]))


@pytest.mark.vllm
async def test_a_form_that_the_server_does_not_take_is_a_refusal(vllm_server: VllmServer) -> None:
    broken = [{"name": "undo", "description": "", "parameters": {"type": "no such type"}, "strict": True}]
    with pytest.raises(Refused):
        await _caller(vllm_server).call("Call one.", [("user", "undo")], [], broken)
