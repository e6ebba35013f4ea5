"""How busy a whole run keeps a model server, from pictures to groups.

    python -m tests.bench_run [--images 2000] [--at-once 8 64 512] [--criteria 4]

The command line works through generated pictures as it would through photographs; sight and words come from
a simulated server (`tests.simulated_server`) that only takes as long as a real one. Utilisation is the time
that an ideal client with as many calls in flight would have needed for the same calls, over the time from the
first request to the last answer: reading, scaling and encoding the pictures, the index, the stores and the
gaps between the stages are all in it. Both processes share this machine.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from store.workspace import Workspace
from tests.bench_engine import simulated, stats
from tests.bench_scale import CRITERIA
from tests.simulated_server import MODEL
from tests.spine import cli

_SIDE = 256


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--at-once", type=int, nargs="+", default=[8, 64, 512])
    parser.add_argument("--criteria", type=int, default=4, choices=range(1, len(CRITERIA) + 1))
    given = parser.parse_args()
    heads = ("at once", "images", "calls", "calls an image", "seconds", "ideal", "utilisation", "stages, s")
    shown = Table(*heads)
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder) / "pictures", given.images)
        for at_once in given.at_once:
            shown.add_row(*measure(Path(folder), at_once, CRITERIA[: given.criteria]))
    Console(width=150).print(shown)


def draw(folder: Path, count: int) -> None:
    """Pictures of which no two are alike."""
    folder.mkdir()
    chance = np.random.default_rng(0)
    for n in range(count):
        blocks = chance.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        picture = Image.fromarray(blocks).resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
        picture.save(folder / f"{n}.jpg", quality=80)


def measure(folder: Path, at_once: int, criteria: tuple[str, ...]) -> list[str]:
    """Run the command to its end with so many calls in flight; a row of the table."""
    workspace = folder / f"{at_once}.xcluster"
    with simulated() as address:
        role = f'base_url = "{address}"\nmodel = "{MODEL}"\nat_once = {at_once}\nlogprobs = false\n'
        (folder / "xcluster.toml").write_text(
            f'profile = "simulated"\nshare_twins = false\n[profiles.simulated.vision]\n{role}'
            f"[profiles.simulated.text]\n{role}",
            encoding="utf-8",
        )
        named = [word for name in criteria for word in ("-c", name)]
        done = cli(folder, "run", "pictures", "--workspace", workspace, "--yes", *named, seconds=3_600)
        if done.returncode:
            raise RuntimeError(done.stderr)
        told = stats(address, at_once)
    with Workspace(workspace) as opened:
        images = opened.catalogue.image_count()
        took = opened.journal.times(opened.journal.runs()[0].id)
    return [
        str(at_once),
        f"{images:,}",
        f"{told['answered']:,.0f}",
        f"{told['answered'] / images:.2f}",
        f"{told['span_s']:.1f}",
        f"{told['ideal_s']:.1f}",
        f"{told['ideal_s'] / told['span_s']:.3f}",
        ", ".join(f"{one.stage} {one.seconds:.1f}" for one in took if one.seconds >= 0.05),
    ]


if __name__ == "__main__":
    main()
