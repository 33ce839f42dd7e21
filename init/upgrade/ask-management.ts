// A request to the node's own management socket, as an operator would send it: who answers can be managed.
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { parseJson } from '../../protocol/ndjson.ts'
import { nodeStatus } from '../../protocol/wire.ts'

const ANSWER_MS_MAX = 5_000

/** Rejects when there is no answer within 5 s, or another one than GET /v1/node has. */
export async function askManagement(socketPath: string): Promise<void> {
  const body = await new Promise<string>((resolve, reject) => {
    const asking = request({ socketPath, path: '/v1/node', agent: false }, (response) => {
      const { statusCode = 0 } = response
      if (statusCode === 200) text(response).then(resolve, reject)
      else asking.destroy(new Error(`HTTP ${statusCode}`))
    })
    const late = setTimeout(() => asking.destroy(new Error('no answer')), ANSWER_MS_MAX)
    asking.once('close', () => clearTimeout(late))
    asking.once('error', reject)
    asking.end()
  })
  nodeStatus(parseJson(body, 'the answer'), 'the answer')
}
