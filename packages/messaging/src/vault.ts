/**
 * Seals what could not be read: it may hold anything, also personal data in clear. A service that has a keyring gives one;
 * without it such bytes are not kept.
 */
export interface Vault {
  /** seals `text` under a key of its own, named `recordId`; null where that cannot be done here, ever */
  seal(recordId: string, text: string): Promise<string | null>
  /** what was sealed as `recordId`; null where its key is destroyed */
  open(recordId: string, sealed: string): Promise<string | null>
}
