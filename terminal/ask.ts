// A question to whoever sits at the terminal.
import { createInterface } from 'node:readline/promises'

/** One line of standard input; '' at its end, and after Ctrl-C. `output`: where the question is shown. */
export async function ask(question: string, output: NodeJS.WritableStream): Promise<string> {
  using lines = createInterface({ input: process.stdin, output })
  // Without a line, nothing would ever come.
  const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')))
  lines.once('SIGINT', () => lines.close())
  return await Promise.race([lines.question(question), ended])
}
