/* Allocations: only those that the program's own code asks for are judged, not those of Open MPI,
 * HDF5 and other libraries, of which it is not told how they bear it. Who asks is told by the
 * address to which the call returns. What libc allocates on the program's behalf (strdup, asprintf,
 * streams in memory, opendir) fails at its own name. */
#include <dirent.h>
#include <errno.h>
#include <link.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static uintptr_t program_base, program_begin, program_end;

/* The first object is the program itself. */
static int note_program(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size, (void)context;
    program_base = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0) continue;
        program_begin = info->dlpi_addr + part->p_vaddr;
        program_end = program_begin + part->p_memsz;
    }
    return 1;
}

__attribute__((constructor)) static void find_program(void) {
    dl_iterate_phdr(note_program, NULL);
}

/* Whether an allocation that returns to this address is to be made. */
static bool is_granted(const void *caller) {
    uintptr_t address = (uintptr_t)caller;
    if (address < program_begin || address >= program_end) return true;
    char place[32];
    snprintf(place, sizeof place, "%#lx", (unsigned long)(address - program_base));
    return faults_judge(CALL_ALLOCATE, place) == PASSES;
}

#define IS_GRANTED is_granted(__builtin_return_address(0))

void *malloc(size_t size) {
    return IS_GRANTED ? __libc_malloc(size) : NULL;
}

void *calloc(size_t count, size_t size) {
    return IS_GRANTED ? __libc_calloc(count, size) : NULL;
}

void *realloc(void *memory, size_t size) {
    return IS_GRANTED ? __libc_realloc(memory, size) : NULL;
}

void *aligned_alloc(size_t alignment, size_t size) {
    return IS_GRANTED ? __libc_memalign(alignment, size) : NULL;
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    *memory = IS_GRANTED ? __libc_memalign(alignment, size) : NULL;
    return *memory == NULL ? ENOMEM : 0;
}

char *strdup(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = IS_GRANTED ? __libc_malloc(size) : NULL;
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

char *strndup(const char *text, size_t most) {
    size_t length = strnlen(text, most);
    char *copy = IS_GRANTED ? __libc_malloc(length + 1) : NULL;
    if (copy == NULL) return NULL;
    copy[length] = '\0';
    return memcpy(copy, text, length);
}

int vasprintf(char **text, const char *format, va_list arguments) {
    if (!IS_GRANTED) return -1;
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    *text = length < 0 ? NULL : __libc_malloc((size_t)length + 1);
    return *text == NULL ? -1 : vsnprintf(*text, (size_t)length + 1, format, arguments);
}

int asprintf(char **text, const char *format, ...) {
    if (!IS_GRANTED) return -1;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(text, format, arguments);
    va_end(arguments);
    return length;
}

FILE *open_memstream(char **text, size_t *size) {
    FILE *(*original)(char **, size_t *) = NULL;
    if (!IS_GRANTED) return NULL;
    *(void **)&original = faults_original("open_memstream");
    return original(text, size);
}
