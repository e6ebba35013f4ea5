"""Captions and descriptions from a Ray cluster, here a local one: the same questions, answers and trees."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from models.chat import ChatModel
from models.endpoint import Endpoint
from store.answers import Answers
from store.database import Database
from store.errors import InputError
from store.records import Criterion
from store.workspace import Workspace
from tests.fake_server import MODEL, FakeServer
from tests.fake_world import SCENES, scene_image
from tests.spine import add_picture, exported, make_collection, run_here, wish, write_profile
from tools.answer_parts import AnswerRow, as_table, read_parts
from tools.ask import Asker, question_key
from tools.ask_vllm import Engines, answer_rows, engine_config, request
from tools.fetch_picture import fetch_picture
from tools.image_question import ImageQuestion
from tools.import_answers import import_answers
from tools.read_image import load_rgb, to_jpeg_data_uri
from tools.scan import scan
from ui.cli import main

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: `make ray`")
SUBJECT = ("Subject", "Which thing or animal is shown.")
WEATHER = ("Weather", "What the weather is like.")
ASKED = [Criterion(name.lower(), name, definition) for name, definition in (SUBJECT, WEATHER)]
Xcluster = Callable[..., Any]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A Ray of this machine, which the commands join."""
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # Workers find the modules of this tree where the tests do.
        environ.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[1])]))
        import ray

        ray.init(num_cpus=2, include_dashboard=False, object_store_memory=200_000_000, log_to_driver=False)
        yield
        ray.shutdown()


