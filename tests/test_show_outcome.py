"""What the app shows of an outcome: sentences, evidence that opens, tables and charts, what to ask next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from agent.outcome import Evidence, Fact, Outcome, Table
from store.records import Criterion
from store.workspace import Workspace
from tools import edit
from ui.engine import Engine

HERE: dict[str, tuple[Engine, Outcome]] = {}
"""The app's script is run apart from this file; it finds what to show here."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Workspace(tmp_path / "w", create=True) as workspace:
        workspace.grouping.save_criteria([Criterion("mood", "Mood", "How it feels.")])
    made = Engine(tmp_path / "w")
    yield made
    made.close()


def _script() -> None:
    import streamlit as st

    from tests.test_show_outcome import HERE
    from ui.web import navigation
    from ui.web.show_outcome import show_outcome

    def shown() -> None:
        asked = show_outcome(*HERE["now"], "o")
        st.text(f"asked: {asked!r}")

    pages: dict[navigation.Place, st.Page] = {
        "chat": st.Page(shown, title="Chat", url_path="chat"),
        "explore": st.Page(lambda: None, title="Explore", url_path="explore"),
        "criteria": st.Page(lambda: None, title="Criteria", url_path="criteria"),
    }
    navigation.register(pages)
    st.navigation(list(pages.values())).run()


def show(engine: Engine, outcome: Outcome) -> AppTest:
    HERE["now"] = (engine, outcome)
    app = AppTest.from_function(_script, default_timeout=60).run()
    assert not app.exception
    return app


def fact(text: str, *evidence: Evidence) -> Outcome:
    return Outcome(facts=(Fact(text=text, evidence=evidence),))


def texts(app: AppTest) -> list[str]:
    return [element.value for element in app.text]


def test_a_fact_is_text_whatever_it_says(engine: Engine) -> None:
    app = show(engine, fact("![x](http://evil/x.png) *Mood* costs $1 or $2"))
    (shown,) = (m.value for m in app.markdown)
    assert "![x](" not in shown
    assert shown.replace("\\", "") == "![x](http://evil/x.png) *Mood* costs $1 or $2"


@pytest.mark.parametrize(
    ("piece", "opened"),
    [
        (
            Evidence(kind="cluster", id="c1", label="beach", criterion_id="place"),
            ("explore", "criterion=place&cluster=c1"),
        ),
        (Evidence(kind="criterion", id="mood", label="Mood"), ("criteria", "criterion=mood")),
    ],
)
def test_evidence_opens_where_it_is_shown(engine: Engine, piece: Evidence, opened: tuple[str, str]) -> None:
    (link,) = show(engine, fact("One.", piece)).get("page_link")
    assert (link.proto.page, link.proto.query_string) == opened
    assert link.proto.label == piece.label


def test_more_evidence_than_fits_can_be_reached_all_the_same(engine: Engine) -> None:
    pieces = [Evidence(kind="criterion", id="mood", label=f"Mood {n}") for n in range(11)]
    labels = [link.proto.label for link in show(engine, fact("Many.", *pieces)).get("page_link")]
    assert labels == [f"Mood {n}" for n in range(11)]


def test_a_file_can_be_taken_only_from_the_workspace(engine: Engine, tmp_path: Path) -> None:
    inside, outside = engine.workspace.folder / "out.csv", tmp_path / "secret.csv"
    inside.write_text("a,b", encoding="utf-8")
    outside.write_text("c,d", encoding="utf-8")
    files = [Evidence(kind="file", id=str(path), label=path.name) for path in (inside, outside)]
    app = show(engine, fact("Written.", *files))
    assert [b.proto.label.replace("\\", "") for b in app.get("download_button")] == ["out.csv"]
    assert [code.value for code in app.code] == [str(outside)]


def test_the_next_request_is_handed_back(engine: Engine) -> None:
    outcome = Outcome(facts=(), next=("Which images are unclear?", "Undo that"))
    app = show(engine, outcome)
    assert texts(app) == ["asked: ''"]
    app.button(key="o-next1").click().run()
    assert texts(app) == ["asked: 'Undo that'"]


def test_a_table_is_drawn_as_the_chart_it_asks_for_and_stays_a_table(engine: Engine) -> None:
    table = Table(columns=("Group", "Images"), rows=(("beach", 3), ("kitchen", 1)), chart="bars")
    app = show(engine, Outcome(facts=(), table=table))
    (chart,) = app.get("plotly_chart")
    (bars,) = json.loads(chart.proto.spec)["data"]
    assert bars["customdata"] == ["beach", "kitchen"]
    (frame,) = app.dataframe
    assert frame.value.to_dict("list") == {"Group": ["beach", "kitchen"], "Images": [3, 1]}


def test_a_table_with_gaps_is_no_chart(engine: Engine) -> None:
    table = Table(columns=("", "day", "night"), rows=(("beach", 3, None), ("kitchen", 1, 2)), chart="heatmap")
    app = show(engine, Outcome(facts=(), table=table))
    assert not app.get("plotly_chart")
    assert len(app.dataframe) == 1


def test_the_last_change_can_be_taken_back_from_its_outcome_and_an_older_one_cannot(engine: Engine) -> None:
    workspace = engine.workspace
    edit.veto(workspace, "mood", who="chat")
    first = workspace.edits.undoable()
    assert first is not None
    edit.add_rule(workspace, "never use gender", who="chat")
    second = workspace.edits.undoable()
    assert second is not None
    old = show(engine, Outcome(facts=(), edit_id=first.id))
    assert not old.button
    app = show(engine, Outcome(facts=(), edit_id=second.id))
    app.button(key="o-undo").click().run()
    assert workspace.grouping.rules() == []
    assert workspace.grouping.criterion("mood").status == "vetoed"
