import { z } from 'zod'
import { instant, uuid } from '../events/envelope.ts'
import { purpose } from '../events/privacy.ts'
import { operation } from './operation.ts'

/** Where a person stands on one purpose: by default by the basis of DOMAIN, else as they decided. */
export const consent = z.object({
  purpose,
  basis: z.enum(['contract', 'legitimate_interest', 'consent']),
  allowed: z.boolean(),
  /** null while nobody decided anything */
  decidedAt: instant.nullable(),
  notice: z.string().nullable(),
})
export type Consent = z.infer<typeof consent>

/** `subjectId` is for staff with `privacy:manage` who act for a person, with how identity was checked. */
const onBehalf = { subjectId: uuid.optional(), identityCheckedBy: z.string().min(3).max(200).optional() }

export const consentDecision = z.strictObject({
  allowed: z.boolean(),
  /** version of the notice the person saw */
  notice: z.string().min(1).max(50),
  ...onBehalf,
})

export const exportRequest = z.strictObject(onBehalf)

/** `id` is the link: 256 random bits, told once to who asked; it opens the archive once, within 24 hours, when signed in. */
export const exportStatus = z.object({
  id: z.string(),
  state: z.enum(['collecting', 'ready', 'downloaded', 'expired']),
  requestedAt: instant,
  dueAt: instant,
  /** services that have answered, and those still to answer */
  contributed: z.array(z.string()),
  missing: z.array(z.string()),
  /** until when it can be downloaded; null while it is collected */
  expiresAt: instant.nullable(),
})
export type ExportStatus = z.infer<typeof exportStatus>

const idParams = z.object({ id: z.string().max(200) })

export const listConsents = operation({
  method: 'GET',
  path: '/v1/privacy/consents',
  summary: 'Where a person stands on every purpose',
  permission: 'signed-in',
  query: z.object({ subjectId: uuid.optional() }),
  answers: { 200: z.object({ items: z.array(consent) }) },
  problems: ['permission-denied', 'resource-not-found'],
})

export const putConsent = operation({
  method: 'PUT',
  path: '/v1/privacy/consents/:purpose',
  summary: 'Gives or withdraws consent for one purpose',
  permission: 'signed-in',
  params: z.object({ purpose }),
  body: consentDecision,
  answers: { 200: consent },
  problems: ['permission-denied', 'resource-not-found'],
})

/** Asked by q2q at the moment of scoring: for whom of these people is one of these purposes refused? */
export const createDecisions = operation({
  method: 'POST',
  path: '/v1/privacy/decisions',
  summary: 'Whose data may not be used for these purposes now',
  permission: 'public',
  callers: ['q2q'],
  body: z.strictObject({
    tenantId: uuid,
    purposes: z.array(purpose).min(1).max(5),
    subjectIds: z.array(uuid).min(1).max(200),
  }),
  answers: { 200: z.object({ refused: z.array(uuid) }) },
})

export const createExport = operation({
  method: 'POST',
  path: '/v1/privacy/export',
  summary: 'Asks every service for what it holds about a person',
  permission: 'signed-in',
  fresh: true,
  body: exportRequest,
  answers: { 202: exportStatus },
  problems: ['permission-denied', 'sign-in-not-fresh'],
})

export const getExport = operation({
  method: 'GET',
  path: '/v1/privacy/export/:id',
  summary: 'How far an export is',
  permission: 'signed-in',
  params: idParams,
  answers: { 200: exportStatus },
  problems: ['resource-not-found'],
})

export const downloadExport = operation({
  method: 'GET',
  path: '/v1/privacy/export/:id/download',
  summary: 'The archive: one ZIP file with a JSON document per service',
  permission: 'signed-in',
  fresh: true,
  params: idParams,
  answers: { 200: z.instanceof(Uint8Array) },
  problems: ['resource-not-found', 'state-conflict', 'sign-in-not-fresh'],
})

export const privacyOperations = [listConsents, putConsent, createDecisions, createExport, getExport, downloadExport]
