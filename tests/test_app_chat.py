"""The chat page, driven through Streamlit's own test client, on a real workspace, engine and planner."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from agent.outcome import Fact, Outcome
from tests.fake_server import FakeServer
from tests.talk_workspace import copied
from tests.talk_workspace import filled as filled
from tools.suggest import suggest
from ui.engine import Engine, close_engines, engine_for
from ui.talks import TalkJob

HERE: dict[str, Engine] = {}
"""The app's script is run apart from this file; it finds its engine here."""
_PATIENCE_S = 120.0


@pytest.fixture
def engine(filled: Path, tmp_path: Path, server: FakeServer) -> Iterator[Engine]:
    HERE["now"] = engine_for(copied(filled, tmp_path, server))
    yield HERE["now"]
    close_engines()


def restarted(engine: Engine) -> Engine:
    """The engine of another process, as far as the workspace can tell."""
    close_engines()
    HERE["now"] = engine_for(engine.workspace.folder)
    return HERE["now"]


def _script() -> None:
    import streamlit as st

    from tests.test_app_chat import HERE
    from ui.web import navigation
    from ui.web.page_chat import page

    pages: dict[navigation.Place, st.Page] = {
        "chat": st.Page(lambda: page(HERE["now"]), title="Chat", url_path="chat"),
        "explore": st.Page(lambda: None, title="Explore", url_path="explore"),
        "criteria": st.Page(lambda: None, title="Criteria", url_path="criteria"),
    }
    navigation.register(pages)
    st.navigation(list(pages.values())).run()


def opened(**query: str) -> AppTest:
    """The page as a browser has it that was just opened."""
    app = AppTest.from_function(_script, default_timeout=_PATIENCE_S)
    for name, value in query.items():
        app.query_params[name] = value
    return drawn(app)


