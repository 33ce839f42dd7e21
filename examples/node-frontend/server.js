// Asks the C++ app, over the node's loopback, and answers with what it said.
import { createServer } from 'node:http'

const port = Number(process.env.PORT)
const backend = process.env.BACKEND_URL
const BACKEND_MS_MAX = 3000

const server = createServer(async (request, response) => {
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  try {
    const reply = await fetch(backend, { signal: AbortSignal.timeout(BACKEND_MS_MAX) })
    response.end(`The C++ app says: ${await reply.text()}`)
  } catch (error) {
    console.error(`${backend}: ${error.cause?.code ?? error.message}`)
    response.writeHead(502).end('The C++ app does not answer\n')
  }
})

server.listen(port, () => console.log(`listening on port ${port}`))
process.on('SIGTERM', () => server.close(() => process.exit(0)))
