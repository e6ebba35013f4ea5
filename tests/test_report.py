from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image as PillowImage

from store.errors import InputError
from store.records import Assignment, Caption, Cluster, Criterion, Image, Progress
from store.workspace import Workspace
from tests.scenes import fill_with_scenes
from tools.report import write_contact_sheet
from tools.scan import scan

NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "../../../etc/passwd",
    "{{ 7 * 7 }} {% raw %}",
    "👩‍🚀 in space",
    "=1+1 'quoted' & \"quoted\"",
    "x" * 200,
]


@dataclass
class Page(HTMLParser):
    """What a browser would find on a page."""

    tags: Counter[str] = field(default_factory=Counter)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, tag: str, name: str) -> list[str]:
        return [v for t, n, v in self.attributes if (t, n) == (tag, name)]


def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def ignore(progress: Progress) -> None:
    assert progress.done <= progress.total


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path_factory.mktemp("w") / "Scenes.xcluster", create=True) as workspace:
        yield fill_with_scenes(workspace, shared_data)


@pytest.fixture(scope="module")
def report(scenes: Workspace) -> Path:
    return write_contact_sheet(scenes, scenes.report_folder, on_progress=ignore).parent


def without_files(folder: Path, images: int, names: list[str]) -> Workspace:
    """Images that came as captions, spread over clusters with these names; every tenth is unclear."""
    workspace = Workspace(folder, create=True)
    ids = [f"{n:064x}" for n in range(images)]
    workspace.catalogue.add_imported(
        [
            (Image(i, 0, 0, "none", 0, ""), Caption(i, names[n % len(names)], "import"))
            for n, i in enumerate(ids)
        ]
    )
    for number, name in enumerate(names):
        criterion = Criterion(f"{number}{name}", name, name, guidance=name, status="accepted")
        workspace.grouping.save_criteria([criterion])
        clusters = [
            Cluster(f"{number}-{k}", criterion.id, "fine", n, names=(n,)) for k, n in enumerate(names)
        ]
        workspace.grouping.replace_clusters(criterion.id, clusters)
        workspace.grouping.add_assignments(
            [
                Assignment(i, criterion.id, f"{number}-{n % len(names)}", n / images, "choice")
                if n % 10
                else Assignment(i, criterion.id, "", 0.0, "name", name)
                for n, i in enumerate(ids)
            ]
        )
    return workspace


def test_the_first_page_leads_to_one_page_per_accepted_criterion(report: Path) -> None:
    page = read(report / "index.html")
    links = [href for href in page.values("a", "href") if href.startswith("criterion-")]
    assert sorted(links) == sorted(path.name for path in report.glob("criterion-*.html"))
    assert len(links) == 5
    for told in ("Scenes", "Location", "Outdoor", "caption", "7,200", "41 s"):
        assert told in page.text


def test_a_page_shows_every_picture_under_its_cluster(report: Path, scenes: Workspace) -> None:
    page = read(report / "criterion-location.html")
    assert page.tags["figure"] == 92
    assert page.values("figure", "title").count("") == 92 - 65
    assert "Living room" in page.text
    assert f"{scenes.grouping.leaf_counts('location')['']} unclear" in page.text
    anchors = {href.removeprefix("#") for href in page.values("a", "href") if href.startswith("#")}
    assert anchors <= set(page.values("section", "id"))


def test_every_address_on_the_pages_is_a_local_file_that_exists(report: Path) -> None:
    for path in report.glob("*.html"):
        page = read(path)
        addresses = page.values("img", "src") + page.values("a", "href")
        local = [address for address in addresses if address and not address.startswith("#")]
        assert local
        for address in local:
            parts = urlsplit(address)
            assert not parts.scheme
            assert not parts.netloc
            assert (report / unquote(parts.path)).is_file()
        assert "http" not in re.sub(r"http-equiv", "", path.read_text(encoding="utf-8"))


def test_thumbnails_are_small_and_made_once(report: Path, scenes: Workspace) -> None:
    thumbs = sorted((report / "thumbs").iterdir())
    assert {t.stem for t in thumbs} == set(scenes.catalogue.image_ids())
    for thumb in thumbs[:10]:
        with PillowImage.open(thumb) as picture:
            assert picture.format == "JPEG"
            assert max(picture.size) <= 240
            assert not picture.getexif()
    before = [t.stat().st_mtime_ns for t in thumbs]
    write_contact_sheet(scenes, report, on_progress=ignore)
    assert [t.stat().st_mtime_ns for t in thumbs] == before


