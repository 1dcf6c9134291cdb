import { rmSync } from 'node:fs'
import type { Partner } from '@csr/contracts/events/ingest'
import type { Service } from '@csr/contracts/services'
import { dataDirectory } from './data-directory.ts'
import { Refusal } from './refusal.ts'
import { nameOf } from './replicas.ts'
import { readJson, writeAtomically } from './write-atomically.ts'

/** What `stack.json` says about a running stack; operators, tests and `csr` use only this. Pids are the processes themselves. */
export type StackDocument = {
  readonly gateway: string
  /** the services of this stack; a pid is null for the moment between an exit and the restart */
  readonly services: Readonly<Partial<Record<Service, StackReplica>>>
  /** every process of each service; the first is the one that `services` names */
  readonly replicas: Readonly<Partial<Record<Service, readonly StackReplica[]>>>
  /** `url` answers /health/readiness, /health/liveness and /metrics */
  readonly keeper: { readonly url: string; readonly pid: number | null }
  /** `pid` and `dataDir` are null where the server is not the stack's own */
  readonly postgres: {
    readonly url: string
    readonly superuserUrl: string
    readonly pid: number | null
    readonly dataDir: string | null
  }
  readonly keysDatabase: { readonly url: string }
  /** the first node, and all of them; none where the server is not the stack's own */
  readonly nats: {
    readonly url: string
    readonly monitorUrl: string | null
    readonly adminCredentials: string
    readonly pid: number | null
    readonly storeDir: string | null
    readonly nodes: readonly NatsNode[]
  }
  readonly identityProviders: Readonly<Record<string, { readonly issuer: string }>>
  readonly logsDir: string
  readonly mode: 'development' | 'production'
  readonly demo: DemoDocument | null
}

export type StackReplica = { readonly url: string; readonly pid: number | null }

/** Every replica of every service by the name of its process. */
export function replicasByName({ replicas }: Pick<StackDocument, 'replicas'>): Record<string, StackReplica> {
  return Object.fromEntries(
    Object.entries(replicas).flatMap(([service, all]) =>
      all.map((replica, index) => [nameOf(service, index), replica]),
    ),
  )
}

export type NatsNode = {
  /** also the name of its log */
  readonly name: string
  readonly url: string
  readonly monitorUrl: string
  readonly pid: number | null
  readonly storeDir: string
  /** restarts since the start of the stack because it took no writes although there was room again */
  readonly cures: number
}

export type DemoDocument = {
  readonly tenantId: string
  readonly partners: Readonly<Partial<Record<Partner, { readonly webhookUrl: string; readonly secret: string }>>>
  /** who can sign in at the local identity providers */
  readonly users: readonly { readonly email: string; readonly role: string; readonly provider: string }[]
}

/** Written beside and renamed, mode 0600: it holds passwords and secrets. */
export function writeStackDocument(file: string, document: StackDocument): void {
  writeAtomically(file, `${JSON.stringify(document, null, 2)}\n`)
}

export function removeStackDocument(file: string): void {
  rmSync(file, { force: true })
}

/** The document of the stack that runs on a data directory; refused with exit code 3 where none does. */
export function readStackDocument(dataDir: string): StackDocument {
  const { stackFile } = dataDirectory(dataDir)
  const document = readJson(stackFile)
  if (document !== null) return document as StackDocument
  throw new Refusal(
    `No stack runs here: there is no ${stackFile}. Start one with "npm start", or name its --data-dir.`,
    {
      exitCode: 3,
    },
  )
}
