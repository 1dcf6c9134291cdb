import type { FastifyInstance } from 'fastify'
import type { ServerOptions } from './server.ts'

/** What orchestrators and people ask without a token. They tell names of parts, nothing about data. */
export function addHealthRoutes(app: FastifyInstance, options: ServerOptions): void {
  const { health, service, telemetry } = options
  app.get('/health', (_request, reply) => {
    const { ready, missing } = health.readiness()
    return reply.send({ service, status: ready ? 'ready' : 'not-ready', missing })
  })
  app.get('/health/liveness', (_request, reply) => reply.send({ service, status: 'alive' }))
  app.get('/health/readiness', (_request, reply) => {
    const { ready, missing } = health.readiness()
    return reply.code(ready ? 200 : 503).send({ service, ready, missing })
  })
  app.get('/health/startup', (_request, reply) =>
    reply.code(health.started ? 200 : 503).send({ service, started: health.started }),
  )
  if (options.metrics === false) return
  app.get('/metrics', async (_request, reply) => {
    const text = await telemetry.exposition()
    return reply.header('content-type', 'text/plain; version=0.0.4; charset=utf-8').send(text)
  })
}
