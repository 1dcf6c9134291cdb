import { createHash } from 'node:crypto'

/**
 * The Merkle tree of RFC 6962, section 2.1, over SHA-256: a leaf is hashed behind 0x00, an interior node behind 0x01, so
 * that neither can be taken for the other.
 */
export type Hash = Buffer

/** The hash of a perfect subtree: `level` 0 holds the leaves, node `index` of a level covers 2^level of them. */
export type NodeAddress = { readonly level: number; readonly index: number }

const leafPrefix = Buffer.from([0])
const nodePrefix = Buffer.from([1])

export function hashLeaf(content: string): Hash {
  return createHash('sha256').update(leafPrefix).update(content, 'utf8').digest()
}

export function hashNodes(left: Hash, right: Hash): Hash {
  return createHash('sha256').update(nodePrefix).update(left).update(right).digest()
}

/** The root of the empty tree: the hash of nothing. */
export const emptyRoot: Hash = createHash('sha256').digest()

/** The largest power of two below `size` (size above 1): where the tree splits. */
function split(size: number): number {
  return 2 ** Math.floor(Math.log2(size - 1))
}

/** Addresses of the perfect subtrees that together cover leaves `start` up to but not including `end`, left to right. */
export function subtreesOf(start: number, end: number): NodeAddress[] {
  const size = end - start
  if (size <= 0) return []
  if (Number.isInteger(Math.log2(size)) && start % size === 0) return [{ level: Math.log2(size), index: start / size }]
  const middle = start + split(size)
  return [...subtreesOf(start, middle), ...subtreesOf(middle, end)]
}

/** Reads the hash of a perfect subtree; throws where the log has none, which means that the log is broken. */
export type ReadNode = (address: NodeAddress) => Hash

/** MTH(D[start:end]) of section 2.1, folded from the perfect subtrees. */
export function rootOf(start: number, end: number, read: ReadNode): Hash {
  const size = end - start
  if (size === 0) return emptyRoot
  if (Number.isInteger(Math.log2(size)) && start % size === 0)
    return read({ level: Math.log2(size), index: start / size })
  const middle = start + split(size)
  return hashNodes(rootOf(start, middle, read), rootOf(middle, end, read))
}

/** The ranges of leaves whose roots make up the audit path of a leaf, lowest first (section 2.1.1). */
function pathRanges(leaf: number, start: number, end: number): [number, number][] {
  if (end - start <= 1) return []
  const middle = start + split(end - start)
  return leaf < middle
    ? [...pathRanges(leaf, start, middle), [middle, end]]
    : [...pathRanges(leaf, middle, end), [start, middle]]
}

/** What has to be read to prove that `leaf` is in the tree of `size` leaves. */
export function nodesOfInclusion(leaf: number, size: number): NodeAddress[] {
  return pathRanges(leaf, 0, size).flatMap(([start, end]) => subtreesOf(start, end))
}

/** The audit path of a leaf (section 2.1.1). */
export function proveInclusion(leaf: number, size: number, read: ReadNode): Hash[] {
  return pathRanges(leaf, 0, size).map(([start, end]) => rootOf(start, end, read))
}

/** True where the path leads from the leaf to the root of the tree of `size` leaves. */
export function verifyInclusion(leaf: number, size: number, leafHash: Hash, path: readonly Hash[]): Hash | null {
  const ranges = leaf >= 0 && leaf < size ? pathRanges(leaf, 0, size) : []
  if (leaf < 0 || leaf >= size || ranges.length !== path.length) return null
  let hash = leafHash
  for (const [position, [start]] of ranges.entries()) {
    const sibling = path[position]
    if (!sibling) return null
    hash = start > leaf ? hashNodes(hash, sibling) : hashNodes(sibling, hash)
  }
  return hash
}

/** The right edge of a growing tree: one perfect subtree per set bit of the size, by level. */
export type Edge = readonly (Hash | null)[]

/** Appends one leaf: the new edge, and every perfect subtree this leaf completes. */
export function appendLeaf(edge: Edge, size: number, leafHash: Hash): { edge: Edge; completed: [NodeAddress, Hash][] } {
  const next = [...edge]
  const completed: [NodeAddress, Hash][] = [[{ level: 0, index: size }, leafHash]]
  let hash = leafHash
  let level = 0
  for (let rest = size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
    const left = next[level]
    if (!left) throw new Error(`the right edge has no subtree of level ${level} at size ${size}`)
    hash = hashNodes(left, hash)
    next[level] = null
    level += 1
    completed.push([{ level, index: Math.floor(size / 2 ** level) }, hash])
  }
  next[level] = hash
  return { edge: next, completed }
}

/** The root of the tree whose right edge this is. */
export function rootOfEdge(edge: Edge): Hash {
  let root: Hash | null = null
  for (const hash of edge) {
    if (hash) root = root ? hashNodes(hash, root) : hash
  }
  return root ?? emptyRoot
}
