import type { Profile } from '@csr/contracts/http/profile'
import type { ProfileView } from '../store/profile-store.ts'

export function bodyOf({ id, personal, programmes, createdAt, changedAt }: ProfileView): Profile {
  return { id, ...personal, programmes: [...programmes], createdAt, changedAt }
}
