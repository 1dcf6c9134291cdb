import openapiTS, { astToString, type OpenAPI3 } from 'openapi-typescript'
import type { Generated } from './generated-file.ts'

/** A typed client of the published operations: types from the merged document, requests by openapi-fetch. */
export async function generateClient(merged: Generated): Promise<Generated> {
  const types = astToString(await openapiTS(JSON.parse(merged.text) as OpenAPI3))
  return { path: 'contracts/generated/client.ts', text: `${head}${types}` }
}

const head = `// Generated from openapi/merged.json by npm run generate.
import createFetchClient, { type Client, type ClientOptions } from 'openapi-fetch'

export type BackboneClient = Client<paths>

/**
 * A client of the gateway: \`const { data, error } = await client.GET('/v1/me')\`.
 * Give \`baseUrl\` and, in \`headers\`, \`authorization: 'Bearer <access token>'\`.
 */
export function createBackboneClient(options: ClientOptions): BackboneClient {
  return createFetchClient<paths>(options)
}

`
