"""Where a consumer stands, in the tables that all of Banyan's subscribers use (migrations of the role `subscriber`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from events import PARTITIONS, Position

Connection = AsyncConnection[tuple[Any, ...]]


@dataclass(frozen=True)
class Hint:
    """All up to this sequence is applied, if the stream is still the one that was created then."""

    created: str
    sequence: int


class Positions:
    """One consumer's positions in one source. It has one lane, number 0 of 1."""

    def __init__(self, subscriber: str, source: str) -> None:
        self._key = (subscriber, source)

    async def register(self, db: Connection) -> None:
        async with db.transaction():
            await db.execute(
                "insert into banyan.subscription (subscriber, source) values (%s, %s) on conflict do nothing",
                self._key,
            )
            await db.execute(
                "insert into banyan.position (subscriber, source, partition)"
                f" select %s, %s, p from generate_series(0, {PARTITIONS - 1}) p on conflict do nothing",
                self._key,
            )
            await db.execute(
                "insert into banyan.lane (subscriber, source, lanes, lane) values (%s, %s, 1, 0) on conflict do nothing",
                self._key,
            )

    async def lock(self, db: Connection, partitions: list[int]) -> dict[int, Position]:
        """Keeps every other instance from moving these positions until the transaction ends."""
        where = "where subscriber = %s and source = %s and partition = any(%s)"
        values = (*self._key, partitions)
        # Two statements: a snapshot that was taken before the lock was had would be stale.
        await db.execute(f"select from banyan.position {where} order by partition for update", values)
        found = await db.execute(f"select partition, epoch, n from banyan.position {where}", values)
        return {partition: Position(epoch, n) for partition, epoch, n in await found.fetchall()}

    async def move(self, db: Connection, moved: dict[int, Position]) -> None:
        for partition, position in moved.items():
            await db.execute(
                "update banyan.position set epoch = %s, n = %s where subscriber = %s and source = %s and partition = %s",
                (position.epoch, position.n, *self._key, partition),
            )

    async def read_hint(self, db: Connection) -> Hint | None:
        found = await db.execute(
            "select stream_created, stream_sequence from banyan.lane"
            " where subscriber = %s and source = %s and lanes = 1 and lane = 0",
            self._key,
        )
        row = await found.fetchone()
        return None if row is None or row[0] is None else Hint(row[0], row[1])

    async def write_hint(self, db: Connection, hint: Hint) -> None:
        await db.execute(
            "update banyan.lane set stream_created = %s, stream_sequence = %s"
            " where subscriber = %s and source = %s and lanes = 1 and lane = 0",
            (hint.created, hint.sequence, *self._key),
        )
