import { demoCompany, type DemoPerson } from './demo-people.ts'

/** The local providers listen this far above the port base. */
export const identityProvidersPortOffset = 8

/** Entra's word for the directory in the issuer that all directories share. */
export const directoryTemplate = '{tenantid}'

/** Issuers and what depends on them, for providers that answer at `origin`. */
export function localIssuers(origin: string) {
  const azure = (directory: string): string => `${origin}/azure/${directory}/v2.0`
  return {
    google: `${origin}/google`,
    azure,
    /** of the demo company's directory */
    azureOfCompany: azure(demoCompany.tid),
    /** `iss` of a person's tokens */
    of: ({ provider, tid = '' }: Pick<DemoPerson, 'provider' | 'tid'>): string =>
      provider === 'google' ? `${origin}/google` : azure(tid),
  }
}

export const localClientId = {
  google: 'csr-backbone.apps.example.org',
  azure: '6f2c1a70-52d3-4b0e-8a55-0d6a4f1c9bff',
} as const
