"""Tool calls against a real vLLM: it takes the form in which the planner's abilities are offered."""

from __future__ import annotations

import pytest

from agent.abilities import ABILITIES
from models.endpoint import Endpoint
from models.tool_calls import Exchange, ToolCall, ToolCaller, tool
from store.errors import Refused
from tests.vllm.server import VllmServer

# A form of one closed choice: random weights never end a free string, or an empty form, by themselves.
_CLOSED = {a.name: a for a in ABILITIES if a.name == "export"}
_TOOLS = [tool(a.name, a.about, a.arguments.model_json_schema()) for a in _CLOSED.values()]


def _caller(server: VllmServer) -> ToolCaller:
    return ToolCaller(Endpoint(server.base_url, server.model, retries=0, timeout_s=120))


@pytest.mark.vllm
async def test_the_model_calls_one_of_the_abilities_with_arguments_of_its_form(
    vllm_server: VllmServer,
) -> None:
    called = await _caller(vllm_server).call("Call one.", [("user", "export it")], [], _TOOLS)
    assert called.calls
    for call in called.calls:
        _CLOSED[call.name].arguments.model_validate(call.arguments)
    assert called.usage.completion_tokens > 0


@pytest.mark.vllm
async def test_calls_and_their_results_can_be_told_to_the_model(vllm_server: VllmServer) -> None:
    done = Exchange(
        ToolCall("step-0", "export", {"format": "csv"}), '{"facts": {"0": "Done."}, "found": true}'
    )
    called = await _caller(vllm_server).call(
        "Call one.", [("user", "hi"), ("assistant", "Done."), ("user", "undo")], [done], _TOOLS
    )
    assert {call.name for call in called.calls} <= set(_CLOSED)


@pytest.mark.vllm
async def test_a_form_that_the_server_does_not_take_is_a_refusal(vllm_server: VllmServer) -> None:
    broken = [{"name": "undo", "description": "", "parameters": {"type": "no such type"}, "strict": True}]
    with pytest.raises(Refused):
        await _caller(vllm_server).call("Call one.", [("user", "undo")], [], broken)
