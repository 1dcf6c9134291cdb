import type { Held } from '@csr/contracts/events/export-parts'
import { strToU8, zipSync, type Zippable } from 'fflate'

/** What the archive says about itself. */
type About = { readonly exportId: string; readonly subjectId: string; readonly requestedAt: string }

/** One ZIP file: a JSON document per service, and one that says what they are. */
export function writeArchive(about: About, documents: Readonly<Record<string, Held>>): Uint8Array {
  const services = Object.keys(documents).toSorted()
  const files: Zippable = {
    'about.json': document({ ...about, documents: services.map((service) => `${service}.json`) }),
  }
  for (const service of services) files[`${service}.json`] = document(documents[service])
  return zipSync(files, { level: 6, mtime: new Date(about.requestedAt) })
}

function document(content: unknown): Uint8Array {
  return strToU8(`${JSON.stringify(content, null, 2)}\n`)
}
