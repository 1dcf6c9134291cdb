import { completeSignIn } from '@csr/contracts/http/sign-in'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import { CookieName, type Cookies } from '../sessions/cookies.ts'
import { isSecret, pendingForSeconds, secretsOf } from '../sign-in/pending-sign-in.ts'
import type { Provider } from '../sign-in/provider.ts'
import { ProviderUnavailable, SignInRefusal, SignInRefused } from '../sign-in/sign-in-refusal.ts'
import type { SignInRequest, SignInSessions, VerifiedIdentity } from '../sign-in/verified-identity.ts'
import type { PendingSignIn, PendingSignInStore } from '../store/pending-sign-in-store.ts'

type Deps = {
  readonly providers: ReadonlyMap<string, Pick<Provider, 'name' | 'complete'>>
  readonly pending: Pick<PendingSignInStore, 'take'>
  readonly sessions: SignInSessions
  readonly cookies: Cookies
  /** where invitations are accepted: open to a person whom no tenant knows yet */
  readonly invitationPath: string
}

type Query = Readonly<Record<'code' | 'state' | 'iss' | 'error', string | undefined>>
type Arrival = { readonly query: Query; readonly sent: string; readonly browser: string | null }
type Arrived = { readonly identity: VerifiedIdentity; readonly pending: PendingSignIn }

/**
 * The other end of a sign-in. Whatever is wrong with the response is recorded with its reason and answered alike. The
 * sign-in is taken before its code is redeemed: a response counts once, whatever becomes of it.
 */
export function completeSignInRoute({ providers, pending, sessions, cookies, invitationPath }: Deps): Route {
  async function arrive(provider: Pick<Provider, 'name' | 'complete'>, arrival: Arrival): Promise<Arrived> {
    const { query, sent, browser } = arrival
    const { state } = query
    if (Object.values(query).includes('')) throw new SignInRefused(SignInRefusal.responseMalformed)
    if (!isSecret(state) || !isSecret(browser)) throw new SignInRefused(SignInRefusal.stateUnknown)
    const taken = await pending.take({ provider: provider.name, state, browser }, pendingForSeconds)
    if (taken === null) throw new SignInRefused(SignInRefusal.stateUnknown)
    const identity = await provider.complete(sent, { ...taken, secrets: secretsOf(browser, state) })
    return { identity, pending: taken }
  }

  return route({
    ...completeSignIn,
    deadlineMs: 12_000,
    async handle({ params, query, headers, target, requestId, clientAddress }) {
      const provider = providers.get(params.provider)
      if (provider === undefined) throw new ProblemError('resource-not-found')
      const request: SignInRequest = { requestId, clientAddress, headers }
      const browser = cookies.read(headers.cookie, CookieName.signIn)
      const sent = target.includes('?') ? target.slice(target.indexOf('?')) : ''
      const arrived = await arrive(provider, { query: query as Query, sent, browser }).catch((error: unknown) => {
        const code = reasonOf(error)
        if (code !== null) sessions.failed({ provider: provider.name, code }, request)
        throw error instanceof SignInRefused ? new ProblemError('sign-in-refused', { cause: error }) : error
      })
      const { returnTo } = arrived.pending
      const opened = await sessions.open(arrived.identity, request)
      if (opened.outcome === 'refused') throw new ProblemError(opened.code)
      if (opened.outcome === 'invitation-needed' && returnTo !== invitationPath) {
        throw new ProblemError('membership-missing', { headers: { 'set-cookie': opened.cookies } })
      }
      return {
        status: 303,
        headers: { location: returnTo, 'set-cookie': opened.cookies, 'referrer-policy': 'no-referrer' },
      }
    },
  })
}

function reasonOf(error: unknown): SignInRefusal | null {
  if (error instanceof SignInRefused) return error.reason
  return error instanceof ProviderUnavailable ? SignInRefusal.providerAway : null
}
