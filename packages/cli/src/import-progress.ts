import { Presets, SingleBar } from 'cli-progress'

/** How far an import is, on stderr: a bar on a terminal, a line now and then elsewhere. */
export type ImportProgress = {
  /** `share` is from 0 to 1 */
  at(phase: string, share: number, detail?: string): void
  end(): void
}

const stepShown = 0.25

export function createImportProgress(output: NodeJS.WriteStream = process.stderr): ImportProgress {
  return output.isTTY ? bar(output) : lines(output)
}

function bar(output: NodeJS.WriteStream): ImportProgress {
  const options = { format: '{phase} {bar} {percentage} %  {detail}', stream: output, hideCursor: true }
  const single = new SingleBar(options, Presets.shades_classic)
  let started = false
  return {
    at(phase, share, detail = '') {
      const state = { phase: phase.padEnd(9), detail }
      if (!started) single.start(100, 0, state)
      started = true
      single.update(Math.floor(share * 100), state)
    },
    end() {
      if (started) single.stop()
    },
  }
}

function lines(output: NodeJS.WriteStream): ImportProgress {
  let last = { phase: '', step: -1 }
  return {
    at(phase, share, detail = '') {
      const step = Math.floor(share / stepShown)
      if (phase === last.phase && step === last.step) return
      last = { phase, step }
      output.write(`${phase} ${Math.floor(share * 100)} %${detail === '' ? '' : `  ${detail}`}\n`)
    },
    end() {},
  }
}
