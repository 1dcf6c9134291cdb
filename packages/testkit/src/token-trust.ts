/** The gateway's tables with nothing in them: keys of the directory only, nothing revoked. */
export const setUpKeys = {
  assertFresh: () => undefined,
  key: async () => null,
  isRetired: () => false,
  isRevoked: () => false,
}
