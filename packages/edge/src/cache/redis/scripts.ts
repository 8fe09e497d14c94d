import { createHash } from 'node:crypto';

/** A Lua script, which Redis runs as one step: nothing comes between what it reads and what it writes. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

// The stamp of a source and of each tag is a text that is new with each invalidation. An answer, and a lease, holds the
// stamps that it was begun under, and is good while they are the present ones. A stamp that Redis lost (expired, evicted,
// restarted) is made anew and unlike any before: losing one can make a miss, and nothing else.

/**
 * KEYS: entry, heard, stamp of the source, stamps of the tags. ARGV: a new stamp, how long a new one of a tag lasts (ms).
 * Gives the stamps and what was heard of the source, and the entry if it is good.
 */
export const LOOKUP = script(`
local stamps = {}
for i = 3, #KEYS do
  local stamp = redis.call('GET', KEYS[i])
  if not stamp then
    stamp = ARGV[1]
    if i == 3 then redis.call('SET', KEYS[i], stamp) else redis.call('SET', KEYS[i], stamp, 'PX', ARGV[2]) end
  end
  stamps[i - 2] = stamp
end
local now = table.concat(stamps, ' ')
local heard = redis.call('GET', KEYS[2]) or ''
local kept = redis.call('HMGET', KEYS[1], 'stamp', 'asOf', 'version', 'kind', 'crc', 'bytes')
if kept[1] ~= now then return { now, heard } end
return { now, heard, kept[2], kept[3], kept[4], kept[5], kept[6] }
`);

/**
 * KEYS: as for LOOKUP. ARGV: the lease's stamps, how long the answer lasts, how long stamps last beyond it (ms), then the
 * entry: asOf, version, kind, crc, bytes. Gives 1, or 0 for refused.
 */
export const FILL = script(`
local stamps = {}
for i = 3, #KEYS do stamps[i - 2] = redis.call('GET', KEYS[i]) or '' end
if table.concat(stamps, ' ') ~= ARGV[1] then return 0 end
local there = redis.call('HMGET', KEYS[1], 'stamp', 'asOf')
if there[1] == ARGV[1] and tonumber(there[2]) > tonumber(ARGV[4]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'stamp', ARGV[1], 'asOf', ARGV[4], 'version', ARGV[5], 'kind', ARGV[6], 'crc', ARGV[7], 'bytes', ARGV[8])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local lasts = ARGV[2] + ARGV[3]
for i = 4, #KEYS do
  if redis.call('PTTL', KEYS[i]) < lasts then redis.call('PEXPIRE', KEYS[i], lasts) end
end
return 1
`);

/** KEYS: stamps. ARGV: the new stamp. A tag that has none is one that nothing depends on. */
export const RENEW = script(`
for i = 1, #KEYS do redis.call('SET', KEYS[i], ARGV[1], 'KEEPTTL', 'XX') end
return #KEYS
`);

/**
 * KEYS: heard, stamp of the source. ARGV: heard of now, heard of before as far as this process knows, a new stamp. When
 * Redis knows less than this process it has lost something (a replica without the last writes, an old file): all is dropped.
 * Gives what is known now, and 1 if all was dropped.
 */
export const ADVANCE = script(`
local known = tonumber(redis.call('GET', KEYS[1]) or '0')
local lost = 0
if known < tonumber(ARGV[2]) then
  redis.call('SET', KEYS[2], ARGV[3])
  lost = 1
end
local now = tonumber(ARGV[1])
if now < known then now = known else redis.call('SET', KEYS[1], ARGV[1]) end
return { tostring(lost), string.format('%.0f', now) }
`);
