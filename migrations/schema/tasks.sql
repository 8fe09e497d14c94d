create table membership_replica (
  membership_id text not null,
  team_id uuid not null,
  member_id text not null,
  state text not null,
  version bigint not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null);

create table project_replica (
  project_id uuid not null,
  team_id uuid not null,
  name text not null,
  state text not null,
  open_tasks integer not null,
  version bigint not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null);

create table task (
  id uuid not null,
  project_id uuid not null,
  team_id uuid not null,
  name text not null,
  state text not null,
  assignee_id text,
  version bigint not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null);

alter table membership_replica add constraint membership_replica_pkey PRIMARY KEY (membership_id);

alter table membership_replica add constraint membership_replica_state_check CHECK ((state = ANY (ARRAY['active'::text, 'left'::text])));

alter table project_replica add constraint project_replica_pkey PRIMARY KEY (project_id);

alter table project_replica add constraint project_replica_state_check CHECK ((state = ANY (ARRAY['active'::text, 'archived'::text])));

alter table task add constraint task_assignee_id_check CHECK ((assignee_id ~ '^[A-Za-z0-9_-]{1,64}$'::text));

alter table task add constraint task_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200)));

alter table task add constraint task_pkey PRIMARY KEY (id);

alter table task add constraint task_state_check CHECK ((state = ANY (ARRAY['open'::text, 'done'::text, 'archived'::text])));

alter table task add constraint task_version_check CHECK ((version >= 1));

CREATE INDEX task_assigned ON public.task USING btree (team_id, assignee_id, id) WHERE ((assignee_id IS NOT NULL) AND (state <> 'archived'::text));

CREATE INDEX task_assignee ON public.task USING btree (assignee_id, id) WHERE (assignee_id IS NOT NULL);

CREATE INDEX task_project ON public.task USING btree (project_id, id);

CREATE INDEX task_unarchived ON public.task USING btree (project_id, id) WHERE (state <> 'archived'::text);