def test_pictures_have_captions_as_alternative_text(report: Path) -> None:
    alternatives = read(report / "criterion-location.html").values("img", "alt")
    assert "A woman bending over in a living room to pet her dog." in alternatives
    assert alternatives.count("") == 1  # the frame of the enlarged picture


def test_names_and_captions_stay_text(tmp_path: Path) -> None:
    with without_files(tmp_path / "w", 40, NASTY) as workspace:
        index = write_contact_sheet(workspace, tmp_path / "report", on_progress=ignore)
    written = sorted(path.name for path in index.parent.iterdir())
    assert len(written) == len(NASTY) + 2
    assert all(re.fullmatch(r"criterion-[a-z0-9-]+\.html|index\.html|thumbs", name) for name in written)
    for path in index.parent.glob("*.html"):
        page = read(path)
        assert page.tags["script"] == 1
        assert not page.values("img", "onerror")
        assert not [href for href in page.values("a", "href") if href.startswith("javascript")]
        assert all(name in page.text for name in NASTY[:6]) or path.name == "index.html"


def test_images_without_a_file_show_their_caption(tmp_path: Path) -> None:
    with without_files(tmp_path / "w", 30, ["a red bus"]) as workspace:
        index = write_contact_sheet(workspace, tmp_path / "report", on_progress=ignore)
    page = read(next(index.parent.glob("criterion-*.html")))
    assert page.values("div", "class").count("words") == 30
    assert not page.values("img", "src")


def test_a_big_cluster_shows_the_surest_and_how_many_more(tmp_path: Path) -> None:
    with without_files(tmp_path / "w", 200, ["bus"]) as workspace:
        index = write_contact_sheet(workspace, tmp_path / "report", on_progress=ignore)
    page = read(index.parent / "criterion-0bus.html")
    assert page.tags["figure"] == 60 + 20
    assert "+120 more" in page.text
    assert "100 %" in page.text
    assert "40 %" not in page.text


def test_a_picture_that_is_gone_becomes_a_card(tmp_path: Path) -> None:
    photo = tmp_path / "photos" / "a:b#c?.png"
    photo.parent.mkdir()
    PillowImage.new("RGB", (64, 48), "teal").save(photo)
    with Workspace(tmp_path / "w", create=True) as workspace:
        for chunk in scan([photo.parent], known=workspace.catalogue.known_files):
            workspace.catalogue.add_files(chunk, root=photo.parent)
        (image_id,) = workspace.catalogue.image_ids()
        workspace.grouping.save_criteria([Criterion("c", "Colour", "Its colour.", status="accepted")])
        workspace.grouping.replace_clusters("c", [Cluster("k", "c", "fine", "teal")])
        workspace.grouping.add_assignments([Assignment(image_id, "c", "k", 1.0, "name")])
        there = write_contact_sheet(workspace, tmp_path / "there", on_progress=ignore).parent
        photo.unlink()
        gone = write_contact_sheet(workspace, tmp_path / "gone", on_progress=ignore).parent
    assert "../photos/a%3Ab%23c%3F.png" in read(there / "criterion-c.html").values("a", "href")
    assert read(gone / "criterion-c.html").tags["figure"] == 1
    assert not list((gone / "thumbs").iterdir())


def test_pages_of_criteria_that_left_go_away_and_other_files_stay(tmp_path: Path) -> None:
    with without_files(tmp_path / "w", 20, ["bus", "tram"]) as workspace:
        folder = write_contact_sheet(workspace, tmp_path / "report", on_progress=ignore).parent
        (folder / "criterion-mine.html").write_text("my own page")
        workspace.grouping.save_criteria([replace(workspace.grouping.criterion("0bus"), status="vetoed")])
        write_contact_sheet(workspace, folder, on_progress=ignore)
    assert sorted(p.name for p in folder.glob("*.html")) == [
        "criterion-1tram.html",
        "criterion-mine.html",
        "index.html",
    ]


def test_a_folder_with_somebody_elses_pages_is_refused(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<h1>my site</h1>")
    with Workspace(tmp_path / "w", create=True) as workspace:
        with pytest.raises(InputError, match="empty folder"):
            write_contact_sheet(workspace, tmp_path / "site", on_progress=ignore)
        with pytest.raises(InputError, match="another folder"):
            write_contact_sheet(workspace, tmp_path / "site" / "index.html", on_progress=ignore)


def test_an_empty_workspace_gives_a_page_too(tmp_path: Path) -> None:
    with Workspace(tmp_path / "w", create=True) as workspace:
        page = read(write_contact_sheet(workspace, tmp_path / "report", on_progress=ignore))
    assert "No criterion is accepted yet." in page.text