@pytest.fixture
def xcluster(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Xcluster:
    """The command line in a folder whose profile is the fake server; gives what it writes as JSON."""
    write_profile(tmp_path, server)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Any:
        monkeypatch.setattr("sys.argv", ["xcluster", *map(str, arguments), "--json"])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        assert not ended.value.code, told.err
        return json.loads(told.out)

    return run


def listed(target: Path, paths: Sequence[Path | str]) -> Path:
    pq.write_table(pa.table({"path": [str(path) for path in paths]}), target)
    return target


def collection(folder: Path) -> list[Path]:
    """Pictures of all scenes, a copy of one, one that is nearly another, and a file that is none."""
    make_collection(folder)
    (folder / "copy.png").write_bytes((folder / "frog-0.png").read_bytes())
    with Image.open(folder / "tiger-0.png") as picture:
        picture.save(folder / "tiger-again.jpg", quality=92)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    return sorted(folder.iterdir())


# on a cluster ---------------------------------------------------------------------------------------------


@needs_ray
@pytest.mark.model
@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_run_after_a_distributed_job_asks_about_no_picture_and_gives_the_same(
    server: FakeServer, tmp_path: Path, xcluster: Xcluster
) -> None:
    paths = collection(tmp_path / "photos")
    wishes = [wish(*SUBJECT), wish(*WEATHER)]
    run_here(tmp_path / "here", server, tmp_path / "photos", wishes=wishes)
    captions, descriptions = server.asked("CaptionReply"), server.asked("ImageReply")
    assert len(captions) == len(descriptions) == len(SCENES)

    pictures, since = listed(tmp_path / "pictures.parquet", paths), len(server.events)
    named = [f"--criterion={name}: {definition}" for name, definition in (SUBJECT, WEATHER)]
    (captioned,) = xcluster("distribute", "caption", pictures, tmp_path / "said", "--workers", 2)
    (described,) = xcluster("distribute", "describe", pictures, tmp_path / "said", *named)
    for done in (captioned, described):
        assert (done["listed"], done["answered"], done["failed"]) == (len(paths), len(paths) - 1, 1)
        assert [reason.partition("broken.png: ")[1] for reason in done["reasons"]] == ["broken.png: "]
    # To the byte what the local engine asked, and the picture that is nearly another beside.
    for kind, asked_here in (("CaptionReply", captions), ("ImageReply", descriptions)):
        asked = server.asked(kind, since=since)
        assert asked.keys() > asked_here.keys()
        assert len(asked) == len(asked_here) + 1

    taken = xcluster("import", "answers", tmp_path / "said", "--workspace", tmp_path / "there")
    assert (taken["added"], taken["failed"], taken["bad"]) == (2 * (len(SCENES) + 1), 2, [])
    since = len(server.events)
    run_here(tmp_path / "there", server, tmp_path / "photos", wishes=wishes)
    assert server.count("CaptionReply", since=since) == server.count("ImageReply", since=since) == 0
    assert exported(tmp_path / "there") == exported(tmp_path / "here")


@needs_ray
@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_picture_with_an_answer_is_not_asked_about_again(
    server: FakeServer, tmp_path: Path, xcluster: Xcluster
) -> None:
    make_collection(tmp_path / "photos", scenes=6)
    paths = sorted((tmp_path / "photos").iterdir())
    said = tmp_path / "said"
    server.trouble.refuse = "frog"
    (done,) = xcluster("distribute", "caption", listed(tmp_path / "a.parquet", paths), said)
    assert (done["answered"], done["failed"]) == (5, 1)
    assert "safety system" in done["reasons"][0]
    # What a writer leaves that was killed is no part, and holds nothing up.
    whole = next(said.glob("*.parquet")).read_bytes()
    (said / "killed.parquet").write_bytes(whole[: len(whole) // 2])
    server.trouble.refuse = ""
    paths.append(add_picture(tmp_path / "photos", 7))
    since = len(server.events)
    (done,) = xcluster("distribute", "caption", listed(tmp_path / "b.parquet", paths), said)
    assert (done["answered_before"], done["answered"], done["failed"]) == (5, 2, 0)
    assert server.count(since=since) == 2
    taken = xcluster("import", "answers", said, "-w", tmp_path / "w")
    assert (taken["added"], taken["failed"], [one["part"] for one in taken["bad"]]) == (
        7,
        1,
        ["killed.parquet"],
    )
    again = xcluster("import", "answers", said, "-w", tmp_path / "w")
    assert (again["added"], again["known"]) == (0, 7)


@needs_ray
@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_an_error_that_meets_every_question_ends_the_job_with_its_message(
    server: FakeServer,
    tmp_path: Path,
    xcluster: Xcluster,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.model = "another"
    paths = [add_picture(make_collection(tmp_path / "photos", scenes=1), 2)]
    arguments = ["distribute", "caption", str(listed(tmp_path / "a.parquet", paths)), str(tmp_path / "said")]
    monkeypatch.setattr("sys.argv", ["xcluster", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 5
    # Beside what Ray itself has logged there is one line, as of a run.
    (told,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert f"(model '{MODEL}') does not know the model" in told


@needs_ray
@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")
def test_engines_are_given_what_ray_data_takes() -> None:
    config = engine_config(Engines("Qwen/Qwen2.5-VL-7B-Instruct", 16384, 4, 2))
    assert (config.model_source, config.concurrency) == ("Qwen/Qwen2.5-VL-7B-Instruct", 4)
    assert config.engine_kwargs["tensor_parallel_size"] == 2
    assert config.should_continue_on_error


# its parts ------------------------------------------------------------------------------------------------


def test_a_picture_from_elsewhere_has_the_id_and_the_pixels_that_it_has_here(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    scene_image(SCENES[0], side=1000).resize((1000, 400)).save(tmp_path / "turned.jpg", exif=exif)
    scene_image(SCENES[1]).save(tmp_path / "a name with spaces #1.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    (tmp_path / "raw.nef").write_bytes(b"II*\0")
    found = [file for part in scan([tmp_path], known=lambda _: {}, workers=1) for file in part]
    assert len(found) == 4
    for file in found:
        for address in (str(file.path), f"file://{file.path}"):
            fetched = fetch_picture(address, longest_side=768)
            if file.image is None:
                assert (fetched.image_id, fetched.problem) == ("", file.skipped)
            else:
                assert fetched.image_id == file.image.id
                assert fetched.picture == to_jpeg_data_uri(load_rgb(file.path, longest_side=768))
    assert "no such file" in fetch_picture(str(tmp_path / "gone.png"), longest_side=768).problem


@pytest.mark.parametrize("question", [ImageQuestion(), ImageQuestion(tuple(ASKED))])
async def test_an_engine_is_asked_what_a_server_is_and_its_answer_has_the_same_key(
    question: ImageQuestion, server: FakeServer, tmp_path: Path
) -> None:
    picture = to_jpeg_data_uri(scene_image(SCENES[3]))
    database = Database(tmp_path / "catalogue.sqlite", create=True)
    answers = Answers(database)
    asker = Asker(ChatModel(Endpoint(server.base_url, MODEL)), answers, load_image=lambda _: picture)
    (asked,) = question.about(["a1"])
    await asker.ask(question.stage, asked)
    key = question_key(MODEL, asked)
    kept = answers.find([key])[key]
    database.close()

    (body,) = server.bodies.values()
    row = {"path": "/p/taxi.png", "image_id": "a1", "picture": picture}
    sent = request(row, question)
    assert sent["messages"] == body["messages"]
    told = sent["sampling_params"]
    assert (told["max_tokens"], told["temperature"]) == (body["max_completion_tokens"], body["temperature"])
    assert json.loads(told["structured_outputs"]["json"]) == body["response_format"]["json_schema"]["schema"]

    cost = {"num_input_tokens": 9, "num_generated_tokens": 4, "time_taken_llm": 0.5}
    texts = {"good": json.dumps(kept.reply), "cut": '{"capti', "failed": ""}
    made = [
        {**row, **cost, "generated_text": text, "__inference_error__": "boom" * (name == "failed")}
        for name, text in texts.items()
    ]
    good, cut, failed = answer_rows(pa.Table.from_pylist(made), question, MODEL).to_pylist()
    assert (good["key"], json.loads(good["reply"]), good["error"]) == (key, kept.reply, "")
    assert (cut["key"], failed["key"], failed["error"]) == ("", "", "boom")
    assert "no valid" in cut["error"]


def test_what_is_no_answer_is_told_and_left_out(tmp_path: Path) -> None:
    good = AnswerRow("/a.png", "a", "q", "caption", MODEL, "0" * 64, '{"caption": "A frog."}')
    bad = AnswerRow("/b.png", "b", "q", "caption", MODEL, "1" * 64, "no JSON")
    strange = AnswerRow("/c.png", "c", "q", "assign", MODEL, "2" * 64, "{}")
    pq.write_table(as_table([good, bad, strange]), tmp_path / "part.parquet")
    pq.write_table(pa.table({"other": [1]}), tmp_path / "zz.parquet")
    with Workspace(tmp_path / "w", create=True) as workspace:
        done = import_answers(workspace, str(tmp_path), on_progress=lambda _: None)
        assert (done.added, done.known, done.failed) == (1, 0, 0)
        assert [one.part for one in done.bad] == ["/b.png", "/c.png", "zz.parquet"]
        assert workspace.answers.find(["0" * 64])["0" * 64].reply == {"caption": "A frog."}
        with pytest.raises(InputError, match="has no answers"):
            import_answers(workspace, str(tmp_path / "nothing"), on_progress=lambda _: None)
    assert list(read_parts(str(tmp_path / "nothing"))) == []
