import { durables } from '@csr/contracts/consumers'
import type { Logger } from '@csr/runtime/logger'
import { DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream'
import { durableConfig, epochKey } from './topology.ts'

/**
 * Finds durables that stand above the end of their stream: the stream lost its tail, and would deliver nothing to them
 * without a word. Seen twice, such a durable is made anew at the end of what is there; what was lost is published again by
 * its owner, and what comes a second time meets the inbox.
 */
export function createRebuilder(logger: Logger): (manager: JetStreamManager) => Promise<void> {
  const seen = new Set<string>()
  return async (manager) => {
    for (const durable of durables) {
      const { stream, name } = durable
      const { state, config } = await manager.streams.info(stream)
      const { ack_floor, delivered } = await manager.consumers.info(stream, name)
      if (Math.max(ack_floor.stream_seq, delivered.stream_seq) <= state.last_seq) seen.delete(name + stream)
      else if (!seen.has(name + stream)) seen.add(name + stream)
      else {
        const opt_start_seq = Math.min(ack_floor.stream_seq, state.last_seq) + 1
        const wanted = durableConfig(durable, config.metadata?.[epochKey] ?? '')
        await manager.consumers.delete(stream, name)
        await manager.consumers.add(stream, { ...wanted, deliver_policy: DeliverPolicy.StartSequence, opt_start_seq })
        seen.delete(name + stream)
        logger.warn('durable-rebuilt', { stream, durable: name, sequence: opt_start_seq })
      }
    }
  }
}
