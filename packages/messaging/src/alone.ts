/**
 * Lets what is suspected run alone in the process: many may run together, one may run by itself. Who comes first goes
 * first, so neither side starves.
 */
export interface Gate {
  together<Result>(run: () => Promise<Result>): Promise<Result>
  alone<Result>(run: () => Promise<Result>): Promise<Result>
}

type Waiting = { readonly alone: boolean; readonly enter: () => void }

export function createGate(): Gate {
  const queue: Waiting[] = []
  let inside = 0
  let occupied = false

  function admit(): void {
    for (let first = queue[0]; first; first = queue[0]) {
      if (occupied || (first.alone && inside > 0)) return
      queue.shift()
      occupied = first.alone
      inside += 1
      first.enter()
    }
  }

  async function pass<Result>(alone: boolean, run: () => Promise<Result>): Promise<Result> {
    if (occupied || queue.length > 0 || (alone && inside > 0)) {
      await new Promise<void>((enter) => queue.push({ alone, enter }))
    } else {
      occupied = alone
      inside += 1
    }
    try {
      return await run()
    } finally {
      inside -= 1
      occupied = false
      admit()
    }
  }

  return { together: (run) => pass(false, run), alone: (run) => pass(true, run) }
}
