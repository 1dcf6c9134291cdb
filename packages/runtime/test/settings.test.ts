import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { readSettings, settingFields, SettingsError } from '../src/settings.ts'

const schema = z.object({
  PORT: settingFields.PORT,
  DATABASE_URL: settingFields.DATABASE_URL,
  CSR_MODE: settingFields.CSR_MODE,
  REDELIVERY_DELAYS_MS: settingFields.REDELIVERY_DELAYS_MS,
})

test('a good environment becomes one typed object with defaults', () => {
  const settings = readSettings(schema, { PORT: '3000', DATABASE_URL: 'postgres://a@localhost/b', OTHER: 'x' })
  assert.deepEqual(settings, {
    PORT: 3000,
    DATABASE_URL: 'postgres://a@localhost/b',
    CSR_MODE: 'production',
    REDELIVERY_DELAYS_MS: [1000, 5000, 15000, 60000],
  })
})

test('a bad environment is refused with all problems and no values', () => {
  const given = {
    PORT: 'secret-1',
    DATABASE_URL: 'mysql://secret-2',
    CSR_MODE: 'secret-3',
    REDELIVERY_DELAYS_MS: 'secret-4',
  }
  assert.throws(
    () => readSettings(schema, given),
    (error: unknown) => {
      assert.ok(error instanceof SettingsError)
      assert.equal(error.problems.length, 4)
      for (const name of Object.keys(given)) assert.ok(error.message.includes(name))
      assert.ok(!error.message.includes('secret-'))
      return true
    },
  )
})

test('what is missing is called missing', () => {
  assert.throws(() => readSettings(schema, {}), /PORT: is missing[\s\S]*DATABASE_URL: is missing/)
})
