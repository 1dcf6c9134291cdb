import { durablesOf } from '@csr/contracts/consumers'
import type { Service } from '@csr/contracts/services'
import { streams } from '@csr/contracts/streams'

/** Whom the server knows: one user per service, and the one holder of stream administration. */
export type NatsUser = Service | 'admin'

/** What a user may publish and subscribe; everything else is refused by the server. */
export type NatsPermissions = { readonly publish: readonly string[]; readonly subscribe: readonly string[] }

/** Answers come back under a prefix of the user's own, so that no user can read another's. */
export function inboxPrefixOf(user: NatsUser): string {
  return `_INBOX_${user}`
}

/**
 * The allow-list of a user. A service publishes its own topics, pulls and acknowledges its own durables, and reads the
 * info of the streams it publishes into. `admin` administers streams and durables and publishes no topic.
 */
export function natsPermissions(user: NatsUser): NatsPermissions {
  const inbox = `${inboxPrefixOf(user)}.>`
  if (user === 'admin') return { publish: ['$JS.API.>'], subscribe: [inbox, '$JS.EVENT.ADVISORY.>'] }

  const own = streams.filter(({ publishers }) => publishers.includes(user))
  const topics = own.flatMap(({ publishers, subjects }) =>
    publishers.length === 1 ? subjects : subjects.map((subject) => subject.replace(/>$/, `${user}.>`)),
  )
  const infos = own.map(({ name }) => `$JS.API.STREAM.INFO.${name}`)
  const pulls = durablesOf(user).flatMap(({ stream, name }) => [
    `$JS.API.CONSUMER.INFO.${stream}.${name}`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`,
    `$JS.ACK.${stream}.${name}.>`,
    // the second form of acknowledgement subjects: <domain>.<account hash> stand before the stream
    `$JS.ACK.*.*.${stream}.${name}.>`,
  ])
  return { publish: [...topics, ...infos, ...pulls], subscribe: [inbox] }
}
