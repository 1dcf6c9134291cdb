import { generateClient } from './client.ts'
import { generateAsyncApi, generateEventSchemas } from './events.ts'
import type { Generated } from './generated-file.ts'
import { generateGoldenEvents } from './golden-events.ts'
import { generateOpenApi, mergedPath } from './openapi.ts'
import { generateServiceReadmes } from './service-readmes.ts'
import { generateEnvironmentExample } from './settings.ts'

/** Everything that is generated and committed, in one list; nothing is written here. */
export async function generateAll(root: string): Promise<Generated[]> {
  const documents = generateOpenApi()
  const merged = documents.filter(({ path }) => path === mergedPath)
  return [
    ...generateEventSchemas(),
    generateAsyncApi(),
    ...generateGoldenEvents(root),
    ...documents,
    ...(await Promise.all(merged.map(generateClient))),
    ...(await generateServiceReadmes(root)),
    await generateEnvironmentExample(),
  ]
}
