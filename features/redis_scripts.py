"""The Lua scripts that run inside the store, each atomic on its server.

The first key of each is the shard's certificate. Those that write states or progress look there first, and answer
``BIRTHMISSING`` before they write anything.

Entities are arguments and no keys: keys of one call must share a slot in a Redis Cluster, while what a script names
beside them need only lie on its server, and an entity that does not (its slot was moved) fails the script.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple


class Script(NamedTuple):
    """A script and the name that the server knows it by."""

    source: bytes
    sha: bytes


def named(source: str) -> Script:
    """A script with its name."""
    return Script(source.encode(), hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest().encode())


KEEP_TTL = """\
local function keep_ttl(certificate)  -- all births of an entity share its key, so the longest of their times holds
  local fields, longest = redis.call('HGETALL', certificate), false
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 5) == 'view:' then
      local ttl = tonumber(string.match(fields[i + 1], '"key_ttl_s":(%d+)') or 0)  -- 0: for ever
      if not longest then longest = ttl elseif longest ~= 0 and (ttl == 0 or ttl > longest) then longest = ttl end
    end
  end
  if longest then redis.call('HSET', certificate, 'ttl', longest) else redis.call('HDEL', certificate, 'ttl') end
end
"""
"""A function for the scripts that change births: notes after how many seconds without a write an entity expires."""

WRITE_STATES = named("""\
-- KEYS: certificate   ARGV: certificate field (empty: ask for none), erasures known, state field, seconds to live of a
-- birth that is not certified yet (0: for ever), then per entity: key, expected head, state, number of further words,
-- those (Feast's fields and values)
local feast, ttl = true, redis.call('HGET', KEYS[1], 'ttl')
if ARGV[1] ~= '' then
  local birth = redis.call('HGET', KEYS[1], ARGV[1])
  if not birth then return redis.error_reply('BIRTHMISSING ' .. ARGV[1]) end
  feast = not string.find(birth, '"feast":false', 1, true)  -- another birth has Feast's fields
  local erasures = redis.call('HGET', KEYS[1], 'erasures') or '0'
  if erasures ~= ARGV[2] then return redis.error_reply('ERASURES known to the store: ' .. erasures) end
elseif not ttl or (ttl ~= '0' and (ARGV[4] == '0' or tonumber(ARGV[4]) > tonumber(ttl))) then
  ttl = ARGV[4]
  redis.call('HSET', KEYS[1], 'ttl', ttl)  -- before other writers can make it shorter
end
local call, field, at, answers = redis.call, ARGV[3], 5, {}
while at <= #ARGV do
  local key, expected, words = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 3])
  local stored = call('HGET', key, field)
  local same
  if expected == '' then same = not stored else same = stored and string.sub(stored, 1, #expected) == expected end
  if same then
    if feast then
      call('HSET', key, field, ARGV[at + 2], unpack(ARGV, at + 4, at + 3 + words))
    else
      call('HSET', key, field, ARGV[at + 2])
    end
    if ttl and ttl ~= '0' then call('EXPIRE', key, ttl) else call('PERSIST', key) end
    answers[#answers + 1] = false
  else
    answers[#answers + 1] = stored or ''
  end
  at = at + 4 + words
end
return answers
""")

WRITE_FEAST = named("""\
-- KEYS: certificate   ARGV: erasures known, timestamp field, seconds to live where no birth says (0: leave alone), then
-- per entity: key, expected timestamp (empty: none), number of further words, those (Feast's fields and values)
local erasures = redis.call('HGET', KEYS[1], 'erasures') or '0'
if erasures ~= ARGV[1] then return redis.error_reply('ERASURES known to the store: ' .. erasures) end
local ttl = redis.call('HGET', KEYS[1], 'ttl')
local call, field, at, answers = redis.call, ARGV[2], 4, {}
while at <= #ARGV do
  local key, expected, words = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local stored = call('HGET', key, field) or ''
  if stored == expected then
    call('HSET', key, unpack(ARGV, at + 3, at + 2 + words))
    if ttl then
      if ttl ~= '0' then call('EXPIRE', key, ttl) else call('PERSIST', key) end
    elseif ARGV[3] ~= '0' then
      call('EXPIRE', key, ARGV[3])
    end
    answers[#answers + 1] = false
  else
    answers[#answers + 1] = stored
  end
  at = at + 3 + words
end
return answers
""")

WRITE_PROGRESS = named("""\
-- KEYS: certificate, progress   ARGV: erasures known, number of births, those, then mark and offset in turn
local erasures = redis.call('HGET', KEYS[1], 'erasures') or '0'
if erasures ~= ARGV[1] then return redis.error_reply('ERASURES known to the store: ' .. erasures) end
local certified = {}
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  local birth = string.match(name, '^view:.*:([^:]*)$')
  if birth then certified[birth] = true end
end
for i = 3, tonumber(ARGV[2]) + 2 do
  if not certified[ARGV[i]] then return redis.error_reply('BIRTHMISSING ' .. ARGV[i]) end
end
for i = tonumber(ARGV[2]) + 3, #ARGV, 2 do  -- one by one: Lua unpacks no more than some thousands
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
end
return redis.status_reply('OK')
""")

CERTIFY_BIRTH = named(
    KEEP_TTL
    + """\
-- KEYS: certificate   ARGV: certificate field, record
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
keep_ttl(KEYS[1])
return redis.status_reply('OK')
"""
)

DROP_BIRTH = named(
    KEEP_TTL
    + """\
-- KEYS: certificate, progress   ARGV: certificate field, birth, field that notes it as dropped
local record = redis.call('HGET', KEYS[1], ARGV[1])
if record then redis.call('HSET', KEYS[1], ARGV[3], record) end
redis.call('HDEL', KEYS[1], ARGV[1])
keep_ttl(KEYS[1])
local beginning = ARGV[2] .. ':'
for _, mark in ipairs(redis.call('HKEYS', KEYS[2])) do
  if string.sub(mark, 1, #beginning) == beginning then redis.call('HDEL', KEYS[2], mark) end
end
return redis.status_reply('OK')
"""
)

RAISE_ERASURE = named("""\
-- KEYS: certificate, progress   ARGV: certificate field, record, then <log>:<partition> and end in turn
local fresh = redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if fresh == 0 then return redis.status_reply('OK') end
redis.call('HSET', KEYS[1], 'erasures', (redis.call('HGET', KEYS[1], 'erasures') or 0) + 1)
local ends = {}
for i = 3, #ARGV, 2 do ends[ARGV[i]] = tonumber(ARGV[i + 1]) end
for _, mark in ipairs(redis.call('HKEYS', KEYS[2])) do
  local last = ends[string.match(mark, '^[^:]*:(.*)$')]
  if last and tonumber(redis.call('HGET', KEYS[2], mark)) > last then redis.call('HSET', KEYS[2], mark, last) end
end
return redis.status_reply('OK')
""")

ERASE = named("""\
-- KEYS: entity   ARGV: number of guards, those (state field and head in turn, empty: none), then fields to delete
for i = 2, 2 * tonumber(ARGV[1]), 2 do
  local stored, head = redis.call('HGET', KEYS[1], ARGV[i]), ARGV[i + 1]
  if head == '' and stored then return 0 end
  if head ~= '' and (not stored or string.sub(stored, 1, #head) ~= head) then return 0 end
end
for i = 2 * tonumber(ARGV[1]) + 2, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
return 1
""")

SCRIPTS = (WRITE_STATES, WRITE_FEAST, WRITE_PROGRESS, CERTIFY_BIRTH, DROP_BIRTH, RAISE_ERASURE, ERASE)
