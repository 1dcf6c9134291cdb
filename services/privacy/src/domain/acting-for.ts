/** Whom a request is about and who checked that: the caller, or somebody staff act for. */
export type ActingFor =
  | { readonly outcome: 'acts'; readonly subjectId: string; readonly identityCheckedBy: string | null }
  | { readonly outcome: 'denied' }
  | { readonly outcome: 'identity-unchecked' }

type Request = {
  /** the person the caller's account is bound to */
  readonly ownSubjectId: string | null
  readonly mayOwn: boolean
  readonly mayManage: boolean
  readonly subjectId: string | undefined
  readonly identityCheckedBy: string | undefined
}

/**
 * A person acts for themselves; staff with `privacy:manage` act for a person they name, and say how identity was checked.
 * Nobody else names anybody.
 */
export function actingFor({ ownSubjectId, mayOwn, mayManage, subjectId, identityCheckedBy }: Request): ActingFor {
  const isOwn = mayOwn && ownSubjectId !== null && (subjectId === undefined || subjectId === ownSubjectId)
  if (isOwn) return { outcome: 'acts', subjectId: ownSubjectId, identityCheckedBy: null }
  if (!mayManage || subjectId === undefined) return { outcome: 'denied' }
  if (identityCheckedBy === undefined) return { outcome: 'identity-unchecked' }
  return { outcome: 'acts', subjectId, identityCheckedBy }
}
