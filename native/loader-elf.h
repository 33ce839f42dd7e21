// Maps an ELF program out of a larger file, as the kernel's fs/binfmt_elf.c does.
#ifndef SOLOCLOUD_LOADER_ELF_H_
#define SOLOCLOUD_LOADER_ELF_H_

#include <linux/elf.h>
#include <linux/mman.h>
#include <linux/sysinfo.h>

#include "loader-parts.h"

#define SEGMENTS_MAX 32
#define SCARCE_BYTES (128UL << 20)

struct image {
  Elf64_Ehdr header;
  Elf64_Phdr segments[SEGMENTS_MAX];
  uintptr_t
      base;  // what is added to every address in the file: 0 for a program with fixed addresses
  uintptr_t program_headers;
  uintptr_t text_start, text_end;  // of the largest segment with code
};

#ifndef LOADER_START
extern const char __executable_start[];  // The linker's: where we begin ourselves.
#define LOADER_START ((uintptr_t)__executable_start)
#endif
#define ADDRESSES_END (1UL << 47)  // of a process on x86-64, and no more on arm64

static size_t page_size = 4096;

static uintptr_t page_floor(uintptr_t address) { return address & ~(page_size - 1); }
static uintptr_t page_ceiling(uintptr_t address) { return page_floor(address + page_size - 1); }

static uintptr_t map(uintptr_t address, size_t size, int protection, int flags, int fd,
                     uint64_t at) {
  long mapped = raw(__NR_mmap, address, size, protection, MAP_PRIVATE | flags, fd, at);
  if (mapped < 0 && mapped > -4096) loader_fail("not enough memory to map the program", mapped);
  return (uintptr_t)mapped;
}

// A damaged header must not lead to a mapping over ourselves, or to memory behind the file's end,
// where a write faults.
static void check_segments(const struct part* part, const struct image* image) {
  const int is_anywhere = image->header.e_type == ET_DYN;
  int loads = 0;
  for (int i = 0; i < image->header.e_phnum; i++) {
    const Elf64_Phdr* segment = &image->segments[i];
    if (segment->p_type != PT_LOAD) continue;
    loads++;
    if (!lies_within(segment->p_offset, segment->p_filesz, part->size) ||
        segment->p_filesz > segment->p_memsz ||
        !lies_within(segment->p_vaddr, segment->p_memsz,
                     is_anywhere ? ADDRESSES_END : LOADER_START))
      loader_fail("this file is damaged: a program in it does not fit", 0);
  }
  if (!loads) loader_fail("this file is damaged: a program in it is empty", 0);
}

static void read_headers(int self, const struct part* part, struct image* image) {
  Elf64_Ehdr* header = &image->header;
  raw(__NR_pread64, self, header, sizeof *header, part->offset);
  if (memcmp(header->e_ident, ELFMAG, SELFMAG) || header->e_phentsize != sizeof(Elf64_Phdr) ||
      header->e_phnum > SEGMENTS_MAX)
    loader_fail("this file is damaged: a program in it is not one", 0);
  raw(__NR_pread64, self, image->segments, header->e_phnum * sizeof(Elf64_Phdr),
      part->offset + header->e_phoff);
  check_segments(part, image);
}

// Room for a program without fixed addresses, where the kernel likes; its segments then go over it.
static uintptr_t reserve(const struct image* image) {
  uintptr_t low = UINTPTR_MAX, high = 0;
  for (int i = 0; i < image->header.e_phnum; i++) {
    const Elf64_Phdr* segment = &image->segments[i];
    if (segment->p_type != PT_LOAD) continue;
    if (segment->p_vaddr < low) low = page_floor(segment->p_vaddr);
    if (segment->p_vaddr + segment->p_memsz > high) high = segment->p_vaddr + segment->p_memsz;
  }
  return map(0, page_ceiling(high) - low, PROT_NONE, MAP_ANONYMOUS, -1, 0) - low;
}

// Where the program and its data fill the memory, reading around each fault pushes out pages that
// are in use: a machine of 96 MB then starts in minutes, if at all.
static int memory_is_scarce(void) {
  struct sysinfo memory;
  return !raw(__NR_sysinfo, &memory) && memory.totalram * memory.mem_unit < SCARCE_BYTES;
}

static void map_segment(int self, const struct part* part, uintptr_t base,
                        const Elf64_Phdr* segment) {
  int protection = (segment->p_flags & PF_R ? PROT_READ : 0) |
                   (segment->p_flags & PF_W ? PROT_WRITE : 0) |
                   (segment->p_flags & PF_X ? PROT_EXEC : 0);
  uintptr_t start = base + segment->p_vaddr;
  uintptr_t file_end = start + segment->p_filesz;
  uintptr_t end = start + segment->p_memsz;
  uint64_t before = start - page_floor(start);
  if (segment->p_filesz)
    map(page_floor(start), file_end - page_floor(start), protection, MAP_FIXED, self,
        part->offset + segment->p_offset - before);
  if (segment->p_filesz && memory_is_scarce())
    raw(__NR_madvise, page_floor(start), file_end - page_floor(start), MADV_RANDOM);
  // The whole last page: behind its own data ld.so allocates from the rest, and expects zeros
  // there.
  if (segment->p_flags & PF_W && segment->p_filesz)
    memset((void*)file_end, 0, page_ceiling(file_end) - file_end);
  if (page_ceiling(end) > page_ceiling(file_end))
    map(page_ceiling(file_end), page_ceiling(end) - page_ceiling(file_end), protection,
        MAP_FIXED | MAP_ANONYMOUS, -1, 0);
}

static void map_image(int self, const struct part* part, struct image* image) {
  read_headers(self, part, image);
  const Elf64_Ehdr* header = &image->header;
  image->base = header->e_type == ET_DYN ? reserve(image) : 0;
  for (int i = 0; i < header->e_phnum; i++) {
    const Elf64_Phdr* segment = &image->segments[i];
    if (segment->p_type != PT_LOAD) continue;
    map_segment(self, part, image->base, segment);
    if (segment->p_flags & PF_X && segment->p_memsz > image->text_end - image->text_start) {
      image->text_start = image->base + segment->p_vaddr;
      image->text_end = image->text_start + segment->p_memsz;
    }
    // The injected file keeps its program headers behind a text segment, not at the first page.
    if (header->e_phoff >= segment->p_offset &&
        header->e_phoff < segment->p_offset + segment->p_filesz)
      image->program_headers =
          image->base + segment->p_vaddr + (header->e_phoff - segment->p_offset);
  }
}

#endif  // SOLOCLOUD_LOADER_ELF_H_
