import type { TestStack } from '@csr/testkit/stack'
import postgres from 'postgres'

/** Looks at, or tampers with, the database as no service could. */
export async function openSuperuser(stack: TestStack, database: 'csr' | 'csr_keys' = 'csr'): Promise<postgres.Sql> {
  const url = new URL(stack.document.postgres.superuserUrl)
  url.pathname = `/${database}`
  return postgres(url.href, { max: 2, onnotice: () => undefined })
}
