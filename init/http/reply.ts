// What a route gets and what it answers: plain values, so that a route is tested by calling it.
import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'

export interface RouteRequest {
  method: string
  /** As in the request line: path and query, still percent-encoded. */
  url: string
  headers: IncomingHttpHeaders
  /** Reading it is what asks the client to send (100 Continue). */
  body: Readable
}

export interface JsonReply {
  status: number
  headers?: Readonly<Record<string, string>>
  /** null: no body. */
  json: unknown
  /** Runs once the answer has left, or could not. */
  after?: () => void
}

/** A stream of application/x-ndjson. */
export interface LinesReply {
  status: 200
  lines: AsyncIterable<object>
  /** The client has gone: `lines` ends soon. */
  cancel(): void
  /** Runs once the answer has left, or could not. */
  after?: () => void
}

/** A stream of bytes; one that is not whole ends with the connection. */
export interface BytesReply {
  status: 200
  /** Its media type. */
  type: string
  bytes: AsyncIterable<Uint8Array>
  /** The client has gone. */
  cancel(): void
  after?: () => void
}

export type Reply = JsonReply | LinesReply | BytesReply
