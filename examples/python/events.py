"""What a message of a Banyan stream says, and what it is to a consumer that stands somewhere in its partition."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote

PARTITIONS = 64


def partition_of(aggregate: str, key: str) -> int:
    """The low six bits of the first byte of SHA-256 over `<aggregate>/<key>`."""
    return hashlib.sha256(f"{aggregate}/{key}".encode()).digest()[0] % PARTITIONS


@dataclass(frozen=True)
class Position:
    """`epoch.n`; epoch 0: nothing applied yet."""

    epoch: int
    n: int

    @staticmethod
    def parse(written: str) -> Position:
        epoch, n = written.split(".")
        return Position(int(epoch), int(n))


@dataclass(frozen=True)
class Event:
    source: str
    aggregate: str
    type: str
    partition: int
    key: str
    id: str
    position: Position
    """The position before it in the same partition."""
    previous: Position
    payload: bytes
    """In the stream: a hint where to go on, never a position. 0: it came from the source itself."""
    sequence: int


def read_event(subject: str, headers: dict[str, str], payload: bytes, sequence: int) -> Event:
    _, source, aggregate, type_, partition = subject.split(".")
    return Event(
        source=source,
        aggregate=aggregate,
        type=type_,
        partition=int(partition),
        key=unquote(headers["ce-subject"]),
        id=headers["ce-id"],
        position=Position.parse(headers["Banyan-Position"]),
        previous=Position.parse(headers["Banyan-Prev"]),
        payload=payload,
        sequence=sequence,
    )


class Verdict(Enum):
    NEXT = "apply it"
    DUPLICATE = "applied before: skip it"
    GAP = "something between is missing: never step over it"
    OTHER_HISTORY = "of a history that is not the one applied so far: stop"


def judge(stored: Position, event: Event) -> Verdict:
    begins = stored.epoch == 0
    if not begins and event.position.epoch != stored.epoch:
        return Verdict.OTHER_HISTORY
    if not begins and event.position.n <= stored.n:
        return Verdict.DUPLICATE
    if event.previous.n == stored.n:
        return Verdict.NEXT
    return Verdict.GAP if event.previous.n > stored.n else Verdict.OTHER_HISTORY
