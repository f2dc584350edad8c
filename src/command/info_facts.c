/* Facts, kept as JSON by jansson, which keeps their order; see info.h. */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/info.h"
#include "mnist_dist/base/log.h"

enum { NAME_WIDTH = 18 };

static Status out_of_memory(void) {
    return status_fail(STATUS_FAILED, "info: out of memory");
}

Status facts_new(Facts *facts) {
    facts->root = json_object();
    facts->group = NULL;
    return facts->root != NULL ? STATUS_OK : out_of_memory();
}

void facts_destroy(Facts *facts) {
    json_decref(facts->root);
    *facts = (Facts){0};
}

/* ---- keeping --------------------------------------------------------------------------------- */

void facts_group(Facts *facts, const char *name) {
    facts->group = json_object_get(facts->root, name);
    if (facts->group != NULL) return;
    facts->group = json_object();
    json_object_set_new(facts->root, name, facts->group);
}

static void keep(Facts *facts, const char *name, json_t *value) {
    json_object_set_new(facts->group, name, value);
}

/* Text out of files and the environment may be no UTF-8, of which JSON is made. */
static json_t *make_text(const char *format, va_list values) {
    char *text = NULL;
    if (vasprintf(&text, format, values) < 0) return NULL;
    json_t *made = json_string(text);
    for (char *c = text; made == NULL && *c != '\0'; c++)
        if ((unsigned char)*c >= 0x80) *c = '?';
    if (made == NULL) made = json_string(text);
    free(text);
    return made;
}

void facts_text(Facts *facts, const char *name, const char *format, ...) {
    va_list values;
    va_start(values, format);
    keep(facts, name, make_text(format, values));
    va_end(values);
}

void facts_count(Facts *facts, const char *name, int64_t value) {
    keep(facts, name, json_integer(value));
}

void facts_real(Facts *facts, const char *name, double value) {
    json_t *number = json_real(value); /* NULL of what is not finite: JSON has no such number */
    keep(facts, name, number != NULL ? number : json_null());
}

void facts_truth(Facts *facts, const char *name, bool value) {
    keep(facts, name, json_boolean(value));
}

void facts_add(Facts *facts, const char *name, const char *format, ...) {
    va_list values;
    va_start(values, format);
    if (json_object_get(facts->group, name) == NULL) keep(facts, name, json_array());
    json_array_append_new(json_object_get(facts->group, name), make_text(format, values));
    va_end(values);
}

/* ---- showing --------------------------------------------------------------------------------- */

static bool ends_with(const char *name, const char *end) {
    size_t length = strlen(name), tail = strlen(end);
    return length > tail && strcmp(name + length - tail, end) == 0;
}

static void print_bytes(FILE *out, double bytes) {
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    size_t unit = 0;
    for (; bytes >= 1000 && unit < 5; unit++) bytes /= 1000;
    fprintf(out, "%.*f %s", unit == 0 ? 0 : 1, bytes, units[unit]);
}

static void print_value(FILE *out, const char *name, const json_t *value) {
    if (json_is_string(value))
        fputs(json_string_value(value), out);
    else if (json_is_boolean(value))
        fputs(json_is_true(value) ? "yes" : "no", out);
    else if (json_is_integer(value) && ends_with(name, "_bytes"))
        print_bytes(out, (double)json_integer_value(value));
    else if (json_is_integer(value))
        fprintf(out, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        fprintf(out, "%.6g", json_real_value(value));
    else
        fputs("not a number", out);
}

/* "free_bytes" as "free". */
static const char *words(char shown[64], const char *name) {
    int length = (int)strlen(name) - (ends_with(name, "_bytes") ? (int)strlen("_bytes") : 0);
    snprintf(shown, 64, "%.*s", length, name);
    for (char *c = shown; *c != '\0'; c++)
        if (*c == '_') *c = ' ';
    return shown;
}

static void print_fact(FILE *out, const char *name, const json_t *value) {
    char shown[64];
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "  %-*s ", NAME_WIDTH, i == 0 ? words(shown, name) : "");
        print_value(out, name, json_is_array(value) ? json_array_get(value, i) : value);
        fputc('\n', out);
    }
}

static void print_groups(FILE *out, json_t *root) {
    const char *group, *name;
    json_t *facts, *value;
    char shown[64];
    json_object_foreach(root, group, facts) {
        fprintf(out, "%s\n", words(shown, group));
        json_object_foreach(facts, name, value) print_fact(out, name, value);
    }
}

static char *as_text(json_t *root) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return NULL;
    print_groups(out, root);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    if (length > 0) text[length - 1] = '\0'; /* the log ends the last line */
    return text;
}

Status facts_show(const Facts *facts, bool json) {
    char *text = json ? json_dumps(facts->root, JSON_INDENT(2)) : as_text(facts->root);
    if (text == NULL) return out_of_memory();
    log_line("%s", text);
    free(text);
    return STATUS_OK;
}
