// Runs the command line from its source, as the built file does in the role `cloud`.
import { main } from '../../cloud/main.ts'

await main(process.argv.slice(2))
