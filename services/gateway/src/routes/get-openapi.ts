import { getOpenApi } from '@csr/contracts/http/gateway'
import { route, type Route } from '@csr/http/route'
import type { Documents } from '../documents/open-documents.ts'

export function getOpenApiRoute({ documents }: { readonly documents: Pick<Documents, 'openApi'> }): Route {
  const { bytes, mediaType } = documents.openApi
  return route({
    ...getOpenApi,
    async handle() {
      return { status: 200, body: bytes, headers: { 'content-type': mediaType, 'cache-control': 'public, max-age=60' } }
    },
  })
}
