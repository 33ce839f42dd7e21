// Loads the kernel that follows this one: by our own call, else by kexec-tools.
import { closeSync, openSync, readFileSync } from 'node:fs'
import { loadKernel, unloadKernel } from '../../sys/kexec.ts'
import type { Native } from '../../sys/native.ts'
import type { NextKernelPlan } from '../plan/install-plan.ts'
import type { Run } from '../ssh-app/ssh-app-plan.ts'

export interface KernelLoader {
  native: Pick<Native, 'kexecFileLoad' | 'kexecUnload'>
  run: Run
  /** /sys/kernel/kexec_loaded */
  loaded: string
  /** kexec-tools' program, where there is one. */
  tools: string | null
}

/** Why no kernel is loaded; null: it is, and waits. Never throws. */
export function loadNextKernel(loader: KernelLoader, kernel: NextKernelPlan): string | null {
  const refused = loadByCall(loader, kernel)
  if (refused === null) return notLoaded(loader)
  const alsoRefused = loader.tools === null ? null : loadByTools(loader, loader.tools, kernel)
  if (loader.tools !== null && alsoRefused === null) return notLoaded(loader)
  return alsoRefused === null ? refused : `${refused}; ${alsoRefused}`
}

/** Nothing is loaded any more, whoever has loaded it. Throws SysError. */
export function unloadNextKernel({ native, run, tools }: KernelLoader): void {
  // The older call's kernel too is the newer one's to unload, but not where that one is missing.
  if (tools === null || run(tools, ['-u']).status !== 0) unloadKernel(native as Native)
}

function loadByCall({ native }: KernelLoader, kernel: NextKernelPlan): string | null {
  const open: number[] = []
  try {
    for (const path of [kernel.image, kernel.initramfs]) open.push(openSync(path, 'r'))
    const [kernelFd = -1, initrdFd = -1] = open
    // The words have one character a byte; the call takes UTF-8, which most bytes beyond ASCII are.
    const commandLine = Buffer.from(kernel.commandLine, 'latin1').toString()
    loadKernel(native as Native, { kernelFd, initrdFd, commandLine })
    return null
  } catch (error) {
    return (error as Error).message
  } finally {
    for (const fd of open) closeSync(fd)
  }
}

function loadByTools({ run }: KernelLoader, tools: string, kernel: NextKernelPlan): string | null {
  const { image, initramfs, commandLine } = kernel
  const words = ['-l', image, `--initrd=${initramfs}`, `--command-line=${commandLine}`]
  const { status, stderr } = run(tools, words)
  if (status === 0) return null
  return `${tools}: ${stderr.trim().split('\n').at(-1) ?? ''}`
}

/** systemd would look for another kernel, or reboot. */
function notLoaded({ loaded }: KernelLoader): string | null {
  const text = readFileSync(loaded, 'utf8').trim()
  return text === '1' ? null : `${loaded} is ${text} after it`
}
