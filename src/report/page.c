/* The page from its template, whose parts are in the program, so that it needs no file when it
 * runs; see page.h.
 *
 * Refused: a template library, for eight markers that each stand once. */
#include "report/page.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/safefile.h"
#include "report/base64.h"
#include "report/page_parts.h"

static const char OPEN[] = "{{", CLOSE[] = "}}";

static const PageMarker *find_marker(const char *name, size_t length, const PageMarker markers[],
                                     size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strlen(markers[i].name) == length && memcmp(markers[i].name, name, length) == 0)
            return &markers[i];
    return NULL;
}

static Status fill(FILE *out, const char *template, const PageMarker markers[], size_t count) {
    for (;;) {
        const char *open = strstr(template, OPEN);
        const char *close = open != NULL ? strstr(open, CLOSE) : NULL;
        if (close == NULL) break;
        const char *name = open + strlen(OPEN);
        size_t length = (size_t)(close - name);
        const PageMarker *marker = find_marker(name, length, markers, count);
        if (marker == NULL)
            return status_fail(STATUS_FAILED, "the page's template has an unknown marker, %.*s",
                               (int)(length < 40 ? length : 40), name);
        fwrite(template, 1, (size_t)(open - template), out);
        fwrite(marker->text, 1, marker->length, out);
        template = close + strlen(CLOSE);
    }
    fputs(template, out);
    return STATUS_OK;
}

static Status close_text(FILE *out, char **text, Status status) {
    bool failed = ferror(out) != 0;
    failed = fclose(out) != 0 || failed;
    if (status == STATUS_OK && failed) status = status_fail(STATUS_FAILED, "no memory for a page");
    if (status == STATUS_OK) return status;
    free(*text);
    *text = NULL;
    return status;
}

Status page_fill(char **page, size_t *length, const char *template, const PageMarker markers[],
                 size_t count) {
    FILE *out = open_memstream(page, length);
    if (out == NULL) return status_fail_errno(STATUS_FAILED, "no memory for a page");
    return close_text(out, page, fill(out, template, markers, count));
}

static void put_escaped(FILE *out, char c) {
    if (c == '&' || c == '<' || c == '>' || c == '"' || c == '\'')
        fprintf(out, "&#%d;", c);
    else
        fputc(c, out);
}

Status page_escape(char **escaped, const char *text) {
    size_t length;
    FILE *out = open_memstream(escaped, &length);
    if (out == NULL) return status_fail_errno(STATUS_FAILED, "no memory for a page");
    for (; *text != '\0'; text++) put_escaped(out, *text);
    return close_text(out, escaped, STATUS_OK);
}

#define PART(name)                                                                                 \
    { #name, part_##name, PAGE_PART_LENGTH(name) }

Status page_write(const char *path, const char *title, const char *data) {
    char *escaped = NULL, *wasm = NULL, *page = NULL;
    size_t length = 0;
    Status status;
    TRY(page_escape(&escaped, title));
    TRY(base64_text(&wasm, "", part_wasm, PAGE_PART_LENGTH(wasm)));
    const PageMarker markers[] = {
        {"title", escaped, strlen(escaped)},
        {"data", data, strlen(data)},
        {"wasm", wasm, strlen(wasm)},
        PART(css),
        PART(js),
        PART(dygraphs_css),
        PART(dygraphs_js),
    };
    TRY(page_fill(&page, &length, part_html, markers, sizeof markers / sizeof *markers));
    TRY(safefile_write(path, page, length, STATUS_FAILED));
cleanup:
    free(escaped);
    free(wasm);
    free(page);
    return status;
}
