/* Files of src/report/page and of others that CMake puts into the program: see CMakeLists.txt. */
#pragma once

#include <stdint.h>

/* Each ends with a NUL that is not counted: PART to PART_end are the file's bytes. */
#define PAGE_PART(name) extern const char part_##name[], part_##name##_end[]

/* Two arrays to the compiler, whose addresses have no difference in C. */
#define PAGE_PART_LENGTH(name) ((size_t)((uintptr_t)part_##name##_end - (uintptr_t)part_##name))

PAGE_PART(html);
PAGE_PART(css);
PAGE_PART(js);
PAGE_PART(dygraphs_css);
PAGE_PART(dygraphs_js);
PAGE_PART(wasm);
