import type { FastifyInstance } from 'fastify'
import type { ServerOptions } from './server.ts'

/** What orchestrators and people ask without a token. They tell names of parts, nothing about data. */
export function addHealthRoutes(root: FastifyInstance, options: ServerOptions): void {
  void root.register((app, _options, done) => {
    app.addHook('onRequest', (request, _reply, next) => {
      request.entry.route = probes
      next()
    })
    addProbes(app, options)
    done()
  })
}

/** How probes are named in logs and metrics: they come every few seconds and matter when they are missing. */
export const probes = 'probe'

/** Monitors send HEAD as well. */
const head = { exposeHeadRoute: true }

function addProbes(app: FastifyInstance, options: ServerOptions): void {
  const { health, service, telemetry } = options
  app.get('/health', head, (_request, reply) => {
    const { ready, missing } = health.readiness()
    return reply.send({ service, status: ready ? 'ready' : 'not-ready', missing })
  })
  app.get('/health/liveness', head, (_request, reply) => reply.send({ service, status: 'alive' }))
  app.get('/health/readiness', head, (_request, reply) => {
    const { ready, missing } = health.readiness()
    return reply.code(ready ? 200 : 503).send({ service, ready, missing })
  })
  app.get('/health/startup', head, (_request, reply) =>
    reply.code(health.started ? 200 : 503).send({ service, started: health.started }),
  )
  if (options.metrics === false) return
  app.get('/metrics', async (_request, reply) => {
    const text = await telemetry.exposition()
    return reply.header('content-type', 'text/plain; version=0.0.4; charset=utf-8').send(text)
  })
}
