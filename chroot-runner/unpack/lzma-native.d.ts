// What we use of lzma-native: its thin native Stream. Its JavaScript stream is not used, because one
// chunk of input there becomes any amount of output at once, without backpressure.

declare module 'lzma-native' {
  /** (output | null at the end, input chunks taken, error) */
  type BufferHandler = (
    output: Uint8Array | null | undefined,
    taken: number | undefined,
    error: (Error & { name: string }) | null | undefined,
  ) => void

  export interface Stream {
    bufferHandler: BufferHandler
    /** lzma_easy_encoder: preset 0-9, check as in lzma/check.h. */
    easyEncoder_(preset: number, check: number): number
    /** lzma_stream_decoder: bytes of memory at most, flags as in lzma/container.h. */
    streamDecoder_(memlimit: number, flags: number): number
    /** Queues input (null: there is no more) and runs the coder, on the thread pool when `async`. */
    code(input: Uint8Array | null, async: boolean): void
    /** Bytes that the coder wants; not to be called from a synchronous code()'s handler (it locks). */
    memusage(): number | null
    resetUnderlying(): void
  }

  const lzma: { Stream: new () => Stream }
  export default lzma
}
