import { reachOf } from '@csr/contracts/permissions'
import { ProblemError } from '@csr/http/problem'
import type { Principal } from '@csr/http/route'
import { actingFor } from '../domain/acting-for.ts'

type Named = { readonly subjectId?: string | undefined; readonly identityCheckedBy?: string | undefined }

/** Whom a privacy request is about. Throws `permission-denied`, or `body-invalid` where identity was not checked. */
export function subjectOfRequest(principal: Principal, named: Named) {
  const acting = actingFor({
    ownSubjectId: principal.subjectId,
    mayOwn: reachOf(principal.roles, 'privacy:own') !== null,
    mayManage: reachOf(principal.roles, 'privacy:manage') === 'tenant',
    subjectId: named.subjectId,
    identityCheckedBy: named.identityCheckedBy,
  })
  switch (acting.outcome) {
    case 'acts':
      return acting
    case 'denied':
      throw new ProblemError('permission-denied')
    case 'identity-unchecked':
      throw new ProblemError('body-invalid', {
        errors: [{ pointer: '/identityCheckedBy', detail: 'say how the identity of the person was checked' }],
      })
  }
}
