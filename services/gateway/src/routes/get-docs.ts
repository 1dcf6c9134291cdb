import { getDocs } from '@csr/contracts/http/gateway'
import { route, type Route } from '@csr/http/route'
import { docsPolicy } from '../documents/docs-page.ts'
import type { Asset, Document, Documents } from '../documents/open-documents.ts'

/** The page and its files, one route each: another name under /docs is an unknown route. */
export function getDocsRoutes({ documents }: { readonly documents: Pick<Documents, 'page' | 'assets'> }): Route[] {
  return [answering(getDocs.path, documents.page, 'no-cache'), ...documents.assets.map(answeringAsset)]
}

const answeringAsset = (asset: Asset): Route => answering(asset.path, asset, 'public, max-age=31536000, immutable')

function answering(path: string, { bytes, mediaType }: Document, kept: string): Route {
  const headers = {
    'content-type': mediaType,
    'cache-control': kept,
    'content-security-policy': docsPolicy,
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
  }
  return route({
    ...getDocs,
    path,
    async handle() {
      return { status: 200, body: bytes, headers }
    },
  })
}
