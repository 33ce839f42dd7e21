// One app of the model of the supervisor.
import type { PassThrough } from 'node:stream'
import type { ModelChild } from './model-child.ts'
import { Operations } from './operations.ts'
import { AppRules } from './runner-rules.ts'
import type { SupervisorWorld } from './supervisor-world.ts'

export class ModelApp {
  readonly name: string
  rules: AppRules
  readonly operations: Operations
  body: PassThrough | null = null
  readonly refuses: (child: ModelChild) => string | null

  constructor(world: SupervisorWorld, index: number) {
    this.name = `app-${index}`
    this.operations = new Operations(this.name, world.state, (what) => world.machine.violated(what))
    this.refuses = (child) => world.refuses(this, child)
    this.rules = new AppRules(world.machine, this)
  }
}
