import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { docsPage, startScript } from './docs-page.ts'

/** Bytes with everything a browser needs to be told about them. */
export type Document = { readonly bytes: Buffer; readonly mediaType: string }

/** A file of the page; its address carries a fingerprint of the bytes, so that it can be kept for a year. */
export type Asset = Document & { readonly path: string; readonly address: string }

export type Documents = {
  readonly openApi: Document
  readonly page: Document
  readonly assets: readonly Asset[]
}

/** Reads the OpenAPI document and the files of the page once; nothing is read from disk per request. */
export async function openDocuments(): Promise<Documents> {
  const [openApi, style, bundle, icon] = await Promise.all([
    readModule('@csr/contracts/openapi.json'),
    readModule('swagger-ui-dist/swagger-ui.css'),
    readModule('swagger-ui-dist/swagger-ui-bundle.js'),
    readModule('swagger-ui-dist/favicon-32x32.png'),
  ])
  const assets = {
    style: asset('swagger-ui.css', 'text/css; charset=utf-8', style),
    bundle: asset('swagger-ui-bundle.js', 'text/javascript; charset=utf-8', bundle),
    start: asset('start.js', 'text/javascript; charset=utf-8', Buffer.from(startScript)),
    icon: asset('icon.png', 'image/png', icon),
  }
  const address = (name: keyof typeof assets): string => assets[name].address
  return {
    openApi: { bytes: openApi, mediaType: 'application/json' },
    page: {
      bytes: Buffer.from(
        docsPage({ style: address('style'), icon: address('icon') }, [address('bundle'), address('start')]),
      ),
      mediaType: 'text/html; charset=utf-8',
    },
    assets: Object.values(assets),
  }
}

function asset(name: string, mediaType: string, bytes: Buffer): Asset {
  const path = `/docs/${name}`
  const fingerprint = createHash('sha256').update(bytes).digest('base64url').slice(0, 16)
  return { path, address: `${path}?v=${fingerprint}`, mediaType, bytes }
}

const readModule = (name: string): Promise<Buffer> => readFile(new URL(import.meta.resolve(name)))
