/** What a program that failed wrote to its stderr, or nothing where the error is of another kind. */
export function errorOutputOf(error: unknown): string {
  const { stderr } = (error ?? {}) as { stderr?: unknown }
  if (typeof stderr === 'string') return stderr
  return stderr instanceof Uint8Array ? new TextDecoder().decode(stderr) : ''
}
