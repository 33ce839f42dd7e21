// What the supervisor tells the node's own log. A pino logger is one.

type Write = (fields: Record<string, unknown>, message: string) => void

export interface Log {
  info: Write
  warn: Write
  error: Write
}
