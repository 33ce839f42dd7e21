// What `install` is going to do, as data: printed, asked about, and then done.
import type { InstallMethod } from '../../protocol/installation.ts'
import type { System } from '../look/look.ts'

export interface InstallOptions {
  method: 'auto' | InstallMethod
  trialMs: number
  /** Whether the old system's sshd becomes an app. */
  ssh: boolean
  /** A TCP address for the management, and that this is insecure is known. */
  manage: string | null
  insecure: boolean
  purge: boolean
  keep: readonly string[]
}

/** A path that changes, and what it becomes. */
export interface PlannedChange {
  path: string
  becomes:
    | { kind: 'link'; target: string }
    /** Text has one character a byte. */
    | { kind: 'file'; text: string; permissions: number }
  /** For people. */
  what: string
}

/** A kernel that is loaded by kexec. */
export interface NextKernelPlan {
  image: string
  initramfs: string
  commandLine: string
}

/** How the first boot comes about. */
export interface FirstBoot {
  method: InstallMethod
  /** Only for kexec. */
  kernel: NextKernelPlan | null
  once: readonly PlannedChange[]
}

export interface InstallPlan {
  system: System
  options: InstallOptions
  /** Why this method. */
  why: string
  firstBoot: FirstBoot
  /** When kexec is refused by the kernel, which shows only when it is tried. */
  fallback: FirstBoot | null
  /** Made when the node is confirmed. */
  permanent: readonly PlannedChange[]
  /** What an uninstall removes. */
  created: readonly string[]
  settings: Readonly<Record<string, string>>
  warnings: readonly string[]
}

/** Sentences, each of which says what to do. */
export type Planned = { plan: InstallPlan } | { refusals: readonly string[] }
