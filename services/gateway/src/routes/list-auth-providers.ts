import { listAuthProviders } from '@csr/contracts/http/sign-in'
import { route, type Route } from '@csr/http/route'
import type { Provider } from '../sign-in/provider.ts'

type Deps = { readonly providers: ReadonlyMap<string, Pick<Provider, 'title'>> }

export function listAuthProvidersRoute({ providers }: Deps): Route {
  const items = [...providers].map(([name, { title }]) => ({ name, title, loginPath: `/v1/auth/login/${name}` }))
  return route({
    ...listAuthProviders,
    async handle() {
      return { status: 200, body: { items } }
    },
  })
}
