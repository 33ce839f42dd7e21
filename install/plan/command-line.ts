// The kernel's words: what the old system was started with, made into what starts the node.
import type { System } from '../look/look.ts'

/** native/guard.h has the same: without it no kernel is loaded. */
const NODE_WORDS = ['init=/sbin/solocloud', 'panic=30']

/**
 * They choose another init, or another end, come from the boot loader anew each time, or keep memory for a
 * kernel that nobody loads.
 */
const DROPPED_KEYS = [
  ...['BOOT_IMAGE', 'initrd', 'init', 'panic', 'systemd.unit', 'rd.break', 'break'],
  ...['crashkernel', 'solocloud.trial'],
]
/** They start the old init for a repair. */
const DROPPED_WORDS = ['single', 'S', 's', '1', 'emergency', 'rescue', 'recovery', '-b']

/**
 * A node has no policy. Without this word dracut's initramfs loads one by the old system's programs, and does not
 * go on when these have been removed.
 */
const NO_SELINUX = 'selinux=0'

export interface NodeKernel {
  /** Of the old system. */
  selinux: System['selinux']
  /** Of a boot that happens once, so that its trial ends also where the node does not find its record. */
  trialMs: number | null
}

/** The words of a node: those of the running kernel that are the machine's, then ours. */
export function nodeWords(commandLine: string, { selinux, trialMs }: NodeKernel): string[] {
  const kept = kernelWords(commandLine).filter(isKept)
  const trial = trialMs === null ? [] : [`solocloud.trial=${Math.ceil(trialMs / 1000)}`]
  if (selinux === 'absent') return [...kept, ...NODE_WORDS, ...trial]
  const withoutSelinux = kept.filter((word) => !/^(selinux|enforcing)=/.test(bare(word)))
  return [...withoutSelinux, NO_SELINUX, ...NODE_WORDS, ...trial]
}

/** The old system's own, to start it again from another menu. */
export function oldWords(commandLine: string): string[] {
  return kernelWords(commandLine).filter((word) => !/^(BOOT_IMAGE|initrd)=/.test(bare(word)))
}

/** The value without the quotes, which the kernel takes off. */
export const bare = (word: string): string => word.replaceAll('"', '')

function isKept(word: string): boolean {
  const text = bare(word)
  const key = text.split('=')[0] ?? ''
  return !DROPPED_WORDS.includes(text) && !DROPPED_KEYS.includes(key)
}

/**
 * next_arg of the kernel's lib/cmdline.c: quotes hold a word together, and those after `--` are not the
 * kernel's. A word whose quote does not end is left out: where it ends is a guess.
 */
function kernelWords(commandLine: string): string[] {
  const balanced = (commandLine.match(/"/g) ?? []).length % 2 === 0
  const text = balanced ? commandLine : commandLine.slice(0, lastWordStart(commandLine))
  const words: string[] = text.match(/(?:"[^"]*"|[^"\s])+/g) ?? []
  const end = words.indexOf('--')
  return end < 0 ? words : words.slice(0, end)
}

/** Of the word with the last quote. */
const lastWordStart = (text: string): number =>
  text.slice(0, text.lastIndexOf('"')).replace(/(?:"[^"]*"|[^"\s])*$/, '').length
