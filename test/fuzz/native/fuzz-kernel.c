// What the harnesses share.
#include "fuzz-kernel.h"

#include <stdio.h>
#include <stdlib.h>

void fuzz_broken(const char* rule) {
  fprintf(stderr, "Finding: %s\n", rule);
  abort();
}

void fuzz_touch(const void* bytes, size_t size) {
  volatile uint8_t last;
  for (size_t i = 0; i < size; i++) last = ((const uint8_t*)bytes)[i];
  (void)last;
}
