import { createInterface } from 'node:readline/promises'
import { Refusal } from './refusal.ts'

/** Asks the person at the terminal; anything but yes is a Refusal, and so is having nobody to ask. */
export async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY) throw new Refusal(`${question}\nThere is no terminal to ask on: say --yes.`)
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question(`${question} [y/N] `)
  terminal.close()
  if (!/^y(es)?$/i.test(answer.trim())) throw new Refusal('Nothing was done.')
}
