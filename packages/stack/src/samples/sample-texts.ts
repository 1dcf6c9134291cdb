export type SampleText = { readonly text: string; readonly tone: 'gain' | 'loss' | 'mixed' | 'none' }

/** What somebody says about an evening, a match or a course that did them good. */
const gains = [
  'I feel more confident when I order something or ask for the way.',
  'My Norwegian is better now, and conversation is easier than in spring.',
  'I made friends here and I no longer sit at home in the evenings.',
  'We wrote a cover letter together, and I applied for a job on Friday.',
  'I felt welcomed from the first minute and laughed a lot. I am grateful.',
  'We went through interview questions, and I believe in myself again.',
  'It is easier to speak up in meetings since we practised it.',
  'I learned new words for the kitchen and I understand more at work.',
  'I feel at home in this town for the first time.',
  'My volunteer introduced me to a team that looks for drivers. That gave me confidence.',
  'I passed the exam and I am proud of myself.',
  'We updated my CV, and now I know what I want to do next year.',
  'I feel part of the group, and I enjoy every single week.',
  'I got the job in the bakery! The practice interview helped so much.',
  'I feel calm when the phone rings now; I can talk to the school on my own.',
  'The exercises built my confidence, and my pronunciation is much clearer.',
  'I learned how to use the booking system, which is a useful skill for the hotel. I am motivated.',
  'I am happy because my children and I are included in the neighbourhood party.',
  'My dream job is in a kindergarten, and we made a career plan for it.',
  'I understand better what my colleagues say, and I dare to answer.',
]

/** What somebody says when it did not help, or made it worse. */
const losses = [
  'I was too shy to say anything and went home early.',
  'They spoke too fast and I could not understand the half of it.',
  'I felt left out because everybody knew each other already.',
  'The evening was boring, and I think it was a waste of time.',
  'I am nervous before every meeting and I doubt myself afterwards.',
  'My partner cancelled again, and nobody helped me to find another one.',
  'I feel lonely here and I miss my family.',
  'I am exhausted, the language is difficult and I forget words.',
  'I lost confidence after the test and I am thinking that I want to quit.',
  'The forms are confusing, and I am worried about the deadline.',
  'In the course I was ignored when I asked, which was frustrating.',
  'I was embarrassed when I had to read aloud.',
]

/** Where and when, said in passing. */
const settings = [
  'We met in the library on Tuesday.',
  'This was our third walk around the lake.',
  'We sat in the café behind the station for an hour.',
  'The session was online this time.',
  'We cooked soup and looked at photographs.',
  'We read the local newspaper side by side.',
  'It rained, so we stayed inside.',
  'We took the tram to the museum.',
]

/** Nothing that can be scored: languages without a model, too few words, and words that say nothing of the kind. */
const withheld: readonly string[] = [
  'Vi snakket mye norsk sammen, og jeg føler meg mye tryggere på jobben nå.',
  'Det var hyggelig å møtes igjen, men jeg synes fortsatt at språket er vanskelig.',
  'Jeg har fått nye venner gjennom programmet og gleder meg til neste uke.',
  'Kurset hjalp meg med å skrive søknaden, og nå har jeg fått et intervju.',
  'Ми багато розмовляли, і тепер я почуваюся впевненіше на роботі.',
  'Мені сподобалося гуляти містом, але я ще сумую за домом і родиною.',
  'Дякую за підтримку, тепер мені легше розуміти сусідів та колег.',
  'Good.',
  'Thank you!',
  'We talked about the timetable of the bus and about where the town hall is.',
]

/** Screened out until a person has decided. */
const forReview = 'On the way home from the meeting a stranger attacked me, and I have not come since.'

/** Contact details that people leave in their texts; all of them are reserved for examples. */
const withContacts = [
  'I feel more confident on the phone now. You can reach me at sample-participant-03@example.org if you need helpers.',
  'I am happy with my volunteer. Please call me on +47 22 22 22 22 about the next date.',
  'I made friends in the group; write to sample-buddy-02@example.org, she has the photographs.',
  'I was worried that nobody would answer. My number is +44 20 7946 0958, call me in the evening.',
  'We updated my CV, it is at https://people.example.org/sample-cv and I am proud of myself.',
]

/** Texts that a classifier for English has something to say about: every one of them different. */
export function ordinaryTexts(count: number): SampleText[] {
  const texts = new Map<string, SampleText>()
  for (let index = 0; texts.size < count; index += 1) {
    const made = ordinaryText(index)
    if (!texts.has(made.text)) texts.set(made.text, made)
  }
  return [...texts.values()]
}

function ordinaryText(index: number): SampleText {
  const setting = pick(settings, index * 3 + Math.floor(index / settings.length))
  const round = Math.floor(index / 10)
  const gain = pick(gains, index * 7 + round * 3)
  const loss = pick(losses, index * 5 + round)
  switch (index % 10) {
    case 2:
    case 6:
      return { text: `${setting} ${loss}`, tone: 'loss' }
    case 4:
    case 9:
      return { text: `${gain} But not everything is well: ${lowerFirst(loss)}`, tone: 'mixed' }
    default:
      return { text: `${setting} ${gain}`, tone: 'gain' }
  }
}

/** Texts that need masking, a person, or no score at all. */
export const specialTexts: readonly SampleText[] = [
  ...withContacts.map((text): SampleText => ({ text, tone: 'gain' })),
  ...withheld.map((text): SampleText => ({ text, tone: 'none' })),
  { text: forReview, tone: 'none' },
]

const pick = <Item>(items: readonly Item[], index: number): Item => items[index % items.length] as Item

const lowerFirst = (text: string): string => (/^I\b/.test(text) ? text : text.slice(0, 1).toLowerCase() + text.slice(1))
