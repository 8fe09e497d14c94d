"""Renames projects, each rename with its event. Usage: emit.py <database url> <first> <last>

`banyan.emit` is an SQL function: the event is published if, and only if, the transaction commits.
"""

from __future__ import annotations

import json
import sys

import psycopg


def rename(db: psycopg.Connection[tuple[int]], project: str, name: str) -> None:
    with db.transaction():
        # First change the row, and so lock it; then emit. So a project's events are in the order of its versions.
        row = db.execute(
            "insert into project (id, name, version) values (%s, %s, 1)"
            " on conflict (id) do update set name = excluded.name, version = project.version + 1 returning version",
            (project, name),
        ).fetchone()
        assert row is not None
        # Between Banyan's own services the payload is protobuf; content-type says what it is.
        db.execute(
            "select banyan.emit('project', %s, 'ProjectRenamed', %s, %s, %s)",
            (
                project,
                json.dumps({"id": project, "name": name}).encode(),
                row[0],
                json.dumps({"content-type": "application/json"}),
            ),
        )


def main(database_url: str, first: int, last: int) -> None:
    with psycopg.connect(database_url, autocommit=True) as db:
        for i in range(first, last + 1):
            rename(db, f"p{i % 7}", f"name {i}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
