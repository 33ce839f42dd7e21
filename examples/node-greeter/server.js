// Greets by name: GET /?name=Ada
import { createServer } from 'node:http'

const port = Number(process.env.PORT)
let requests = 0

const server = createServer((request, response) => {
  const { searchParams } = new URL(request.url, 'http://localhost')
  const name = searchParams.get('name') ?? 'world'
  requests += 1
  console.log(`${request.method} ${request.url}`)
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.end(`Hello ${name} from Node.js ${process.version}, request ${requests}\n`)
})

server.listen(port, () => console.log(`listening on port ${port}`))
process.on('SIGTERM', () => server.close(() => process.exit(0)))
