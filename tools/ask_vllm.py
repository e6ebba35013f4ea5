"""Ask vLLM engines in a cluster: Ray Data's LLM processor with the prompts and keys of a run on one machine.

The engines live in actors on GPU nodes, without a server. The request is the one that `models.chat` sends;
only a reply that does not validate is not asked for a second time.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from models.chat import as_turn, parse_reply
from models.explain import short
from models.vllm_command import engine_options
from store.answers import Call
from store.records import Usage
from tools.answer_parts import as_table, row_of
from tools.ask import messages_of, question_key
from tools.image_question import ImageQuestion

_BATCH = 64
"""Rows that an engine is given at a time; with `_SIDE_BY_SIDE` such batches it has its 512 sequences."""
_SIDE_BY_SIDE = 8
_ERROR = "__inference_error__"
"""The column in which Ray Data puts what went wrong with a row."""
_COLUMNS = [
    *("path", "image_id", "generated_text", "num_input_tokens", "num_generated_tokens", "time_taken_llm"),
    _ERROR,
]


class Engines(NamedTuple):
    """The engines of a job."""

    model: str
    """Its name on the hub, or a folder or address that every GPU node can read."""
    context: int
    """Tokens, prompt and reply together."""
    replicas: int = 1
    """Engines at most; Ray Data starts them as there is work and there are GPUs."""
    tensor_parallel: int = 1
    """GPUs over which each is spread."""


def ask_vllm(pictures: Any, question: ImageQuestion, engines: Engines) -> Any:
    """A Ray dataset of answer rows from one of pictures (`tools.distribute`); nothing runs yet.

    Files that give no picture have no row in it.
    """
    from ray.data.llm import build_processor

    readable = pictures.filter(lambda row: bool(row["picture"]))
    processor = build_processor(
        engine_config(engines),
        preprocess=lambda row: request(row, question),
        # As it is: rows that failed pass by this function, and have the same columns.
        postprocess=lambda row: row,
    )
    # The other columns are as large as the prompts.
    return (
        processor(readable)
        .select_columns(_COLUMNS)
        .map_batches(
            answer_rows, batch_format="pyarrow", fn_args=(question, engines.model), zero_copy_batch=True
        )
    )


def engine_config(engines: Engines) -> Any:
    """The processor's configuration, with the engine options that `xcluster serve` gives a server."""
    from ray.data.llm import PrepareMultimodalStageConfig, vLLMEngineProcessorConfig

    return vLLMEngineProcessorConfig(
        model_source=engines.model,
        engine_kwargs=engine_options(engines.context, images=True, tensor_parallel=engines.tensor_parallel),
        concurrency=engines.replicas,
        batch_size=_BATCH,
        max_concurrent_batches=_SIDE_BY_SIDE,
        should_continue_on_error=True,
        prepare_multimodal_stage=PrepareMultimodalStageConfig(
            model_config_kwargs={"max_model_len": engines.context}, chat_template_content_format="openai"
        ),
    )


def request(row: dict[str, Any], question: ImageQuestion) -> dict[str, Any]:
    """What the processor asks about a picture: the turns, the schema and the limit of `models.chat`."""
    (asked,) = question.about([row["image_id"]])
    # As text: rows pass through Arrow, which would fill the gaps of nested schemas.
    schema = json.dumps(asked.reply.model_json_schema())
    return {
        "messages": [as_turn(message) for message in messages_of(asked, row["picture"])],
        "sampling_params": {
            "temperature": 0.0,
            "max_tokens": asked.max_tokens,
            "structured_outputs": {"json": schema},
        },
        # It is in the messages now, and all columns are carried to the end.
        "picture": "",
    }


def answer_rows(made: Any, question: ImageQuestion, model: str) -> Any:
    """A batch of what the engines wrote as a table of answer rows. Same order and length."""
    identity = question.id(model)
    rows = made.to_pylist()
    calls = [_call(row, question, model) for row in rows]
    return as_table(
        [row_of(row["path"], row["image_id"], identity, call) for row, call in zip(rows, calls, strict=True)]
    )


def _call(row: dict[str, Any], question: ImageQuestion, model: str) -> Call:
    usage = Usage(
        int(row["num_input_tokens"]), int(row["num_generated_tokens"]), 0, max(0.0, row["time_taken_llm"])
    )
    if row[_ERROR]:
        return Call(question.stage, model, usage, str(row[_ERROR])[:500])
    (asked,) = question.about([row["image_id"]])
    try:
        value = parse_reply(row["generated_text"], asked.reply)
    except ValueError as error:
        why = (
            f"{model} gave no valid {asked.reply.__name__} ({short(error)}): {row['generated_text'][:200]!r}"
        )
        return Call(question.stage, model, usage, why)
    told = value.model_dump(mode="json", by_alias=True)
    return Call(question.stage, model, usage, "", question_key(model, asked), told)
