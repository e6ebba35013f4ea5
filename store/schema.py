"""The tables of the catalogue and how an older file becomes a current one.

A migration is a list of statements; it is never edited once released, a change is a new one at the end.
`PRAGMA user_version` holds how many have been applied.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from store.errors import WorkspaceError

_FIRST = """
CREATE TABLE image (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    format TEXT NOT NULL,
    byte_size INTEGER NOT NULL,
    phash TEXT NOT NULL,
    taken_at TEXT,
    twin_of TEXT NOT NULL DEFAULT '',
    added_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE file (
    path TEXT PRIMARY KEY,
    root TEXT NOT NULL,
    byte_size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    image_id TEXT REFERENCES image(id),
    skipped TEXT NOT NULL DEFAULT ''
);
CREATE INDEX file_by_image ON file(image_id);
CREATE INDEX file_by_root ON file(root);
CREATE TABLE caption (
    image_id TEXT PRIMARY KEY REFERENCES image(id),
    text TEXT NOT NULL,
    model TEXT NOT NULL,
    tags TEXT NOT NULL DEFAULT '[]',
    shared_from TEXT NOT NULL DEFAULT '',
    imported_as TEXT NOT NULL DEFAULT ''
);
CREATE TABLE failure (
    image_id TEXT NOT NULL,
    stage TEXT NOT NULL,
    reason TEXT NOT NULL,
    at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (image_id, stage)
);
CREATE TABLE criterion (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    definition TEXT NOT NULL,
    guidance TEXT NOT NULL DEFAULT '',
    k INTEGER,
    origin TEXT NOT NULL,
    status TEXT NOT NULL,
    merged_into TEXT NOT NULL DEFAULT '',
    likely TEXT NOT NULL DEFAULT '[]',
    support INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE description (
    criterion_id TEXT NOT NULL REFERENCES criterion(id),
    image_id TEXT NOT NULL REFERENCES image(id),
    text TEXT NOT NULL,
    unclear TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL,
    PRIMARY KEY (criterion_id, image_id)
) WITHOUT ROWID;
CREATE TABLE name (
    criterion_id TEXT NOT NULL REFERENCES criterion(id),
    image_id TEXT NOT NULL REFERENCES image(id),
    text TEXT NOT NULL,
    unclear TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL,
    PRIMARY KEY (criterion_id, image_id)
) WITHOUT ROWID;
CREATE TABLE cluster (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    criterion_id TEXT NOT NULL REFERENCES criterion(id),
    level TEXT NOT NULL,
    name TEXT NOT NULL,
    parent_id TEXT NOT NULL DEFAULT '',
    names TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX cluster_by_criterion ON cluster(criterion_id);
CREATE TABLE assignment (
    criterion_id TEXT NOT NULL REFERENCES criterion(id),
    image_id TEXT NOT NULL REFERENCES image(id),
    cluster_id TEXT NOT NULL,
    confidence REAL NOT NULL,
    how TEXT NOT NULL,
    unclear TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (criterion_id, image_id)
) WITHOUT ROWID;
CREATE INDEX assignment_by_cluster ON assignment(cluster_id);
CREATE TABLE answer (
    key TEXT PRIMARY KEY,
    stage TEXT NOT NULL,
    model TEXT NOT NULL,
    reply TEXT NOT NULL,
    confidence REAL,
    at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) WITHOUT ROWID;
CREATE TABLE call (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id INTEGER,
    stage TEXT NOT NULL,
    model TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    seconds REAL NOT NULL,
    error TEXT NOT NULL DEFAULT '',
    at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE embedding (
    key BLOB PRIMARY KEY,
    vector BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE edit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    undone_at TEXT
);
CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    started_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    finished_at TEXT,
    request TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'running'
);
CREATE TABLE stage_time (
    run_id INTEGER NOT NULL REFERENCES run(id),
    stage TEXT NOT NULL,
    seconds REAL NOT NULL,
    items INTEGER NOT NULL,
    PRIMARY KEY (run_id, stage)
);
CREATE TABLE setting (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
"""

_NAME_SCORE = "ALTER TABLE name ADD COLUMN score REAL NOT NULL DEFAULT 1.0;"

_STEERING = """
ALTER TABLE edit ADD COLUMN what TEXT NOT NULL DEFAULT '';
ALTER TABLE edit ADD COLUMN regroups TEXT NOT NULL DEFAULT '';
ALTER TABLE edit ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;
UPDATE edit SET settled = 1;
CREATE TABLE edit_change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    edit_id INTEGER NOT NULL REFERENCES edit(id),
    of_undo INTEGER NOT NULL DEFAULT 0,
    tab TEXT NOT NULL,
    before TEXT,
    after TEXT
);
CREATE INDEX edit_change_by_edit ON edit_change(edit_id, of_undo);
CREATE TABLE rule (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
);
CREATE TABLE criterion_source (
    criterion_id TEXT NOT NULL REFERENCES criterion(id),
    batch INTEGER NOT NULL,
    image_id TEXT NOT NULL,
    PRIMARY KEY (criterion_id, batch, image_id)
) WITHOUT ROWID;
CREATE TABLE stage_progress (
    run_id INTEGER NOT NULL REFERENCES run(id),
    stage TEXT NOT NULL,
    done INTEGER NOT NULL,
    total INTEGER NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    started_at REAL NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (run_id, stage)
);
CREATE TABLE conversation (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL DEFAULT '',
    started_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE turn (
    conversation_id TEXT NOT NULL REFERENCES conversation(id),
    n INTEGER NOT NULL,
    role TEXT NOT NULL,
    body TEXT NOT NULL,
    at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (conversation_id, n)
) WITHOUT ROWID;
"""

_BROWSING = """
DROP INDEX assignment_by_cluster;
CREATE INDEX assignment_by_cluster ON assignment(criterion_id, cluster_id, confidence, how);
CREATE TABLE gone (image_id TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO gone SELECT i.id FROM image i WHERE i.format != 'none'
    AND NOT EXISTS (SELECT 1 FROM file f WHERE f.image_id = i.id);
CREATE TRIGGER image_comes AFTER INSERT ON image WHEN NEW.format != 'none' BEGIN
    INSERT OR IGNORE INTO gone VALUES (NEW.id);
END;
CREATE TRIGGER file_comes AFTER INSERT ON file BEGIN
    DELETE FROM gone WHERE image_id = NEW.image_id;
END;
CREATE TRIGGER file_goes AFTER DELETE ON file BEGIN
    INSERT OR IGNORE INTO gone SELECT i.id FROM image i WHERE i.id = OLD.image_id AND i.format != 'none'
        AND NOT EXISTS (SELECT 1 FROM file f WHERE f.image_id = i.id);
END;
CREATE TRIGGER file_changes AFTER UPDATE OF image_id ON file BEGIN
    DELETE FROM gone WHERE image_id = NEW.image_id;
    INSERT OR IGNORE INTO gone SELECT i.id FROM image i WHERE i.id = OLD.image_id AND i.format != 'none'
        AND NOT EXISTS (SELECT 1 FROM file f WHERE f.image_id = i.id);
END;
"""
# `gone` holds the images that no file holds any more. Few are, so to ask whether an image is among them costs
# next to nothing; to ask the table of files for each of 100,000 images costs a third of a second.

_ANSWER_COST = """
ALTER TABLE answer ADD COLUMN prompt_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE answer ADD COLUMN completion_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE answer ADD COLUMN cached_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE answer ADD COLUMN seconds REAL NOT NULL DEFAULT 0;
"""
# The ledger of calls does not say which answer a call gave: what older answers cost stays unknown, all 0.

_IMPORTED_DESCRIPTION = """
ALTER TABLE description ADD COLUMN imported_as TEXT NOT NULL DEFAULT '';
UPDATE edit_change SET before = json_insert(before, '$[#]', ''), after = json_insert(after, '$[#]', '')
    WHERE tab = 'description';
"""
# What the log wrote down of descriptions gets the new column too, or it could not be put back.

_RUN_ESTIMATE = """
CREATE TABLE run_estimate (
    run_id INTEGER NOT NULL REFERENCES run(id),
    stage TEXT NOT NULL,
    model TEXT NOT NULL,
    calls INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    seconds REAL NOT NULL,
    measured INTEGER NOT NULL,
    price_in REAL,
    price_out REAL,
    PRIMARY KEY (run_id, stage, model)
);
"""
# Prices are those of the time of the run: what it cost does not change with a later setting.

_COUNTED = {
    "image": "''",
    "caption": "''",
    "gone": "''",
    "description": "{row}.criterion_id",
    "name": "{row}.criterion_id",
    "assignment": "{row}.criterion_id",
}


def _tally() -> str:
    """Triggers that count the rows of each table under each criterion, and how often they changed."""
    parts = []
    for table, column in _COUNTED.items():
        for event, row, step in (
            ("INSERT", "NEW", "+ 1"),
            ("DELETE", "OLD", "- 1"),
            ("UPDATE", "NEW", "+ 0"),
        ):
            criterion = column.format(row=row)
            of = f"tab = '{table}' AND criterion_id = {criterion}"
            parts.append(
                f"CREATE TRIGGER tally_{table}_{event.lower()} AFTER {event} ON {table} BEGIN"
                f" INSERT INTO tally SELECT '{table}', {criterion}, 0, 0"
                f" WHERE NOT EXISTS (SELECT 1 FROM tally WHERE {of});"
                f" UPDATE tally SET rows = rows {step}, changes = changes + 1 WHERE {of}; END;\n"
            )
        grouped = column.format(row=table)
        parts.append(f"INSERT INTO tally SELECT '{table}', {grouped}, COUNT(*), 0 FROM {table} GROUP BY 2;\n")
    return "".join(parts)


def _outbox() -> str:
    """Triggers that note which texts of the caption memory may differ from it."""

    def note(kind: str, criterion: str, what: str) -> str:
        return (
            f" DELETE FROM outbox WHERE kind = '{kind}' AND criterion_id = {criterion} AND what = {what};"
            f" INSERT INTO outbox (kind, criterion_id, what) VALUES ('{kind}', {criterion}, {what});"
        )

    def note_all(kind: str, column: str, image: str) -> str:
        # The order of the joins is said, so that every step is a look into an index.
        rows = (
            f"FROM criterion k CROSS JOIN {kind} t ON t.criterion_id = k.id AND t.image_id = {image}"
            f" AND t.text != ''"
        )
        noted = f"o.kind = '{kind}' AND o.criterion_id = k.id AND o.what = t.{column}"
        return (
            f" DELETE FROM outbox WHERE seq IN (SELECT o.seq {rows} CROSS JOIN outbox o ON {noted});"
            f" INSERT INTO outbox (kind, criterion_id, what) SELECT '{kind}', k.id, t.{column} {rows};"
        )

    parts = []
    for event, row in (("INSERT", "NEW"), ("DELETE", "OLD")):
        ending, image, criterion = (
            f"{event.lower()} AFTER {event} ON",
            f"{row}.image_id",
            f"{row}.criterion_id",
        )
        about_caption = note("caption", "''", image) + note_all("description", "image_id", image)
        parts += [
            f"CREATE TRIGGER outbox_caption_{ending} caption BEGIN{about_caption} END;\n",
            f"CREATE TRIGGER outbox_gone_{ending} gone BEGIN{about_caption}{note_all('name', 'text', image)}"
            " END;\n",
            f"CREATE TRIGGER outbox_description_{ending} description WHEN {row}.text != '' AND NOT EXISTS"
            f" (SELECT 1 FROM caption c WHERE c.image_id = {image} AND c.text = {row}.text)"
            f" BEGIN{note('description', criterion, image)} END;\n",
            f"CREATE TRIGGER outbox_name_{ending} name WHEN {row}.text != ''"
            f" BEGIN{note('name', criterion, f'{row}.text')} END;\n",
        ]
    for table, what in (("caption", "image_id"), ("description", "image_id"), ("name", "text")):
        notes = ""
        for row in ("OLD", "NEW"):
            notes += note(table, "''" if table == "caption" else f"{row}.criterion_id", f"{row}.{what}")
        if table == "caption":
            notes += note_all("description", "image_id", "NEW.image_id")
        parts.append(f"CREATE TRIGGER outbox_{table}_update AFTER UPDATE ON {table} BEGIN{notes} END;\n")
    return "".join(parts)


_CHANGES = f"""
CREATE TABLE tally (
    tab TEXT NOT NULL,
    criterion_id TEXT NOT NULL,
    rows INTEGER NOT NULL,
    changes INTEGER NOT NULL,
    PRIMARY KEY (tab, criterion_id)
) WITHOUT ROWID;
{_tally()}
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    criterion_id TEXT NOT NULL,
    what TEXT NOT NULL,
    UNIQUE (kind, criterion_id, what)
);
{_outbox()}
CREATE TABLE sample (
    criterion_id TEXT NOT NULL,
    image_id TEXT NOT NULL,
    PRIMARY KEY (criterion_id, image_id)
) WITHOUT ROWID;
CREATE TABLE sample_stamp (
    criterion_id TEXT PRIMARY KEY,
    stamp TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX caption_stand_in ON caption(image_id) WHERE model = 'description';
CREATE INDEX description_unclear ON description(criterion_id, image_id) WHERE unclear != '';
CREATE INDEX name_unclear ON name(criterion_id, image_id) WHERE unclear != '';
CREATE INDEX assignment_unclear ON assignment(criterion_id, image_id) WHERE unclear != '';
CREATE INDEX description_imported ON description(criterion_id, image_id) WHERE imported_as != '';
"""
# So that a run that goes on finds at once what there is to do, however large the collection: `tally` answers
# how many rows a criterion has and whether anything changed, `outbox` what the caption memory has still to be
# told (`what`: an image, or a name), `sample` which images are named.

MIGRATIONS: tuple[str, ...] = (
    *(_FIRST, _NAME_SCORE, _STEERING, _BROWSING),
    *(_ANSWER_COST, _IMPORTED_DESCRIPTION, _RUN_ESTIMATE, _CHANGES),
)


def connect(path: Path, *, create: bool) -> sqlite3.Connection:
    """Open the catalogue at `path` and bring it to the current schema.

    Raises WorkspaceError when it is missing (and `create` is false), damaged, or made by a newer version.
    """
    if not create and not path.is_file():
        raise WorkspaceError(f"No xcluster workspace at {path.parent}. Make one with `xcluster run FOLDER`.")
    connection = sqlite3.connect(path, check_same_thread=False, timeout=30.0)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        # 64 MB: SQLite's own 2 MB make each look through 100,000 images twice as slow.
        connection.execute("PRAGMA cache_size=-65536")
        # A row that INSERT OR REPLACE drops fires its triggers too: the edit log must see it.
        connection.execute("PRAGMA recursive_triggers=ON")
        _migrate(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise WorkspaceError(
            f"The catalogue {path} cannot be read ({error}). Restore it from a backup, or move the "
            "workspace away and run again: captions that were paid for are in that file only."
        ) from error
    except WorkspaceError:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    done = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if done > len(MIGRATIONS):
        raise WorkspaceError(
            f"The workspace {path.parent} has schema {done}, this xcluster knows up to {len(MIGRATIONS)}. "
            "Update xcluster."
        )
    for number, statements in enumerate(MIGRATIONS[done:], start=done + 1):
        # executescript commits first, so the transaction is part of the script: all of a migration or
        # nothing.
        connection.executescript(f"BEGIN IMMEDIATE;{statements}PRAGMA user_version={number};COMMIT;")
