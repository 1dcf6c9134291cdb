import { Busboy } from '@fastify/busboy'
import { Readable } from 'node:stream'

/** The one file of a multipart body is missing, or there are more. */
export class UploadRefused extends Error {
  constructor(why: string) {
    super(why)
    this.name = 'UploadRefused'
  }
}

/**
 * The bytes of the file in a request: the body itself, or the one file of a multipart form. Errors of the body end the
 * file with the same error. The name a form gives the file is never used.
 */
export function openUpload(body: Readable, contentType: string): Readable {
  if (!contentType.startsWith('multipart/form-data')) return body
  const file = new Readable({ read: () => source?.resume() })
  let source: NodeJS.ReadableStream | undefined
  const form = new Busboy({
    headers: { 'content-type': contentType },
    limits: { files: 1, fields: 10, fieldSize: 1_000, parts: 12 },
  })
  form.on('file', (_field, stream) => {
    source = stream
    stream.on('data', (chunk: Buffer) => {
      if (!file.push(chunk)) stream.pause()
    })
    stream.on('end', () => file.push(null))
    stream.on('error', (error: Error) => file.destroy(error))
  })
  form.on('filesLimit', () => file.destroy(new UploadRefused('send one file')))
  form.on('finish', () => {
    if (!source) file.destroy(new UploadRefused('the form holds no file'))
  })
  form.on('error', () => file.destroy(new UploadRefused('is no multipart form')))
  body.on('error', (error) => file.destroy(error))
  body.pipe(form)
  return file
}
