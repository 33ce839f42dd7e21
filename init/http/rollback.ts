// POST /v1/apps/{name}/rollback: back to the generation before, with the same progress as a push.
import { progressReply } from './progress-reply.ts'
import type { Reply } from './reply.ts'
import type { RouteContext } from './routes.ts'

export async function rollbackApp({ apps, name, log }: RouteContext): Promise<Reply> {
  return progressReply((onProgress) => apps.rollback(name, onProgress), log)
}
