// Command lines that run a program in namespaces of its own, so that nothing it starts, mounts or configures
// reaches this machine or outlives the benchmark.

const NAMESPACES = ['--pid', '--mount', '--net', '--uts', '--ipc'] as const

/** Words that run `words` as process 1 of new namespaces; it dies with the process that started it. */
export function sandboxed(words: readonly string[]): string[] {
  return ['unshare', ...NAMESPACES, '--fork', '--kill-child', '--', ...words]
}

// Bound onto itself, the tree is a mount point, which podman looks for. Its /sys shows no cgroup at all.
const ENTER_TREE = `set -e
tree=$1; shift
mount --bind "$tree" "$tree"
mount -t proc proc "$tree/proc"
mount -t sysfs sysfs "$tree/sys"
mount -t tmpfs tmpfs "$tree/run"
exec chroot "$tree" "$@"`

/** Words that run `words` inside the root file system at `tree` (an absolute path). Needs root. */
export function inTree(tree: string, words: readonly string[]): string[] {
  return sandboxed(['sh', '-c', ENTER_TREE, 'sh', tree, ...words])
}
