import type { TestStack } from '@csr/testkit/stack'
import postgres from 'postgres'

/** Looks at, or tampers with, the database as no service could. */
export async function openSuperuser(stack: TestStack): Promise<postgres.Sql> {
  const url = new URL(stack.document.postgres.superuserUrl)
  url.pathname = '/csr'
  return postgres(url.href, { max: 2, onnotice: () => undefined })
}
