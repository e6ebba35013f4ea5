"""Reads `vllm serve` command lines with vLLM's own parser; runs in the environment of the vLLM tests.

Standard input: a JSON list of argument lists, each what follows `vllm serve`. Standard output, last line: a
JSON list with what vLLM made of the settings that xcluster rests on.
"""

from __future__ import annotations

import dataclasses
import json
import sys

from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.tool_parsers import ToolParserManager
from vllm.utils.argparse_utils import FlexibleArgumentParser

READ = (
    *("model_tag", "served_model_name", "host", "port", "max_model_len", "enable_prefix_caching"),
    *("generation_config", "limit_mm_per_prompt", "enable_auto_tool_choice", "tool_call_parser"),
    *("tensor_parallel_size", "data_parallel_size", "mm_encoder_tp_mode", "structured_outputs_config"),
)


def main() -> None:
    parser = make_arg_parser(FlexibleArgumentParser())
    told = []
    for arguments in json.load(sys.stdin):
        found = parser.parse_args(arguments)
        validate_parsed_serve_args(found)
        values = {name: getattr(found, name) for name in READ}
        values["known_tool_parser"] = found.tool_call_parser in ToolParserManager.list_registered()
        told.append(values)
    print(json.dumps(told, default=lambda value: dataclasses.asdict(value)))


if __name__ == "__main__":
    main()
