/** The gateway's tables with nothing in them: keys of the directory only, nothing revoked, nobody stopped. */
export const setUpKeys = {
  assertFresh: () => undefined,
  key: async () => null,
  isRetired: () => false,
  isRevoked: () => false,
  stopOf: () => null,
}
