// Shows an upgrade: a bar on a terminal while bytes move, and a line for each thing that has happened.
import type { NodeStatus, UpgradeProgress } from '../protocol/api.ts'
import { Bar } from './bar.ts'
import { printJson, printLine, type Io } from './io.ts'
import type { PushListener } from './push.ts'
import { printable } from '../terminal/table.ts'
import { formatBytes } from '../terminal/units.ts'

export interface UpgradeView extends PushListener {
  event(progress: UpgradeProgress): void
  /** The new file runs, and stays. */
  confirmed(status: NodeStatus): void
  /** The bar is gone after it; call it before anything else is printed. */
  end(): void
}

/** `totalBytes`: the file's size. A rollback has none. */
export function upgradeView(io: Io, json: boolean, node: string, totalBytes = 0): UpgradeView {
  return json ? jsonView(io, node) : textView(io, node, totalBytes)
}

/** The node's events as they are, and one of our own at the end. */
function jsonView(io: Io, node: string): UpgradeView {
  return {
    hashing: () => undefined,
    sending: () => undefined,
    event: (progress) => printJson(io, { node, ...progress }),
    confirmed: ({ version, life }) => printJson(io, { node, event: 'confirmed', version, life }),
    end: () => undefined,
  }
}

function textView(io: Io, node: string, totalBytes: number): UpgradeView {
  const bar = new Bar(io, node)
  let announced = false
  const line = (text: string): void => {
    bar.hide()
    printLine(io, `${node}: ${printable(text)}`)
  }
  return {
    hashing: (bytes) => bar.show('reading', bytes, totalBytes),
    sending(bytes) {
      if (!announced && !bar.visible) line(`sending ${formatBytes(totalBytes)}`)
      announced = true
      bar.show('sending', bytes, totalBytes)
    },
    event(progress) {
      const text = describe(progress)
      if (text !== null) line(text)
    },
    confirmed: ({ version, life }) => line(`runs ${version}, life ${life}`),
    end: () => bar.hide(),
  }
}

/** null: not worth a line. An error is told by whoever ends the command. */
function describe(progress: UpgradeProgress): string | null {
  switch (progress.event) {
    case 'receiving':
    case 'error':
      return null
    case 'checking':
      return 'checking the file'
    case 'testing':
      return 'testing it on the node'
    case 'waiting':
      return `waiting: ${progress.reason}`
    case 'restarting':
      return `going on in version ${progress.version}`
  }
}
