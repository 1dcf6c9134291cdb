import { styleText } from 'node:util'

/** What a person sees while the stack works: on stderr, plain where that is no terminal. */
export type Progress = {
  /** a step begins; a terminal shows it until `done` replaces it */
  step(title: string): { done(detail?: string): void; failed(detail: string): void }
  note(text: string): void
  warn(text: string): void
}

type Output = { write(text: string): unknown; readonly isTTY?: boolean }

export function createProgress(output: Output = process.stderr): Progress {
  const terminal = output.isTTY === true
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    terminal ? styleText(style, text, { validateStream: false }) : text
  const line = (mark: string, title: string, detail: string) =>
    `${mark} ${title}${detail === '' ? '' : paint('dim', `  ${detail}`)}\n`
  return {
    step(title) {
      const startedMs = performance.now()
      if (terminal) output.write(`${paint('cyan', '…')} ${title}`)
      const end = (mark: string, detail: string) => {
        const took = `${((performance.now() - startedMs) / 1_000).toFixed(1)} s`
        output.write(
          `${terminal ? '\r\u001b[2K' : ''}${line(mark, title, detail === '' ? took : `${detail}, ${took}`)}`,
        )
      }
      return {
        done: (detail = '') => end(paint('green', '✓'), detail),
        failed: (detail) => end(paint('red', '✗'), detail),
      }
    },
    note: (text) => void output.write(line(paint('cyan', '·'), text, '')),
    warn: (text) => void output.write(line(paint('yellow', '!'), text, '')),
  }
}
