-- Which reactions were done here, in the transaction of their effect: a reaction may come by a call, by its event, or by both,
-- and the primary key admits one of them. The second waits for the first's transaction, and is answered with what it left.
-- Not breaking: creates new objects only.

create table banyan.reaction_done (
  -- Its canonical text, e.g. `projects -> tasks.ArchiveProjectTasks`.
  edge       text        not null,
  event_id   uuid        not null,
  done_by    text        not null check (done_by in ('call', 'event')),
  -- done: by the effect's own writes. refused: the business's rules said no, and nothing else was written.
  outcome    text        not null default 'done' check (outcome in ('done', 'refused')),
  -- The answer's bytes if it was done, what was told if it was refused; null: too large to be kept.
  answer     bytea       default '',
  -- By the clock of the database that the event was emitted in.
  emitted_at timestamptz not null,
  done_at    timestamptz not null default now(),
  -- The event will not come any more: it has been worked off here, or leaves the effect to the call.
  passed     boolean     not null,
  primary key (edge, event_id)
) with (fillfactor = 80);

-- For pruning. `passed` is left out, so that setting it touches no index.
create index reaction_done_age on banyan.reaction_done (edge, emitted_at);
