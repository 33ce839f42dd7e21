// What an ordinary user passes to unshare(1) to be root in a user namespace of its own.
import { command } from '../qemu/command.ts'

/** With the ids of /etc/subuid where newuidmap (package uidmap) may map them, else with one id only. */
export async function asOwnRoot(): Promise<string[]> {
  const one = ['--user', '--map-root-user']
  const all = [...one, '--map-auto']
  return command('unshare', [...all, 'true']).then(
    () => all,
    () => one,
  )
}
