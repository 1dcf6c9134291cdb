import type { Resource } from '@csr/runtime/lifecycle'
import { createClient, defineScript } from 'redis'
import type { SharedCounts } from './limits.ts'
import type { Count } from './sliding-window.ts'
import type { Policy } from './tiers.ts'

type Options = {
  readonly url: string
  /** what a key becomes in the store: nobody reads addresses or ids there */
  readonly mark: (key: string) => string
  readonly answerWithinMs?: number
}

/** A request waits this long for the count; later the store counts as away. */
const answerWithinMsDefault = 250
const connectWithinMs = 500
const reconnectEveryMs = 200
const slices = 20

/**
 * The sliding window of `sliding-window.ts`, counted by the store itself, by its own clock: a hash of slices per key.
 * Answers how many are counted, the room left (-1: refused, not counted) and the milliseconds until room comes back.
 */
const takeText = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, sliceMs, slices = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local slice = math.floor(now / sliceMs)
local count, counts = 0, {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local at = tonumber(all[i])
  if at < slice - slices then
    redis.call('HDEL', KEYS[1], all[i])
  else
    counts[at] = tonumber(all[i + 1])
    count = count + counts[at]
  end
end
local room = limit - count - 1
if room >= 0 then
  redis.call('HINCRBY', KEYS[1], slice, 1)
  redis.call('PEXPIRE', KEYS[1], math.ceil(sliceMs * (slices + 1)))
  return { count + 1, room, math.ceil(sliceMs * (slices + 1)) }
end
local left = 0
for at = slice - slices, slice do
  left = left + (counts[at] or 0)
  if left > count - limit then
    return { count, -1, math.ceil((at + slices + 1) * sliceMs - now) }
  end
end
return { count, -1, math.ceil(sliceMs) }`

const giveBackText = `
local time = redis.call('TIME')
local slice = math.floor((time[1] * 1000 + math.floor(time[2] / 1000)) / tonumber(ARGV[1]))
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HINCRBY', KEYS[1], slice, -1) end
return 0`

const scripts = {
  takeOne: defineScript({
    SCRIPT: takeText,
    NUMBER_OF_KEYS: 1,
    parseCommand(parser, key: string, { limit, windowMs }: Policy) {
      parser.pushKey(key)
      parser.push(String(limit), String(windowMs / slices), String(slices))
    },
    transformReply: (reply: unknown) => reply,
  }),
  giveOneBack: defineScript({
    SCRIPT: giveBackText,
    NUMBER_OF_KEYS: 1,
    parseCommand(parser, key: string, { windowMs }: Policy) {
      parser.pushKey(key)
      parser.push(String(windowMs / slices))
    },
    transformReply: (reply: unknown) => reply,
  }),
}

/** Counts in a Valkey or Redis server. While it is away every count throws at once; it is found again by itself. */
export function openSharedCounts(options: Options): SharedCounts & Resource {
  const { url, mark, answerWithinMs = answerWithinMsDefault } = options
  const client = createClient({
    url,
    scripts,
    disableOfflineQueue: true,
    commandsQueueMaxLength: 10_000,
    socket: { connectTimeout: connectWithinMs, reconnectStrategy: () => reconnectEveryMs },
  })
  // told where a count fails, with what it failed for
  client.on('error', () => undefined)
  const keyOf = (key: string): string => `csr:limits:${mark(key)}`

  return {
    name: 'shared limits',
    async start() {
      // the gateway starts without it: each counts alone until it is there
      void client.connect().catch(() => undefined)
    },
    async take(key, policy): Promise<Count> {
      if (!client.isReady) throw new Error('the store of shared limits is away')
      const [count, room, resetMs] = (await inTime(client.takeOne(keyOf(key), policy), answerWithinMs)) as [
        number,
        number,
        number,
      ]
      return { count, room, resetMs }
    },
    giveBack(key, policy) {
      if (client.isReady) void client.giveOneBack(keyOf(key), policy).catch(() => undefined)
    },
    async [Symbol.asyncDispose]() {
      client.destroy()
    },
  }
}

async function inTime<T>(answer: Promise<T>, withinMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('the store of shared limits is slow')), withinMs)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
    answer.catch(() => undefined)
  }
}
