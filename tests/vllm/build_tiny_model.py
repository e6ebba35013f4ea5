"""Builds a Qwen2.5-VL of 0.65 million random weights (1.3 MB) for a real vLLM to serve on a CPU.

    python build_tiny_model.py FOLDER

It runs in the environment of the vLLM tests and downloads nothing. Everything but the size is what a real
model of the family has: a byte-level tokenizer with the special tokens for turns, images and tool calls, a
chat template, an image processor with dynamic resolution, a vision tower with window attention, a text model
with multimodal rotary positions. What it answers is noise; what it is good for is the protocol around the
answers. Same weights at every build.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)

_PAD, _TURN_END = "<|endoftext|>", "<|im_end|>"
_SPECIAL_TOKENS = [
    _PAD, "<|im_start|>", _TURN_END, "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>",
    "<|video_pad|>", "<tool_call>", "</tool_call>",
]  # fmt: skip

_CHAT_TEMPLATE = """\
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{% if message.content is string %}{{ message.content }}
{%- else %}{% for part in message.content %}
{%- if part.type in ("image", "image_url") %}<|vision_start|><|image_pad|><|vision_end|>
{%- elif part.text is defined %}{{ part.text }}
{%- endif %}{% endfor %}{% endif %}<|im_end|>
{% endfor -%}
{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""

_CONTEXT_TOKENS = 8192
_HIDDEN = 128
_HEADS = 4

# One side of a vision patch is 14 pixels, and 2 x 2 patches become one token: an image costs 4 to 64 tokens.
_PATCH = 14
_TOKEN_SIDE = 2 * _PATCH
_PIXELS = {"min_pixels": 4 * _TOKEN_SIDE**2, "max_pixels": 64 * _TOKEN_SIDE**2}


def _tokenizer() -> PreTrainedTokenizerFast:
    """All single bytes, plus a few merges: any text can be encoded, at about one token a letter."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=_SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # A pair must be seen more than once to be merged.
    inner.train_from_iterator(
        ["Say what the picture shows, and answer as JSON with one label."] * 10, trainer
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        eos_token=_TURN_END,
        pad_token=_PAD,
        additional_special_tokens=[token for token in _SPECIAL_TOKENS if token not in (_PAD, _TURN_END)],
        model_max_length=_CONTEXT_TOKENS,
        chat_template=_CHAT_TEMPLATE,
    )


def _configuration(tokenizer: PreTrainedTokenizerFast) -> Qwen2_5_VLConfig:
    token_id = {token: tokenizer.convert_tokens_to_ids(token) for token in _SPECIAL_TOKENS}
    rotary_halves = _HIDDEN // _HEADS // 2
    text = {
        # vLLM pads the vocabulary to a multiple of 64; a padded one needs no padding.
        "vocab_size": -(-len(tokenizer) // 64) * 64,
        "hidden_size": _HIDDEN,
        "intermediate_size": 2 * _HIDDEN,
        "num_hidden_layers": 2,
        "num_attention_heads": _HEADS,
        "num_key_value_heads": 2,
        "max_position_embeddings": _CONTEXT_TOKENS,
        "tie_word_embeddings": False,
        # Time, height and width share the rotary pairs of a head.
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10_000.0,
            "mrope_section": [rotary_halves - 12, 6, 6],
        },
        "bos_token_id": token_id[_PAD],
        "eos_token_id": token_id[_TURN_END],
        "pad_token_id": token_id[_PAD],
    }
    vision = {
        "depth": 2,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_heads": 2,
        "out_hidden_size": _HIDDEN,
        "patch_size": _PATCH,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "window_size": 112,
        "fullatt_block_indexes": [1],
    }
    return Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        tie_word_embeddings=False,
        image_token_id=token_id["<|image_pad|>"],
        video_token_id=token_id["<|video_pad|>"],
        vision_start_token_id=token_id["<|vision_start|>"],
        vision_end_token_id=token_id["<|vision_end|>"],
    )


def build(folder: Path) -> None:
    """Write the model, its tokenizer and its processor to `folder`, in the layout of a model hub."""
    tokenizer = _tokenizer()
    configuration = _configuration(tokenizer)
    torch.manual_seed(0)
    model = Qwen2_5_VLForConditionalGeneration(configuration).to(torch.bfloat16)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(**_PIXELS),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(**_PIXELS),
        chat_template=_CHAT_TEMPLATE,
    ).save_pretrained(folder)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
