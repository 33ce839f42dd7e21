// A spawn plan: what turns a fresh child into the app, as plain data that tests compare.
// native/spawn.c performs the steps one after another and reports the first that fails by its index.
// Paths in `enter*`, `cgroup` are the node's; everything else is inside the app's root, where no symbolic
// link of the app can lead out: mounts made before the root is entered walk with O_NOFOLLOW. `root` itself
// is a generation's directory, not the link /chroots/<app>.

export type Step =
  | { op: 'setsid' }
  /** Joins the cgroup by writing to `path`/cgroup.procs. */
  | { op: 'cgroup'; path: string }
  | { op: 'oom-score-adj'; value: number }
  /** `soft` and `hard` in the resource's own unit; -1 is RLIM_INFINITY. */
  | { op: 'rlimit'; resource: number; soft: number; hard: number }
  /** Makes every mount private, binds `root` onto itself and goes there. Needs a mount namespace. */
  | { op: 'enter-mount-namespace'; root: string }
  /** Goes to `root` (chdir) without a mount namespace: the tier where namespaces are not allowed. */
  | { op: 'enter-directory'; root: string }
  /**
   * Mounts at `target`, relative to the root, made (0755) where it is missing. Without a mount namespace
   * what an earlier start has mounted there stays, unless this is a remount. `optional`: EPERM, EACCES and
   * ENODEV are survived.
   */
  | {
      op: 'mount'
      source: string
      target: string
      fstype: string
      flags: number
      data: string
      optional: boolean
    }
  /**
   * A character device below the root: mknod, else (refused) a bind of the node's own /dev/<base name>,
   * else a hard link to it. The right device that is there already stays.
   */
  | { op: 'device'; path: string; mode: number; major: number; minor: number }
  | { op: 'symlink'; target: string; path: string }
  /** pivot_root(".", ".") and detaches the old root. */
  | { op: 'pivot-root' }
  | { op: 'chroot' }
  /**
   * After entering: replaces the file (never through a symbolic link), unless it has this content and
   * mode already.
   */
  | { op: 'write'; path: string; mode: number; content: string }
  | { op: 'hostname'; name: string }
  /**
   * `user[:group]`, names or numbers, looked up in the app's /etc/passwd and /etc/group; sets the
   * supplementary groups too, gives the app the pipes that are its stdio, and fills an empty `HOME=` of
   * the environment. Capabilities outside `keep` (a bit mask, hex) leave the bounding set first; root
   * keeps these, any other user none. ENOENT: no such user; ESRCH: no such group.
   */
  | { op: 'user'; user: string; keep: string }
  | { op: 'no-new-privs' }
  | { op: 'chdir'; path: string }
  /** Forks: the parent stays as the app's init (pid 1 of its namespace), forwards signals and reaps. */
  | { op: 'init' }
  /** execve. A first word without a slash is searched in PATH of the plan's environment. */
  | { op: 'exec'; argv: readonly string[] }
  /** Ends well without an exec: a plan that only changes files in a root. */
  | { op: 'exit' }

export interface SpawnPlan {
  /** CLONE_NEW* flags for the clone itself. */
  namespaces: number
  steps: readonly Step[]
  /** NAME=value words, exactly what the app sees (an empty `HOME=` is filled in by `user`). */
  env: readonly string[]
}
