"""The chat at the terminal: the conversations of the app, line by line or as requests of a command."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from agent.examples import Examples
from agent.names import offered
from agent.outcome import Focus, RunWish
from agent.state import Asked, Decision
from agent.talk import Talk
from store.errors import XclusterError
from store.workspace import Workspace
from tools.suggest import suggest
from ui import build, settings
from ui.look_commands import print_json
from ui.run_view import RunView
from ui.show_tree import printable
from ui.talk_words import argument_fields, planned_by, planner_note, step_words
from ui.talking import STOPPED, USED_ELSEWHERE, one_run, planner_for
from ui.terminal_run import run_here
from ui.terminal_turn import ask_changes, next_words, print_asked, print_turn

_LEAVE = ("exit", "quit")


def chat(
    folder: Path,
    *,
    profile: str,
    conversation: str,
    new: bool,
    say: Sequence[str],
    yes: bool,
    as_json: bool,
) -> None:
    """Talk until the person leaves, or only make the requests of `say`.

    Goes on with the newest conversation, the one of the id `conversation`, or a `new` one.
    """
    with _open(folder, profile, quiet=as_json) as opened:
        opened.begin(conversation, new=new)
        if not say:
            opened.talk_with_person()
            return
        turns: list[dict[str, Any]] = []
        try:
            for text in say:
                turns.append(opened.request(text, yes=yes))
        finally:
            if as_json:
                print_json(turns)


class TerminalChat:
    """A conversation with its models, on one event loop. A turn that is interrupted ends alone."""

    def __init__(
        self,
        chosen: settings.Settings,
        workspace: Workspace,
        models: build.Models,
        runner: asyncio.Runner,
        console: Console,
        *,
        quiet: bool,
    ) -> None:
        """Print to `console`; with `quiet` nothing but errors."""
        self._settings, self._workspace, self._models = chosen, workspace, models
        self._runner, self._console, self._quiet = runner, console, quiet
        self._wishes: list[RunWish] = []
        desk = build.desk(
            chosen,
            workspace,
            models,
            memory=lambda: build.memory(chosen, workspace, models.embedder),
            busy=self._busy,
        )
        planner = planner_for(chosen, lambda: Examples.load(models.embedder))
        self._talk = Talk(desk, planner, start_run=self._wishes.append)
        self._id = ""

    def begin(self, conversation: str, *, new: bool) -> None:
        """Choose the conversation. Raises InputError when there is none of this id."""
        conversations = self._workspace.conversations
        known = [] if new else conversations.all()
        if conversation:
            self._id = conversations.get(conversation).id
        else:
            self._id = (known[0] if known else conversations.start()).id

    def request(self, text: str, *, yes: bool) -> dict[str, Any]:
        """Make one request; what it asks is approved with `yes`, else printed and left to wait.

        Returns `conversation`, `request`, and `asked` if it waits, else `claims`, `told` and `focus`.
        Raises as `Talk.say` does.
        """
        if not self._quiet:
            self._console.print(Text(f"> {printable(text)}", style="bold"))
        asked = self._run_to_end(self._talk.say(self._id, text, on_event=self._hear))
        while asked is not None and yes:
            self._print_asked(asked)
            decision = Decision(decision="approve")
            asked = self._run_to_end(self._talk.decide(self._id, decision, on_event=self._hear))
        told = {"conversation": self._id, "request": text}
        if asked is not None:
            self._print_asked(asked)
            if not self._quiet:
                self._console.print("Waiting for your word: say --yes, or answer in `xcluster chat`.")
            return told | {"asked": asked.model_dump()}
        return told | self._finish()

    def talk_with_person(self) -> None:
        """Read requests and answer them until the person leaves."""
        self._welcome()
        asked = self._runner.run(self._talk.asked(self._id))
        while True:
            try:
                if asked is not None:
                    asked = self._ask(asked)
                    continue
                text = self._console.input("[bold]>[/bold] ").strip()
                if text in _LEAVE:
                    return
                if text:
                    asked = self._run_to_end(self._talk.say(self._id, text, on_event=self._hear))
                    if asked is None:
                        self._finish()
            except EOFError:
                self._console.print()
                return
            except KeyboardInterrupt:
                self._console.print("\nStopped. What was done before is kept. `exit` leaves.")
                asked = self._stopped()
            except XclusterError as error:
                self._console.print(Text(printable(str(error)), style="red"))
                # A turn that failed waits for nothing any more.
                asked = self._runner.run(self._talk.asked(self._id))

    def _stopped(self) -> Asked | None:
        """Leave no request without an answer. Returns what is still asked."""
        conversations = self._workspace.conversations
        turns = conversations.turns(self._id)
        asked = self._runner.run(self._talk.asked(self._id))
        if asked is None and turns and turns[-1].role == "person":
            conversations.say(self._id, "planner", {"claims": [], "told": [], "focus": {}, "error": STOPPED})
        return asked

    # one turn --------------------------------------------------------------------------------------------

    def _run_to_end(self, turn: Coroutine[Any, Any, Asked | None]) -> Asked | None:
        self._wishes.clear()
        if self._quiet:
            return self._runner.run(turn)
        with self._console.status("Reading the request ...") as self._status:
            return self._runner.run(turn)

    def _hear(self, event: dict[str, Any]) -> None:
        if "acting" in event and not self._quiet:
            words = step_words(event["acting"]["ability"], event["acting"]["arguments"])
            self._status.update(Text(f"{printable(words)} ..."))

    def _finish(self) -> dict[str, Any]:
        """Print the turn that is over, and do the run that it wished for. Returns the turn."""
        body = self._workspace.conversations.turns(self._id)[-1].body
        if not self._quiet:
            print_turn(self._console, self._workspace, body)
        wish = one_run(self._wishes)
        if wish is not None:
            run_here(
                self._runner,
                self._console,
                self._settings,
                self._workspace,
                self._models,
                wish,
                quiet=self._quiet,
            )
        if not self._quiet and (following := next_words(body)):
            self._console.print(Text(f"Next, perhaps: {printable(' | '.join(following[:3]))}", style="dim"))
        return body

    def _ask(self, asked: Asked) -> Asked | None:
        """Ask the person and go on. Returns the next question of the turn, if there is one."""
        self._print_asked(asked)
        word = ""
        while word not in ("y", "n", "c"):
            word = self._console.input("Do it? [bold]y[/bold]es, [bold]n[/bold]o, [bold]c[/bold]hange > ")
            word = word.strip().casefold()[:1]
        changed: dict[str, Any] = {}
        if word == "c":
            names = offered(self._workspace, Focus())
            fields = argument_fields(asked.ability, asked.arguments, names)
            changed = ask_changes(fields, lambda question: self._console.input(Text(question)))
        decision = Decision(
            decision="reject" if word == "n" else "change" if changed else "approve", arguments=changed
        )
        following = self._run_to_end(self._talk.decide(self._id, decision, on_event=self._hear))
        if following is None:
            self._finish()
        return following

    def _print_asked(self, asked: Asked) -> None:
        if not self._quiet:
            print_asked(self._console, self._workspace, asked)

    def _busy(self) -> str:
        # Only a live run of another process holds the lock; our own are done before the next request.
        return USED_ELSEWHERE if self._workspace.used_elsewhere() else ""

    def _welcome(self) -> None:
        title = self._workspace.conversations.get(self._id).title
        self._console.print(Text(printable(f"{planned_by(self._settings)} {planner_note(self._settings)}")))
        if title:
            self._console.print(Text(printable(f"Going on with '{title}'; --new begins another one.")))
        examples = suggest(self._workspace, most=3)
        if examples:
            self._console.print(Text(printable(f"For example: {' | '.join(examples)}"), style="dim"))
        self._console.print(Text("`exit` leaves, Ctrl-C stops a request.", style="dim"))


@contextmanager
def _open(folder: Path, profile: str, *, quiet: bool) -> Iterator[TerminalChat]:
    console = Console(stderr=quiet)
    chosen = settings.load(folder, profile=profile)
    with (
        Workspace(folder) as workspace,
        # What the embedded models fetch is large; that it is under way has to be seen.
        RunView(console, quiet=quiet) as view,
        build.models(chosen, workspace, on_progress=view.show) as models,
        asyncio.Runner() as runner,
    ):
        view.pause()
        yield TerminalChat(chosen, workspace, models, runner, console, quiet=quiet)
