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
  /** The names, each with its NUL; their length, also into an empty buffer. -ERANGE when they do not fit. */
  flistxattr(fd: number, names: Uint8Array): number
  /** As flistxattr, of one value. -ENODATA when there is none. */
  fgetxattr(fd: number, name: string, value: Uint8Array): number

  /** reboot(2). -EPERM unless ownsMachine(). */
  reboot(command: number): number
  /** finit_module(2). -EPERM unless ownsMachine(). */
  finitModule(fd: number, parameters: string, flags: number): number
  /** swapon(2). -EPERM unless ownsMachine(). */
  swapon(path: string, flags: number): number
  /** swapoff(2). -EPERM unless ownsMachine(). */
  swapoff(path: string): number
  /**
   * kexec_file_load(2). -EPERM unless the role is install, the pid namespace is the kernel's initial one, and
   * the last `init=` of the command line is /sbin/solocloud. -EINVAL for flags other than KEXEC_FILE_NO_INITRAMFS.
   */
  kexecFileLoad(kernelFd: number, initrdFd: number, commandLine: string, flags: number): number
  /** kexec_file_load(2) with KEXEC_FILE_UNLOAD. -EPERM unless role and pid namespace are as above. */
  kexecUnload(): number

  /**
   * Starts this very file in another role: clone(CLONE_VM|CLONE_VFORK|namespaces|SIGCHLD) with every
   * signal blocked, then dup2(fds[i], i) and execve of /proc/self/exe. Returns the pid, or -errno.
   * `namespaces` is an OR of CLONE_NEW*. Every other descriptor of ours is close-on-exec.
   * `child`: the place in the life record where the kernel writes the pid before the child runs
   * (CLONE_PARENT_SETTID); -1: none.
   */
  spawn(
    argv: readonly string[],
    envp: readonly string[],
    namespaces: number,
    fds: readonly number[],
    child: number,
  ): number
  /**
   * waitpid(-1, WNOHANG) until there is no more or `result` is full: pid and wait status in turns. Ends are
   * noted in the life record first. How many children were reaped, or -errno (-ECHILD: there are none).
   */
  reap(result: Int32Array): number
  kill(pid: number, signal: number): number

  /** pipe2(O_CLOEXEC | flags): descriptors in fds[0] (read) and fds[1] (write). */
  pipe2(fds: Int32Array, flags: number): number
  /** memfd_create(MFD_CLOEXEC): a descriptor, or -errno (-ENOSYS before Linux 3.17). */
  memfdCreate(name: string): number
  /** socketpair(AF_UNIX, SOCK_STREAM), both ends close-on-exec, in fds[0] and fds[1]. */
  socketpair(fds: Int32Array): number
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

  // The life record (native/life.h). Without the loader there is none, and all of these are -ENODEV.

  /** A number of the record's head, by its place in `lifeNumbers` of sys/life.ts. */
  lifeNumber(which: number): number
  /** -EINVAL for what only the loader may set. */
  setLifeNumber(which: number, value: number): number
  /** A text of the record's head (why an upgrade went back). Its length. */
  lifeText(text: Uint8Array): number
  /** The pid, `ended` (0 or 1) and wait status of a child, in result[0..2]. */
  lifeChild(child: number, result: Int32Array): number
  /** The child's place is free again: no pid, no end. Its note stays. */
  lifeForget(child: number): number
  /** Reads a note; its length, 0: there is none. */
  lifeNote(child: number, note: Uint8Array): number
  /** Replaces a note in one step. -EMSGSIZE over LIFE_NOTE_SIZE - 4 bytes. */
  setLifeNote(child: number, note: Uint8Array): number
  /** Whether the descriptor stays open when this life ends. */
  lifeKeep(fd: number, kept: number): number
  /** The bits of all kept descriptors, 65,536 of them. */
  lifeKept(bits: Uint8Array): number
  /** A death whose report is not on disk yet, as struct life_death; 0: none at this index, else its size. */
  lifeDeath(index: number, death: Uint8Array): number
  /** Its report is on disk. */
  lifeDeathStored(index: number): number

  /**
   * Takes up to a buffer's length from a log pipe into the record's memory file and into `bytes`: the count,
   * 0 at end of file, or -errno (-EAGAIN). Until logCommit, the next life can do so again (logPending).
   */
  logTake(fd: number, child: number, stream: number, wallMs: number, bytes: Uint8Array): number
  /** Before a batch is written: where in its file it begins, and how much of the chunk's output is there for good. */
  logBatch(fileSize: number, batches: number): number
  /** The chunk is in the file; `rest` is the line that it has left unfinished, of at most LIFE_REST_SIZE. */
  logCommit(child: number, stream: number, rest: Uint8Array): number
  /**
   * The chunk that the life before took and did not commit, into `bytes`; its count, 0: none.
   * `about`: child, stream, wallMs, fileSize, batches.
   */
  logPending(bytes: Uint8Array, about: Float64Array): number
  /** The unfinished line of a stream; its length. */
  logRest(child: number, stream: number, rest: Uint8Array): number

  /** Ends this life as a crash does: the next one begins at once. Returns only without a loader. */
  die(reason: string, text: string): number
  /** Ends this life and begins the next one in the open file `fd` (an upgrade). Returns -errno. */
  become(fd: number): number
  /** Ends the process for good. -EPERM when it owns the machine: there reboot(2) does. */
  leave(status: number): number

  /**
   * Starts the watchdog thread: `ticks` of its own seconds without a turn of the event loop end this life. It
   * also feeds `device` (an open /dev/watchdog, -1: none) from the event loop.
   */
  watchdog(ticks: number, device: number): number
  /** In so many seconds the native code finishes the shutdown (`ending` of the record says which), whatever hangs. */
  finishWithin(seconds: number): number
  /** Opens /dev/watchdog and sets its time to `seconds`; the descriptor. -EPERM unless ownsMachine(). */
  openWatchdog(seconds: number): number
  /** Causes a death of that kind. -EPERM unless the words of PID 1 or of the kernel have `solocloud.faults`. */
  fault(kind: string): number
}
