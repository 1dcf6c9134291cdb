/** A reason not to go on that a person can act on: printed as it is, without a stack trace. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly exitCode: 1 | 2 | 3

  constructor(message: string, options: { exitCode?: 1 | 2 | 3; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.exitCode = options.exitCode ?? 1
  }
}

const whatToDo: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there; choose another folder with --data-dir',
  EPERM: 'this user may not write there; choose another folder with --data-dir',
  EROFS: 'the file system is read-only; choose another folder with --data-dir',
  ENOSPC: 'the disk is full; make room or choose another folder with --data-dir',
  EDQUOT: 'the disk quota is used up; make room or choose another folder with --data-dir',
  ENOTDIR: 'a part of the path is a file; choose another folder with --data-dir',
  EEXIST: 'a file of that name is in the way; choose another folder with --data-dir',
}

/** Turns a file system error into words; anything else stays what it is. */
export function explainFileError(error: unknown, path: string): unknown {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
  const advice = whatToDo[code]
  return advice === undefined ? error : new Refusal(`Cannot use ${path}: ${advice}.`, { cause: error })
}
