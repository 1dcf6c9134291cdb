import { generateAsyncApi, generateEventSchemas } from './events.ts'
import { generateOpenApi } from './openapi.ts'
import type { Generated } from './generated-file.ts'

/** Everything that is generated and committed, in one list; nothing is written here. */
export async function generateAll(_root: string): Promise<Generated[]> {
  return [...generateEventSchemas(), generateAsyncApi(), ...generateOpenApi()]
}
