import type { Readable } from 'node:stream'
import type { Clock } from '@csr/runtime/clock'
import type { Firewall } from './firewall.ts'
import { visitTexts } from './free-text.ts'

/** Looks at content that is refused by nobody: it is counted, after the request went its way. */
export interface Observer {
  /** a JSON body */
  bytes(route: string, body: Buffer): void
  /** the beginning of a file, as soon as somebody reads it */
  stream(route: string, body: Readable): void
}

/** A sample is enough to see a wave, and costs a webhook nothing that could be measured. */
const observedPerSecond = 10
const bytesMax = 65_536

export function createObserver({ firewall, clock }: { readonly firewall: Firewall; readonly clock: Clock }): Observer {
  let second = 0
  let observed = 0

  function isChosen(): boolean {
    const current = Math.floor(clock.nowMs() / 1_000)
    if (current !== second) [second, observed] = [current, 0]
    observed += 1
    return observed <= observedPerSecond
  }

  function look(route: string, bytes: Buffer, textsOf: (text: string) => readonly string[]): void {
    setImmediate(() => firewall.observe(route, textsOf(bytes.subarray(0, bytesMax).toString('utf8'))))
  }

  return {
    bytes(route, body) {
      if (body.length <= bytesMax && isChosen()) look(route, body, textsOfJson)
    },
    stream(route, body) {
      if (!isChosen()) return
      // a listener for the data itself would set the stream flowing before its reader is there
      body.once('resume', () => body.once('data', (chunk: Buffer) => look(route, chunk, linesOf)))
    },
  }
}

function textsOfJson(text: string): readonly string[] {
  try {
    const texts: string[] = []
    visitTexts(JSON.parse(text), 'free', '', (_field, found) => texts.push(found))
    return texts
  } catch {
    return [text]
  }
}

const linesOf = (text: string): readonly string[] => text.split('\n')
