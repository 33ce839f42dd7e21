// Which kernel modules to load for a name, and in which order, from depmod's modules.dep.

/** The name that the kernel knows: `virtio-rng.ko` and `virtio_rng` are one module. */
const moduleName = (path: string): string =>
  path
    .replace(/^.*\//, '')
    .replace(/\.ko(\..*)?$/, '')
    .replaceAll('-', '_')

/**
 * Paths (relative to lib/modules/<version>) of `names` and of all they depend on, in load order.
 * `dep` and `builtin` are the texts of modules.dep and modules.builtin (kmod's modules.dep(5)).
 * Throws when a name is neither a module nor built in.
 */
export function loadOrder(dep: string, builtin: string, names: readonly string[]): string[] {
  const lines = new Map<string, string[]>()
  for (const line of dep.split('\n')) {
    const [path = '', dependencies = ''] = line.split(/: ?/)
    const paths = [path, ...dependencies.split(' ')].filter((word) => word !== '')
    if (path !== '') lines.set(moduleName(path), paths)
  }
  const builtins = new Set(builtin.split('\n').map(moduleName))
  const order = new Set<string>()
  for (const name of names) {
    const line = lines.get(name)
    if (line === undefined && !builtins.has(name)) throw new Error(`no kernel module ${name}`)
    // modules.dep lists a module's dependencies with the first to load last.
    for (const path of (line ?? []).toReversed()) order.add(path)
  }
  return [...order]
}
