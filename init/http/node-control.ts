// What the management server may ask of the node itself.
import type { NodeStatus } from '../../protocol/api.ts'

export interface NodeControl {
  status(): NodeStatus
  /** Begins the shutdown and returns; the answer has been sent by then. */
  reboot(): void
  powerOff(): void
}