def drawn(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception, app.exception
    return app


def say(app: AppTest, text: str) -> TalkJob:
    app.chat_input[0].set_value(text)
    drawn(app)
    job = HERE["now"].talks.job(conversation(app))
    assert job is not None
    return job


def answered(app: AppTest, text: str) -> AppTest:
    """The page when what was said is answered, or stopped to ask."""
    assert say(app, text).wait(_PATIENCE_S)
    return drawn(app)


def press(app: AppTest, label: str) -> AppTest:
    (button,) = [button for button in app.button if button.label.replace("\\", "") == label]
    assert not button.disabled
    button.click()
    return drawn(app)


def after(app: AppTest) -> AppTest:
    """The page when the turn that is under way is over."""
    job = HERE["now"].talks.job(conversation(app))
    assert job is not None
    assert job.wait(_PATIENCE_S)
    return drawn(app)


def conversation(app: AppTest) -> str:
    # What was given is a string, what the page put there a list.
    found = app.query_params["conversation"]
    return found if isinstance(found, str) else found[0]


def shown(app: AppTest) -> str:
    kinds = (app.title, app.markdown, app.caption, app.error, app.info)
    words = [str(element.value) for elements in kinds for element in elements]
    return "\n".join(words).replace("\\", "")


def labels(app: AppTest) -> list[str]:
    return [button.label.replace("\\", "") for button in app.button]


def test_an_empty_chat_gives_examples_of_the_collection_that_can_be_pressed(engine: Engine) -> None:
    app = opened()
    assert "Ask about the collection" in shown(app)
    examples = suggest(engine.workspace, most=3)
    assert labels(app) == examples
    app = after(press(app, examples[0]))
    assert app.title[0].value.replace("\\", "") == examples[0]
    assert [turn.role for turn in engine.workspace.conversations.turns(conversation(app))] == [
        "person",
        "planner",
    ]


def test_an_answer_shows_its_sentences_their_evidence_and_what_was_found(engine: Engine) -> None:
    app = answered(opened(), "What is in 'Outdoors'?")
    assert "'Outdoors' holds 10 of 20 images (50 %)." in shown(app)
    assert "Outdoors" in {link.proto.label for link in app.get("page_link")}
    assert app.expander[0].label.replace("\\", "") == "Show cluster 'Outdoors'"
    assert "without evidence" not in shown(app)
    # Another browser, another process: what was said is in the workspace.
    restarted(engine)
    again = opened(conversation=conversation(app))
    assert "'Outdoors' holds 10 of 20 images (50 %)." in shown(again)


def test_a_sentence_that_cites_nothing_is_marked(engine: Engine) -> None:
    conversations = engine.workspace.conversations
    made = conversations.start().id
    conversations.say(made, "person", {"text": "How many?"})
    outcome = Outcome(facts=(Fact(text="There are 4 images."),)).model_dump()
    claims = [{"text": "There are 4 images.", "facts": [0]}, {"text": "They are lovely.", "facts": []}]
    told = [{"ability": "collection_facts", "arguments": {}, "outcome": outcome}]
    conversations.say(made, "planner", {"claims": claims, "told": told, "focus": {}})
    words = shown(opened(conversation=made)).splitlines()
    assert len([line for line in words if "Said without evidence" in line]) == 1


def test_a_change_can_be_taken_back_from_where_it_was_made(engine: Engine) -> None:
    app = answered(opened(), "Veto Mood")
    assert engine.workspace.grouping.criterion("mood").status == "vetoed"
    app = press(app, "Undo")
    assert engine.workspace.grouping.criterion("mood").status == "proposed"
    assert "Undo" not in labels(app)


def test_it_means_what_the_page_before_was_about(engine: Engine) -> None:
    app = opened(criterion="place", cluster="c2")
    assert "What you say is about 'Indoors' under 'Place'" in shown(app)
    app = answered(app, "What is in it?")
    assert "'Indoors' holds 6 of 20 images" in shown(app)
    assert "cluster" not in app.query_params


def test_a_step_that_is_asked_about_waits_also_through_a_restart_and_can_be_rejected(engine: Engine) -> None:
    app = answered(opened(), "Accept Mood")
    assert {"Approve", "Reject"} < set(labels(app))
    assert app.chat_input[0].disabled
    engine = restarted(engine)
    app = opened(conversation=conversation(app))
    assert "It takes more than the 25 model calls that are done unasked." in shown(app)
    assert "What it takes: " in shown(app)
    app = after(press(app, "Reject"))
    assert "You said no. Nothing was changed." in shown(app)
    assert engine.workspace.grouping.criterion("mood").status == "proposed"
    assert not app.chat_input[0].disabled


def test_a_step_can_be_changed_before_it_is_done_and_its_run_is_started(engine: Engine) -> None:
    app = answered(opened(), "Accept Mood")
    (criteria,) = app.multiselect
    criteria.set_value(["Subject"])
    app = after(press(drawn(app), "Approve with changes"))
    status = {criterion.id: criterion.status for criterion in engine.workspace.grouping.criteria()}
    assert status == {"place": "accepted", "mood": "proposed", "subject": "accepted"}
    assert engine.run is not None
    assert engine.run.wait(_PATIENCE_S)
    assert engine.run.error == ""
    assert sum(engine.workspace.grouping.leaf_counts("subject").values()) == 20


_FOR_THE_MODEL = "Refine Place: pay attention to the light"


def test_what_the_model_cannot_do_is_told_and_kept(engine: Engine, server: FakeServer) -> None:
    server.trouble.fail_first, server.trouble.fail_status = 99, 401
    app = answered(opened(), _FOR_THE_MODEL)
    assert len(app.error) == 1
    assert "The pages do the same by buttons." in shown(app)
    assert not app.chat_input[0].disabled
    restarted(engine)
    assert len(opened(conversation=conversation(app)).error) == 1


def test_a_page_that_is_loaded_in_mid_turn_finds_it_again_and_can_stop_it(
    engine: Engine, server: FakeServer
) -> None:
    server.trouble.delay_s = 60.0
    app = opened()
    job = say(app, _FOR_THE_MODEL)
    again = opened(conversation=conversation(app))
    assert _FOR_THE_MODEL in shown(again)
    assert [status.state for status in again.status] == ["running"]
    assert again.chat_input[0].disabled
    app = after(press(again, "Stop"))
    assert not job.active
    assert "You stopped this request." in shown(app)
    assert not app.chat_input[0].disabled


def test_a_request_that_a_dead_process_left_is_asked_again_on_demand(engine: Engine) -> None:
    made = engine.workspace.conversations.start().id
    engine.workspace.conversations.say(made, "person", {"text": "What is in 'Outdoors'?"})
    app = opened(conversation=made)
    assert "This was not answered" in shown(app)
    app = after(press(app, "Ask it again"))
    assert "'Outdoors' holds 10 of 20 images" in shown(app)


def test_conversations_can_be_opened_left_and_deleted(engine: Engine) -> None:
    app = answered(opened(), "What is in 'Outdoors'?")
    first = conversation(app)
    app = press(app, "New")
    assert "conversation" not in app.query_params
    app = answered(app, "Which images are unclear under Place?")
    assert conversation(app) != first
    app = press(app, "What is in 'Outdoors'?")
    assert conversation(app) == first
    app = press(app, "Delete the open one")
    assert [each.id for each in engine.workspace.conversations.all()] != []
    assert first not in [each.id for each in engine.workspace.conversations.all()]
    assert "gone" in opened(conversation=first).warning[0].value
