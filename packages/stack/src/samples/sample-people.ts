/** Somebody who does not exist: an address under example.org, and a name that says so. */
export type SamplePerson = { readonly email: string; readonly name: string; readonly externalId: string }

const people = (role: string, title: string, count: number): readonly SamplePerson[] =>
  Array.from({ length: count }, (_, index) => {
    const number = String(index + 1).padStart(2, '0')
    return {
      email: `sample-${role}-${number}@example.org`,
      name: `Sample ${title} ${number}`,
      externalId: `${role}-${number}`,
    }
  })

/** Take part in language evenings, some of them also with a buddy and in courses: the same address everywhere. */
export const participants = people('participant', 'Participant', 20)
export const volunteers = people('volunteer', 'Volunteer', 10)
export const buddies = people('buddy', 'Buddy', 10)
export const learners = people('learner', 'Learner', 12)

/** The person the summary shows: reported by all three partners. */
export const shownPerson = participants[0] as SamplePerson
