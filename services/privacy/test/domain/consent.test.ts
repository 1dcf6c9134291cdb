import assert from 'node:assert/strict'
import { test } from 'node:test'
import { actingFor } from '../../src/domain/acting-for.ts'
import { consentsOf, refusing } from '../../src/domain/consent.ts'

const decidedAt = '2026-11-20T10:00:00.000Z'

test('while nobody decided, only what needs consent is not allowed', () => {
  const allowed = consentsOf([]).filter((consent) => consent.allowed)
  assert.deepEqual(
    allowed.map(({ purpose }) => purpose),
    ['programme_delivery', 'impact_measurement', 'ai_scoring'],
  )
})

test('a decision counts in both directions', () => {
  const consents = consentsOf([
    { purpose: 'ai_scoring', allowed: false, notice: 'n-1', decidedAt },
    { purpose: 'research', allowed: true, notice: 'n-1', decidedAt },
  ])
  assert.equal(consents.find(({ purpose }) => purpose === 'ai_scoring')?.allowed, false)
  assert.equal(consents.find(({ purpose }) => purpose === 'research')?.allowed, true)
})

test('who refuses one of the purposes refuses, and nobody else does', () => {
  const decisions = [
    { subjectId: 'b', purpose: 'impact_measurement' as const, allowed: false, notice: 'n-1', decidedAt },
  ]
  assert.deepEqual(refusing(['a', 'b', 'c'], ['ai_scoring', 'impact_measurement'], decisions), ['b'])
  assert.deepEqual(refusing(['a', 'b'], ['ai_scoring'], decisions), [])
  assert.deepEqual(refusing(['a'], ['marketing'], []), ['a'])
})

test('a person acts for themselves only; staff name the person and how identity was checked', () => {
  const person = {
    ownSubjectId: 's-1',
    mayOwn: true,
    mayManage: false,
    subjectId: undefined,
    identityCheckedBy: undefined,
  }
  const staff = { ...person, ownSubjectId: null, mayOwn: false, mayManage: true }
  assert.deepEqual(actingFor(person), { outcome: 'acts', subjectId: 's-1', identityCheckedBy: null })
  assert.deepEqual(actingFor({ ...person, subjectId: 's-2' }), { outcome: 'denied' })
  assert.deepEqual(actingFor(staff), { outcome: 'denied' })
  assert.deepEqual(actingFor({ ...staff, subjectId: 's-2' }), { outcome: 'identity-unchecked' })
  assert.deepEqual(actingFor({ ...staff, subjectId: 's-2', identityCheckedBy: 'passport' }), {
    outcome: 'acts',
    subjectId: 's-2',
    identityCheckedBy: 'passport',
  })
})
