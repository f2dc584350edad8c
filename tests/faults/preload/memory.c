/* Allocations: only those that the program's own code asks for are judged, not those of Open MPI,
 * HDF5 and other libraries, of which it is not told how they bear it. Who asks is told by the
 * address to which the call returns. What libc allocates on the program's behalf (strdup, asprintf,
 * streams in memory) fails at its own name. What the program has not freed when it ends is reported
 * by the addresses that asked for it: `left COUNT ADDRESS ...`. */
#include <link.h>
#include <pthread.h>
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
extern void __libc_free(void *memory);

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

static bool is_ours(uintptr_t caller) {
    return caller >= program_begin && caller < program_end;
}

/* Whether an allocation that returns to this address is to be made. */
static bool is_granted(uintptr_t caller) {
    char place[32];
    if (!is_ours(caller)) return true;
    snprintf(place, sizeof place, "%#lx", (unsigned long)(caller - program_base));
    return faults_judge(CALL_ALLOCATE, place) == PASSES;
}

/* ---- What is not freed ----------------------------------------------------------------------- */

enum { SLOTS = 1 << 16 };

/* The program's allocations by address; a slot that was freed keeps its place for the search. */
static struct { uintptr_t memory, caller; } slots[SLOTS];
static const uintptr_t FREED = 1;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static size_t find(uintptr_t memory) {
    size_t slot = (memory >> 4) * 0x9e3779b97f4a7c15u % SLOTS;
    while (slots[slot].memory != 0 && slots[slot].memory != memory) slot = (slot + 1) % SLOTS;
    return slot;
}

static void *note(void *memory, uintptr_t caller) {
    if (memory == NULL || !is_ours(caller) || !faults_counts(CALL_ALLOCATE)) return memory;
    pthread_mutex_lock(&mutex);
    size_t slot = find((uintptr_t)memory);
    slots[slot].memory = (uintptr_t)memory;
    slots[slot].caller = caller - program_base;
    pthread_mutex_unlock(&mutex);
    return memory;
}

static void forget(void *memory) {
    if (memory == NULL || !faults_counts(CALL_ALLOCATE)) return;
    pthread_mutex_lock(&mutex);
    size_t slot = find((uintptr_t)memory);
    if (slots[slot].memory != 0) slots[slot].memory = FREED;
    pthread_mutex_unlock(&mutex);
}

__attribute__((destructor)) static void report_left(void) {
    char places[256] = "";
    size_t count = 0, used = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        if (slots[i].memory <= FREED) continue;
        if (count++ < 8)
            used += (size_t)snprintf(places + used, sizeof places - used, " %#lx",
                                     (unsigned long)slots[i].caller);
    }
    if (faults_counts(CALL_ALLOCATE)) faults_report("left %zu%s", count, places);
}

/* ---- The calls ------------------------------------------------------------------------------- */

#define CALLER ((uintptr_t)__builtin_return_address(0))

void *malloc(size_t size) {
    return is_granted(CALLER) ? note(__libc_malloc(size), CALLER) : NULL;
}

void *calloc(size_t count, size_t size) {
    return is_granted(CALLER) ? note(__libc_calloc(count, size), CALLER) : NULL;
}

void *realloc(void *memory, size_t size) {
    if (!is_granted(CALLER)) return NULL;
    forget(memory);
    return note(__libc_realloc(memory, size), CALLER);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return is_granted(CALLER) ? note(__libc_memalign(alignment, size), CALLER) : NULL;
}

void free(void *memory) {
    forget(memory);
    __libc_free(memory);
}

char *strdup(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = is_granted(CALLER) ? note(__libc_malloc(size), CALLER) : NULL;
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

char *strndup(const char *text, size_t most) {
    size_t length = strnlen(text, most);
    char *copy = is_granted(CALLER) ? note(__libc_malloc(length + 1), CALLER) : NULL;
    if (copy == NULL) return NULL;
    copy[length] = '\0';
    return memcpy(copy, text, length);
}

static int print(char **text, uintptr_t caller, const char *format, va_list arguments) {
    va_list again;
    if (!is_granted(caller)) return -1;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    *text = length < 0 ? NULL : note(__libc_malloc((size_t)length + 1), caller);
    return *text == NULL ? -1 : vsnprintf(*text, (size_t)length + 1, format, arguments);
}

int vasprintf(char **text, const char *format, va_list arguments) {
    return print(text, CALLER, format, arguments);
}

int asprintf(char **text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = print(text, CALLER, format, arguments);
    va_end(arguments);
    return length;
}

FILE *open_memstream(char **text, size_t *size) {
    FILE *(*original)(char **, size_t *) = NULL;
    if (!is_granted(CALLER)) return NULL;
    *(void **)&original = faults_original("open_memstream");
    return original(text, size);
}
