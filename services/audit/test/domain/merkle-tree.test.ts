import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  appendLeaf,
  emptyRoot,
  hashLeaf,
  hashNodes,
  nodesOfInclusion,
  proveInclusion,
  rootOf,
  rootOfEdge,
  verifyInclusion,
  type Edge,
  type Hash,
  type NodeAddress,
} from '../../src/domain/merkle-tree.ts'

/** The definition of RFC 6962, section 2.1, written down literally: slow, and obviously right. */
function literalRoot(leaves: readonly string[]): Hash {
  if (leaves.length === 0) return emptyRoot
  if (leaves.length === 1) return hashLeaf(leaves[0] ?? '')
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return hashNodes(literalRoot(leaves.slice(0, k)), literalRoot(leaves.slice(k)))
}

function grow(leaves: readonly string[]) {
  const nodes = new Map<string, Hash>()
  let edge: Edge = []
  for (const [size, leaf] of leaves.entries()) {
    const appended = appendLeaf(edge, size, hashLeaf(leaf))
    edge = appended.edge
    for (const [{ level, index }, hash] of appended.completed) nodes.set(`${level}/${index}`, hash)
  }
  const read = ({ level, index }: NodeAddress): Hash => {
    const hash = nodes.get(`${level}/${index}`)
    assert.ok(hash, `no node ${level}/${index}`)
    return hash
  }
  return { edge, read }
}

const leafList = fc.array(fc.string(), { maxLength: 70 })

test('the root of an empty tree and of one leaf are those of RFC 6962', () => {
  assert.equal(emptyRoot.toString('hex'), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  assert.equal(hashLeaf('').toString('hex'), '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d')
})

test('P7: appending leaf by leaf gives the root that the definition gives', () => {
  fc.assert(
    fc.property(leafList, (leaves) => {
      const { edge, read } = grow(leaves)
      assert.deepEqual(rootOfEdge(edge), literalRoot(leaves))
      assert.deepEqual(rootOf(0, leaves.length, read), literalRoot(leaves))
      for (let size = 0; size <= leaves.length; size += 1) {
        assert.deepEqual(rootOf(0, size, read), literalRoot(leaves.slice(0, size)), `prefix of ${size}`)
      }
    }),
    { numRuns: 50 },
  )
})

test('P7: every leaf of every tree can be proven, and no other content can', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 40 }), (leaves) => {
      const { read } = grow(leaves)
      const root = literalRoot(leaves)
      for (const [index, leaf] of leaves.entries()) {
        const wanted = new Set(nodesOfInclusion(index, leaves.length).map(({ level, index: at }) => `${level}/${at}`))
        const path = proveInclusion(index, leaves.length, (address) => {
          assert.ok(wanted.has(`${address.level}/${address.index}`), 'read a node that was not announced')
          return read(address)
        })
        assert.deepEqual(verifyInclusion(index, leaves.length, hashLeaf(leaf), path), root)
        assert.notDeepEqual(verifyInclusion(index, leaves.length, hashLeaf(`${leaf}!`), path), root)
      }
    }),
    { numRuns: 50 },
  )
})

test('a proof of the wrong length or place is refused', () => {
  const { read } = grow(['a', 'b', 'c', 'd', 'e'])
  const path = proveInclusion(2, 5, read)
  assert.equal(verifyInclusion(2, 5, hashLeaf('c'), path.slice(1)), null)
  assert.equal(verifyInclusion(5, 5, hashLeaf('c'), path), null)
  assert.equal(verifyInclusion(-1, 5, hashLeaf('c'), path), null)
  assert.notDeepEqual(verifyInclusion(3, 5, hashLeaf('c'), path), literalRoot(['a', 'b', 'c', 'd', 'e']))
})
