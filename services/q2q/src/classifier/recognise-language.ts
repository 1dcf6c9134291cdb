import { detectAll } from 'tinyld'

/** Fewer words than this say too little to be scored. */
export const wordsMin = 3

/** ISO 639-1 code of a text, or `und` where nothing is recognised. */
export function recogniseLanguage(text: string): string {
  const [best] = detectAll(text)
  return best?.lang || 'und'
}
