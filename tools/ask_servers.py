"""Ask servers from a cluster: the actors of Ray Data in which pictures meet the servers of a model.

In each actor stands the engine that a run on one machine has (`tools.ask`, `models.fleet`): it finds out how
much each server may be given, tries again and turns to another. Ray hands out the pictures, holds back what
cannot be asked yet, and starts an actor anew that was lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from models.chat import ChatModel
from models.endpoint import Endpoint
from store.answers import Call, StoredAnswer
from store.errors import ModelError
from store.records import Usage
from tools.answer_parts import AnswerRow, as_table, row_of
from tools.ask import Asker, question_key
from tools.image_question import ImageQuestion

_BATCH = 32
"""Pictures that are asked about together; an actor has several such batches under way."""
_SIDE_BY_SIDE = 8
"""Tasks of one actor at a time, so that it has work while the last answers of a batch are waited for."""
_CPUS = 0.5
"""What an actor takes of a core, by Ray's reckoning: it waits for servers most of the time."""


def ask_servers(
    pictures: Any, question: ImageQuestion, endpoint: Endpoint, *, workers: int, answered: bool
) -> Any:
    """A Ray dataset of answer rows from one of pictures (`tools.distribute`); nothing runs yet.

    `workers` actors share the endpoint's `at_once` among them. `answered`: the model has answered this
    question before, so that a refusal is about the picture.
    """
    from ray.data import ActorPoolStrategy

    share = replace(endpoint, at_once=max(1, endpoint.at_once // workers))
    return pictures.map_batches(
        AskingActor,
        fn_constructor_args=(question, share, answered),
        batch_format="pyarrow",
        batch_size=_BATCH,
        zero_copy_batch=True,
        compute=ActorPoolStrategy(size=workers, max_concurrent_calls_per_actor=_SIDE_BY_SIDE),
        num_cpus=_CPUS,
    )


class AskingActor:
    """Asks about batches of pictures, several at a time, on the one event loop that Ray Data gives it."""

    def __init__(self, question: ImageQuestion, endpoint: Endpoint, answered: bool) -> None:
        """Nothing is sent yet."""
        self._question = question
        self._id = question.id(endpoint.model)
        self._chat = ChatModel(endpoint)
        self._answered = answered

    async def __call__(self, table: Any) -> Any:
        """A table of pictures to one of answer rows, of the same order and length.

        An error that would meet every question ends the job: it is raised inside the one that Ray Data takes
        for the user's, so that Ray does not ask for a bug report.
        """
        from ray.exceptions import UserCodeException

        rows = table.to_pylist()
        pictures = {row["image_id"]: row["picture"] for row in rows if row["picture"]}
        kept = _Collected(self._answered)
        asker = Asker(self._chat, kept, load_image=pictures.__getitem__)
        questions = self._question.about(list(pictures))
        try:
            told = await asker.ask_many(self._question.stage, questions)
        except ModelError as error:
            raise UserCodeException(error) from error
        self._answered |= bool(kept.calls)
        calls: dict[str, Call] = {}
        for asked, answer in zip(questions, told, strict=True):
            if isinstance(answer, ModelError):
                calls[asked.image_id] = Call(
                    self._question.stage, self._chat.name, answer.usage, str(answer)[:500]
                )
            else:
                calls[asked.image_id] = kept.calls[question_key(self._chat.name, asked)]
        return as_table([self._row(row, calls) for row in rows])

    def _row(self, row: dict[str, Any], calls: dict[str, Call]) -> AnswerRow:
        unread = Call(self._question.stage, self._chat.name, Usage(), row["problem"])
        return row_of(row["path"], row["image_id"], self._id, calls.get(row["image_id"], unread))


class _Collected:
    """A store of answers for the length of a batch: what comes is written by Ray with the batch."""

    def __init__(self, answered: bool) -> None:
        self.calls: dict[str, Call] = {}
        self._answered = answered

    def find(self, keys: Sequence[str]) -> dict[str, StoredAnswer]:
        return {}

    def has_any(self, stage: str, model: str) -> bool:
        return self._answered

    def add_many(self, calls: Sequence[Call]) -> None:
        self.calls |= {call.key: call for call in calls if call.key}
