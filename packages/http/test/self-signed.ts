import { generateKeyPairSync, sign } from 'node:crypto'

/** A certificate for `localhost` that signed itself, as PEM with its key (RFC 5280, DER written by hand). */
export function selfSigned(): { readonly certificate: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ecdsaSha256 = sequence(Buffer.from('06082a8648ce3d040302', 'hex'))
  const name = sequence(der(0x31, sequence(Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from('localhost')))))
  const year = new Date().getUTCFullYear()
  const validity = sequence(
    der(0x17, Buffer.from(`${year - 2001}0101000000Z`)),
    der(0x17, Buffer.from(`${year - 1999}0101000000Z`)),
  )
  const alternative = sequence(
    Buffer.from('0603551d11', 'hex'),
    der(0x04, sequence(der(0x82, Buffer.from('localhost')))),
  )
  const toBeSigned = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    ...[ecdsaSha256, name, validity, name, publicKey.export({ type: 'spki', format: 'der' })],
    der(0xa3, sequence(alternative)),
  )
  const signature = sign('sha256', toBeSigned, privateKey)
  const certificate = sequence(toBeSigned, ecdsaSha256, der(0x03, Buffer.concat([Buffer.from([0]), signature])))
  const lines = certificate.toString('base64').replace(/.{64}/g, '$&\n')
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  }
}

const sequence = (...parts: Buffer[]): Buffer => der(0x30, Buffer.concat(parts))

function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
