/* Files of src/report/page and of others that CMake puts into the program: see CMakeLists.txt. */
#pragma once

/* Each ends with a NUL that is not counted: PART to PART_end are the file's bytes. */
#define PAGE_PART(name) extern const char part_##name[], part_##name##_end[]

PAGE_PART(html);
PAGE_PART(css);
PAGE_PART(js);
PAGE_PART(dygraphs_css);
PAGE_PART(dygraphs_js);
PAGE_PART(wasm);
