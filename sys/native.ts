// The addon's surface, on one page: native/syscalls.cc mirrors it one to one.
// Every call that returns a number returns its result, or -errno as the kernel does;
// only a wrong argument type throws. Policy and error classes are sys/*.ts's job.

/** What the file is running as; '' under a plain Node (unit tests), where machine-wide acts are refused. */
export type Role = '' | 'init' | 'cloud' | 'install' | 'halt' | 'reboot' | 'poweroff' | 'unpack'

export interface Native {
  /** The role that the loader chose. It comes from the loader, not from JavaScript. */
  role(): Role
  /** 1 when role is init, getpid() is 1 and the pid namespace is the kernel's initial one, else 0. */
  ownsMachine(): number

  mount(source: string, target: string, fstype: string, flags: number, data: string): number
  umount2(target: string, flags: number): number
  mknod(path: string, mode: number, major: number, minor: number): number
  sethostname(name: string): number
  sync(): number
  syncfs(fd: number): number
  setrlimit(resource: number, soft: number, hard: number): number
  lsetxattr(path: string, name: string, value: Uint8Array): number

  /** reboot(2). -EPERM unless ownsMachine(). */
  reboot(command: number): number
  /** finit_module(2). -EPERM unless ownsMachine(). */
  finitModule(fd: number, parameters: string): number

  /**
   * Starts this very file in another role: clone(CLONE_VM|CLONE_VFORK|namespaces|SIGCHLD) with every
   * signal blocked, then dup2(fds[i], i) and execve of /proc/self/exe. Returns the pid, or -errno.
   * `namespaces` is an OR of CLONE_NEW*. Every other descriptor of ours is close-on-exec.
   */
  spawn(
    argv: readonly string[],
    envp: readonly string[],
    namespaces: number,
    fds: readonly number[],
  ): number
  /** waitpid(-1, WNOHANG): the pid with the wait status in result[0], 0 when none has ended, or -errno. */
  waitpid(result: Int32Array): number
  kill(pid: number, signal: number): number

  /** pipe2(O_CLOEXEC | flags): descriptors in fds[0] (read) and fds[1] (write). */
  pipe2(fds: Int32Array, flags: number): number
  /** memfd_create(MFD_CLOEXEC): a descriptor, or -errno (-ENOSYS before Linux 3.17). */
  memfdCreate(name: string): number
  /** fcntl with an integer argument. */
  fcntl(fd: number, command: number, argument: number): number
  /** A close-on-exec, non-blocking socket. */
  socket(domain: number, type: number, protocol: number): number
  bind(fd: number, address: Uint8Array): number
  sendto(fd: number, bytes: Uint8Array, flags: number, address: Uint8Array): number
  /** Bytes received, 0 at end of file, or -errno (-EAGAIN when nothing waits). */
  recv(fd: number, bytes: Uint8Array, flags: number): number
  /** read(2) without an exception for EAGAIN: bytes, 0 at end of file, or -errno. */
  read(fd: number, bytes: Uint8Array): number
  setsockopt(fd: number, level: number, name: number, value: Uint8Array): number
  /** ioctl(2) with a pointer to `argument`, which the kernel may change. */
  ioctl(fd: number, request: number, argument: Uint8Array): number

  /** Calls `ready` from the event loop whenever fd is readable or hung up (uv_poll). One watch per fd. */
  watch(fd: number, ready: () => void): number
  /** Ends a watch; must precede close(fd). */
  unwatch(fd: number): number
  /**
   * Installs SA_SIGINFO handlers that write {int32 signal, int32 sender pid, int32 sender uid, int32 si_code}
   * to a pipe; returns its close-on-exec, non-blocking read end. Node's process.on() does not tell the sender.
   */
  signalPipe(signals: readonly number[]): number
}
