/** Paths a browser may be sent to after sign-in: as they are, or, where they end in `/`, everything below. */
export type ReturnPaths = readonly string[]

/** Plain segments only: nothing that a browser or a proxy reads as another host, another path or markup. */
const plainPath = /^(?:\/[A-Za-z0-9_~-]+(?:\.[A-Za-z0-9_~-]+)*)+\/?$/

/** Whether the text is a path that may stand in the allow-list. */
export function isReturnPath(path: string): boolean {
  return plainPath.test(path) && path.length <= 500
}

/** True for relative paths of the allow-list; everything else that a stranger may put into a link is refused. */
export function mayReturnTo(path: string, allowed: ReturnPaths): boolean {
  if (!isReturnPath(path)) return false
  return allowed.some((entry) => path === entry || (entry.endsWith('/') && path.startsWith(entry)))
}
