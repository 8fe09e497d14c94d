"""Counts each project's events, exactly once in its database. Usage: consume.py <name> <source> <database url> <nats url>

It keeps the promises of Banyan's own subscriber: the position moves in the transaction of the handler's writes; what comes
again is skipped; a gap is filled from the stream or the source and never stepped over; another history stops it. It has
no parking: an event whose handler fails is tried again, and holds up all behind it.
"""

from __future__ import annotations

import asyncio
import json
import sys

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError, ServiceUnavailableError
from psycopg import AsyncConnection

from events import Event, Position, Verdict, judge, read_event
from positions import Connection, Hint, Positions

BATCH = 200
IDLE_S = 1.0


class Gap(Exception):
    def __init__(self, stored: Position, event: Event) -> None:
        super().__init__(f"partition {event.partition} stands at {stored}, and {event.position} after {event.previous} came")
        self.stored, self.event = stored, event


class OtherHistory(Exception):
    """Whatever is applied from here on would be wrong. A person has to look at it."""


async def handle(db: Connection, event: Event) -> None:
    """The consumer's own work. All of its writes go through `db`."""
    await db.execute(
        "insert into project_activity (id, events) values (%s, 1)"
        " on conflict (id) do update set events = project_activity.events + 1",
        (event.key,),
    )


class Consumer:
    def __init__(self, name: str, source: str, db: Connection, broker: Client) -> None:
        self._source = source
        self._stream = "EVENTS_" + source.upper().replace("-", "_")
        self._db = db
        self._broker = broker
        self._js: JetStreamContext = broker.jetstream()
        self._positions = Positions(name, source)
        self._last_gap: Position | None = None

    async def run(self) -> None:
        await self._positions.register(self._db)
        while True:
            try:
                await self._follow()
            except Gap as gap:
                await self._fill(gap)
            except (NotFoundError, ServiceUnavailableError):
                # The stream has gone, or the broker's end of this reading: look what is there now.
                continue

    async def _follow(self) -> None:
        """Reads the stream from the hint on, until it turns out to be another one."""
        created = await self._created()
        hint = await self._positions.read_hint(self._db)
        start = hint.sequence + 1 if hint is not None and hint.created == created else 1
        subscription = await self._js.pull_subscribe(
            f"evt.{self._source}.>",
            stream=self._stream,
            config=ConsumerConfig(
                ack_policy=AckPolicy.NONE,
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=start,
                inactive_threshold=30.0,
            ),
        )
        try:
            while True:
                messages = await self._fetch(subscription)
                if not messages:
                    # A stream that was made anew says nothing by itself.
                    if await self._created() != created:
                        return
                    continue
                events = [
                    read_event(m.subject, m.headers or {}, m.data, m.metadata.sequence.stream) for m in messages
                ]
                await self._apply(events, Hint(created, events[-1].sequence))
        finally:
            await subscription.unsubscribe()

    async def _fetch(self, subscription: JetStreamContext.PullSubscription) -> list[Msg]:
        try:
            return await subscription.fetch(BATCH, timeout=IDLE_S)
        except TimeoutError:
            return []

    async def _apply(self, events: list[Event], hint: Hint | None) -> None:
        """One transaction: all of what follows, and the positions; or nothing."""
        async with self._db.transaction():
            stored = await self._positions.lock(self._db, sorted({event.partition for event in events}))
            moved: dict[int, Position] = {}
            for event in events:
                verdict = judge(stored[event.partition], event)
                if verdict is Verdict.GAP:
                    raise Gap(stored[event.partition], event)
                if verdict is Verdict.OTHER_HISTORY:
                    raise OtherHistory(f"stands at {stored[event.partition]}, and {event} came")
                if verdict is Verdict.NEXT:
                    await handle(self._db, event)
                    stored[event.partition] = moved[event.partition] = event.position
            await self._positions.move(self._db, moved)
            if hint is not None:
                await self._positions.write_hint(self._db, hint)

    async def _fill(self, gap: Gap) -> None:
        """What is missing may only have been lost on the way here: look into the stream first, then ask the source."""
        if self._last_gap != gap.event.position:
            self._last_gap = gap.event.position
            await self._positions.write_hint(self._db, Hint(await self._created(), 0))
            return
        self._last_gap = None
        await self._apply(await self._ask_source(gap), None)

    async def _ask_source(self, gap: Gap) -> list[Event]:
        """The relays of a source serve ranges of its events for as long as its outbox has them."""
        asked = {
            "epoch": gap.event.position.epoch,
            "fromN": gap.stored.n + 1,
            "toN": gap.event.previous.n,
            "partition": gap.event.partition,
        }
        inbox = self._broker.new_inbox()
        replies = await self._broker.subscribe(inbox)
        await self._broker.publish(f"banyan.range.{self._source}", json.dumps(asked).encode(), reply=inbox)
        events: list[Event] = []
        while True:
            message = await replies.next_msg(timeout=3.0)
            headers = message.headers or {}
            if "Nats-Service-Error" in headers:
                raise gap from RuntimeError(headers["Nats-Service-Error"])
            if "Banyan-Range-Next" in headers:
                await replies.unsubscribe()
                return events
            events.append(read_event(headers["Banyan-Subject"], headers, message.data, 0))

    async def _created(self) -> str:
        """When the stream was created, as the broker writes it: to the nanosecond. Waits while there is none."""
        while True:
            reply = await self._broker.request(f"$JS.API.STREAM.INFO.{self._stream}", b"", timeout=5.0)
            info = json.loads(reply.data)
            if "created" in info:
                return str(info["created"])
            await asyncio.sleep(IDLE_S)


async def main(name: str, source: str, database_url: str, nats_url: str) -> None:
    broker = await nats.connect(nats_url)
    db = await AsyncConnection.connect(database_url, autocommit=True)
    print("following", source, flush=True)
    await Consumer(name, source, db, broker).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5]))
