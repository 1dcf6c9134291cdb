import { readFileSync, statSync } from 'node:fs'
import type { Server } from 'node:https'
import type { Logger } from '@csr/runtime/logger'

/** PEM files: the certificate with its chain, and its key. */
export type TlsFiles = { readonly certificateFile: string; readonly keyFile: string }

/** TLS 1.2 with forward secrecy only, and 1.3 (RFC 9325). Throws where a file cannot be read: nothing is served in clear instead. */
export function readTls({ certificateFile, keyFile }: TlsFiles) {
  return {
    cert: readFileSync(certificateFile),
    key: readFileSync(keyFile),
    minVersion: 'TLSv1.2',
    ciphers: 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:ECDHE+AESGCM:ECDHE+CHACHA20',
  } as const
}

const lookEveryMs = 60_000

/** Takes a renewed certificate without a restart; one that cannot be read is reported and the old one stays. */
export function renewTls(server: Pick<Server, 'setSecureContext'>, files: TlsFiles, logger: Logger): Disposable {
  let known = versionOf(files)
  const timer = setInterval(() => {
    try {
      const current = versionOf(files)
      if (current === known) return
      server.setSecureContext(readTls(files))
      known = current
      logger.info('certificate-renewed')
    } catch (error) {
      logger.error('certificate-not-read', error)
    }
  }, lookEveryMs)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

function versionOf({ certificateFile, keyFile }: TlsFiles): string {
  return [certificateFile, keyFile].map((file) => statSync(file).mtimeMs).join()
}
