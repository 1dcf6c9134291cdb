export const Role = {
  platformAdmin: 'platform_admin',
  companyAdmin: 'company_admin',
  programmeManager: 'programme_manager',
  auditor: 'auditor',
  participant: 'participant',
} as const

export type Role = (typeof Role)[keyof typeof Role]

export const Permission = {
  profileRead: 'profile:read',
  profileWrite: 'profile:write',
  profileReadPersonal: 'profile:read-personal',
  ingestImport: 'ingest:import',
  ingestReview: 'ingest:review',
  outcomesRead: 'outcomes:read',
  safetyReview: 'safety:review',
  privacyManage: 'privacy:manage',
  auditRead: 'audit:read',
  privacyOwn: 'privacy:own',
  platformOperate: 'platform:operate',
} as const

export type Permission = (typeof Permission)[keyof typeof Permission]

/** How far a grant reaches: the whole tenant, or only the caller's own subject. */
export type Reach = 'tenant' | 'own'

type Grants = Readonly<Partial<Record<Permission, Reach>>>

const staff: Grants = {
  'profile:read': 'tenant',
  'profile:write': 'tenant',
  'profile:read-personal': 'tenant',
  'ingest:import': 'tenant',
  'ingest:review': 'tenant',
  'outcomes:read': 'tenant',
}

const oversight: Grants = { 'safety:review': 'tenant', 'privacy:manage': 'tenant', 'audit:read': 'tenant' }

/** The one table of who may do what; what is not listed is denied. */
export const grants: Readonly<Record<Role, Grants>> = {
  platform_admin: { 'platform:operate': 'tenant' },
  company_admin: { ...staff, ...oversight },
  programme_manager: staff,
  auditor: oversight,
  participant: {
    'profile:read': 'own',
    'profile:write': 'own',
    'profile:read-personal': 'own',
    'outcomes:read': 'own',
    'privacy:own': 'own',
  },
}

/** The widest reach any of the roles gives for a permission, or null where none grants it. */
export function reachOf(roles: readonly Role[], permission: Permission): Reach | null {
  let widest: Reach | null = null
  for (const role of roles) {
    const reach = grants[role]?.[permission]
    if (reach === 'tenant') return 'tenant'
    if (reach === 'own') widest = 'own'
  }
  return widest
}
