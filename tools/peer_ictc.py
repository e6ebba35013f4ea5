"""IC|TC as a peer: the person names the criterion and K, and a language model does all of the grouping.

Source: Kwon et al., Image Clustering Conditioned on Text Criteria, ICLR 2024 (arXiv 2310.18297), steps 2a, 2b
and 3; step 1, the text of each image, is given. The prompts are our own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import Field, create_model

from prompts import render
from store.errors import BadReply, InputError
from store.records import Criterion
from tools.ask import Asker, Question, Schema
from tools.method import Grouped
from tools.partition_scores import UNCLEAR
from tools.peer_choose import distinct, peer_choose
from tools.peer_labels import LabelCount, peer_labels

_NAME_CHARS = 60
"""No name is longer: a small model that has to stop at K names else writes all other labels into the last."""
_Name = Annotated[str, Field(json_schema_extra={"maxLength": _NAME_CHARS})]


class NamesReply(Schema):
    """What the model makes of the counts."""

    names: list[_Name]


async def peer_ictc(
    texts: Sequence[str],
    criterion: Criterion,
    text: Asker,
    *,
    k: int | None,
    closed: bool = False,
    list_chars: int = 15_000,
    on_answer: Callable[[], None] = lambda: None,
) -> Grouped:
    """Group `texts` into `k` flat clusters, in n + 1 + n calls for n distinct texts.

    Each text gets a raw label; one call makes `k` names of the labels with their counts; the model chooses
    one of them for each text, free or `closed` (see `peer_choose`). Of more names than `k` the first are
    taken; fewer are left as they are and told. Labels beyond `list_chars` characters are left out, the least
    frequent first.

    Raises InputError when `k` is None: the method has no way to find it. Raises a ModelError when there is no
    valid list of names.
    """
    if k is None:
        raise InputError(
            f"IC|TC cannot group by '{criterion.name}' without the number of clusters. Give one (--k), or "
            "leave ictc out."
        )
    labels = await peer_labels(texts, criterion, text, list_chars=list_chars, on_answer=on_answer)
    if not labels.counts:
        return Grouped(
            {"flat": [UNCLEAR] * len(texts)}, {"flat": ()}, notes=(*labels.notes, "no text had a label")
        )
    names = await _names(labels.counts, criterion, text, k)
    on_answer()
    short = (f"the model gave {len(names)} different names instead of {k}",) if len(names) < k else ()
    choice = await peer_choose(texts, names, criterion, text, closed=closed, on_answer=on_answer)
    return Grouped({"flat": choice.names}, {"flat": names}, notes=(*labels.notes, *short, *choice.notes))


async def _names(counts: Sequence[LabelCount], criterion: Criterion, text: Asker, k: int) -> list[str]:
    """The names, `k` at most."""
    # The server is to write exactly k; a reply that has more or fewer all the same is not thrown away.
    exactly = Field(json_schema_extra={"minItems": k, "maxItems": k})
    reply = create_model("NamesReply", __base__=NamesReply, names=(list[_Name], exactly))
    turns = render("peer_ictc_names", counts=counts, count=k, criterion=criterion)
    answer = await text.ask("peer_names", Question(turns, reply, max_tokens=50 + 16 * k))
    names = distinct(answer.value.names)[:k]
    if not names:
        raise BadReply(f"The model named no cluster for '{criterion.name}'. A larger model may help.")
    return names
