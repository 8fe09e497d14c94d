-- Events that are not protobuf: a writer may say so by a content-type header; without one the relay says
-- application/protobuf. Until now the name was refused.
-- Not breaking: accepts more than before.

create or replace function banyan.check_headers(given jsonb) returns void
language plpgsql immutable parallel safe as $$
declare
  header record;
begin
  if given is null or jsonb_typeof(given) <> 'object' then
    raise exception 'banyan.emit: headers must be a JSON object, not %', coalesce(jsonb_typeof(given), 'null')
      using errcode = 'ZB004', hint = 'Leave them out for none: the default is {}.';
  end if;
  for header in select key, value, jsonb_typeof(value) as kind, value #>> '{}' as content from jsonb_each(given) loop
    if header.key !~ '^[A-Za-z0-9_-]{1,128}$' then
      raise exception 'banyan.emit: header name % is unusable', to_json(header.key)
        using errcode = 'ZB004', hint = 'Use 1 to 128 of the characters A-Z a-z 0-9 _ and -.';
    end if;
    if header.key ~* '^(ce-|nats-|banyan-(?!(stage|token)$))' or (header.key ~* '^content-type$' and header.key <> 'content-type') then
      raise exception 'banyan.emit: header name % is reserved', to_json(header.key)
        using errcode = 'ZB004', hint = 'The relay writes the ce-, Nats- and Banyan- headers itself; content-type is written in lower case.';
    end if;
    if header.kind <> 'string' or not banyan.is_clean(header.content) then
      raise exception 'banyan.emit: value % of header % is unusable', left(header.value::text, 200), header.key
        using errcode = 'ZB004', hint = 'A value is a string without control characters and without blanks at its edges.';
    end if;
  end loop;
end $$;
