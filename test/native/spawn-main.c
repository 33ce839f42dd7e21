// Makes a program of native/spawn.c alone, for tests without the loader: argv is the plan's words.
int spawn_main(int argc, char** argv, char** envp);

__asm__(
    ".globl _start\n"
    "_start:\n"
    "  mov %rsp, %rdi\n"
    "  and $-16, %rsp\n"
    "  call start\n");

void start(long* stack) {
  const int argc = (int)stack[0];
  char** argv = (char**)(stack + 1);
  spawn_main(argc - 1, argv + 1, argv + argc + 1);
  __builtin_trap();
}
