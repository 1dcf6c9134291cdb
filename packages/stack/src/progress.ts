import { styleText } from 'node:util'

export type Step = {
  /** what it is at, shown on a terminal until the next; a line of its own elsewhere */
  detail(text: string): void
  done(text?: string): void
  failed(): void
}

/** What a person sees while the stack works: on stderr, plain where that is no terminal. */
export type Progress = {
  /** a step begins; one at a time */
  step(title: string): Step
  note(text: string): void
  warn(text: string): void
}

type Output = { write(text: string): unknown; readonly isTTY?: boolean }

const startOfLine = '\r\u001b[2K'

export function createProgress(output: Output = process.stderr): Progress {
  const terminal = output.isTTY === true
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    terminal ? styleText(style, text, { validateStream: false }) : text
  const line = (mark: string, title: string, detail = '') =>
    `${mark} ${title}${detail === '' ? '' : paint('dim', `  ${detail}`)}`
  const whole = (text: string) => void output.write(`${terminal ? startOfLine : ''}${text}\n`)
  return {
    step(title) {
      const startedMs = performance.now()
      const took = () => `${((performance.now() - startedMs) / 1_000).toFixed(1)} s`
      if (terminal) output.write(line(paint('cyan', '…'), title))
      return {
        detail: (text) => {
          if (terminal) output.write(`${startOfLine}${line(paint('cyan', '…'), title, text)}`)
          else whole(line('…', title, text))
        },
        done: (text = '') => whole(line(paint('green', '✓'), title, text === '' ? took() : `${text}, ${took()}`)),
        failed: () => whole(line(paint('red', '✗'), title, took())),
      }
    },
    note: (text) => whole(line(paint('cyan', '·'), text)),
    warn: (text) => whole(line(paint('yellow', '!'), text)),
  }
}
