// Reads what the management server wrote on one connection, and checks it: whole HTTP/1.1 answers, each with
// a status that it may have; every error a problem document (RFC 9457) of that status.
import { STATUS_CODES } from 'node:http'
import { must } from './target.ts'

interface Head {
  status: number
  headers: ReadonlyMap<string, string>
  /** Where the body begins. */
  end: number
}

/** Statuses and problem codes, in order. The last answer may be cut: the client left. Throws Finding. */
export function answersOf(bytes: Buffer): string[] {
  const text = bytes.toString('latin1')
  const answers: string[] = []
  for (let at = 0; at < text.length;) {
    const head = headAt(text, at)
    if (head === null) break
    const body = bodyAt(text, head)
    answers.push(`${head.status} ${checkBody(head, body.text, body.complete)}`)
    at = body.end
  }
  return answers
}

function headAt(text: string, at: number): Head | null {
  const end = text.indexOf('\r\n\r\n', at)
  if (end === -1) {
    must('HTTP/1.1 '.startsWith(text.slice(at, at + 9)), `no answer: ${show(text, at)}`)
    return null
  }
  const [first = '', ...lines] = text.slice(at, end).split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3}) [\x20-\x7e]+$/.exec(first)?.[1])
  must(STATUS_CODES[status] !== undefined, `no status line: ${show(text, at)}`)
  const headers = new Map(lines.map((line) => headerOf(line)))
  return { status, headers, end: end + 4 }
}

function headerOf(line: string): [string, string] {
  const [, name = '', value = ''] = /^([!-9;-~]+): ([\x20-\x7e]*)$/.exec(line) ?? []
  must(name !== '', `no header: ${JSON.stringify(line)}`)
  return [name.toLowerCase(), value]
}

interface Body {
  text: string
  end: number
  complete: boolean
}

function bodyAt(text: string, { status, headers, end }: Head): Body {
  // An answer to HEAD has its headers only; no body of ours begins like an answer.
  const none = status < 200 || status === 204 || text.startsWith('HTTP/1.1 ', end)
  if (none) return { text: '', end, complete: true }
  if (headers.get('transfer-encoding') === 'chunked') return chunkedAt(text, end)
  const length = Number(headers.get('content-length') ?? Number.NaN)
  const to = Number.isNaN(length) ? text.length : end + length
  return { text: text.slice(end, to), end: Math.max(to, end), complete: to <= text.length }
}

function chunkedAt(text: string, from: number): Body {
  let body = ''
  for (let at = from; ;) {
    const line = /^([0-9a-f]{1,8})\r\n/.exec(text.slice(at, at + 12))
    if (line === null) {
      must(/^[0-9a-f]*\r?$/.test(text.slice(at, at + 12)), `no chunk: ${show(text, at)}`)
      return { text: body, end: text.length, complete: false }
    }
    const size = Number.parseInt(line[1] ?? '', 16)
    const data = at + line[0].length
    body += text.slice(data, data + size)
    at = data + size + 2
    if (at > text.length) return { text: body, end: text.length, complete: false }
    must(text.slice(at - 2, at) === '\r\n', `no end of a chunk: ${show(text, at - 2)}`)
    if (size === 0) return { text: body, end: at, complete: true }
  }
}

/** The problem's code; '' for an answer that is none. */
function checkBody({ status, headers }: Head, text: string, complete: boolean): string {
  must(status !== 500, `the server met a bug: ${text}`)
  const type = headers.get('content-type')
  if (status >= 400) must(type === 'application/problem+json', `an error ${status} as ${type}`)
  if (!complete || text === '') return ''
  if (type === 'application/problem+json') return checkProblem(status, parse(text))
  if (type === 'application/x-ndjson') {
    for (const line of text.split('\n')) if (line !== '') parse(line)
  } else if (type === 'application/json') parse(text)
  else must(false, `a body of type ${type}`)
  return ''
}

function checkProblem(status: number, problem: unknown): string {
  const fields = problem as Readonly<Record<string, unknown>>
  must(fields['status'] === status, `a problem of another status than ${status}`)
  for (const key of ['type', 'title', 'code', 'detail']) {
    must(typeof fields[key] === 'string' && fields[key] !== '', `a problem without ${key}`)
  }
  return String(fields['code'])
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    must(false, `not JSON: ${show(text, 0)}`)
  }
}

const show = (text: string, at: number): string => JSON.stringify(text.slice(at, at + 80))
