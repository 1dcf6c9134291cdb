import { startSignIn } from '@csr/contracts/http/sign-in'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { Ids } from '@csr/runtime/ids'
import { mayReturnTo, type ReturnPaths } from '../domain/return-path.ts'
import { CookieName, type Cookies } from '../sessions/cookies.ts'
import { isSecret, pendingForSeconds, secretsOf } from '../sign-in/pending-sign-in.ts'
import type { Provider } from '../sign-in/provider.ts'
import type { PendingSignInStore } from '../store/pending-sign-in-store.ts'

type Deps = {
  readonly providers: ReadonlyMap<string, Pick<Provider, 'name' | 'authorizationAddress'>>
  readonly pending: Pick<PendingSignInStore, 'add'>
  readonly returnPaths: ReturnPaths
  readonly cookies: Cookies
  readonly ids: Ids
}

/**
 * The cookie names the browser, not one sign-in: several tabs share it, and each has a state of its own. It is kept where
 * it is well-formed, for nobody but this host can have set it.
 */
export function startSignInRoute({ providers, pending, returnPaths, cookies, ids }: Deps): Route {
  return route({
    ...startSignIn,
    deadlineMs: 8_000,
    async handle({ params, query, headers }) {
      const provider = providers.get(params.provider)
      if (provider === undefined) throw new ProblemError('resource-not-found')
      const returnTo = query.return_to ?? returnPaths[0] ?? '/'
      if (query.return_to !== undefined && !mayReturnTo(query.return_to, returnPaths)) {
        const detail = 'is not a path one may return to'
        throw new ProblemError('parameter-invalid', { errors: [{ pointer: 'parameter:return_to', detail }] })
      }
      const known = cookies.read(headers.cookie, CookieName.signIn)
      const browser = isSecret(known) ? known : ids.secret()
      const state = ids.secret()
      const fresh = query.fresh === '1'
      const location = await provider.authorizationAddress(secretsOf(browser, state), { fresh })
      await pending.add({ provider: provider.name, state, browser }, { returnTo, fresh })
      const cookie = cookies.set(CookieName.signIn, browser, pendingForSeconds)
      return { status: 303, headers: { location, 'set-cookie': [cookie], 'referrer-policy': 'no-referrer' } }
    },
  })
}
