// What a part tells the node's own log. A pino logger is one, and so is the boot log (console.ts).

type Write = (fields: Record<string, unknown>, message: string) => void

export interface Log {
  info: Write
  warn: Write
  error: Write
}
