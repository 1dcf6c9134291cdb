/** Bytes as they arrive, regrouped into chunks of the given size; only the last one is smaller. */
export async function* inChunks(bytes: AsyncIterable<Buffer>, chunkBytes: number): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = []
  let size = 0
  for await (const piece of bytes) {
    waiting.push(piece)
    size += piece.length
    while (size >= chunkBytes) {
      const all = Buffer.concat(waiting)
      yield all.subarray(0, chunkBytes)
      waiting = [all.subarray(chunkBytes)]
      size -= chunkBytes
    }
  }
  if (size > 0) yield Buffer.concat(waiting)
}
