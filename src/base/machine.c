/* What /proc says of processor and memory; see machine.h. */
#include "mnist_dist/base/machine.h"

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME = 96 };

static const char CPU[] = "/proc/cpuinfo";

/* The value of a file's first line "FIELD : ..." into `value`, which stays as it is if there is
 * none. */
static void read_field(char *value, size_t size, const char *path, const char *field) {
    char line[8192];
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, field, strlen(field)) != 0 || colon == NULL) continue;
        colon += 1 + strspn(colon + 1, " ");
        snprintf(value, size, "%.*s", (int)strcspn(colon, "\n"), colon);
        break;
    }
    if (file != NULL) (void)fclose(file);
}

void machine_describe(char text[128]) {
    char name[NAME] = "processor";
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    read_field(name, sizeof name, CPU, "model name");
    snprintf(text, 128, "%s (%ld core%s)", name, cores, cores == 1 ? "" : "s");
}

size_t machine_processors(void) {
    cpu_set_t mine;
    CPU_ZERO(&mine);
    sched_getaffinity(0, sizeof mine, &mine);
    int count = CPU_COUNT(&mine);
    return count > 0 ? (size_t)count : 1;
}

size_t machine_free_memory(void) {
    char text[64] = "";
    read_field(text, sizeof text, "/proc/meminfo", "MemAvailable");
    const unsigned long kilobytes = strtoul(text, NULL, 10);
    return kilobytes > 0 ? kilobytes * 1024 : SIZE_MAX;
}

static bool matters(const char *flag) {
    static const char *const starts[] = {"sse4_", "avx", "fma", "f16c", "amx", "asimd", "sve"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncmp(flag, starts[i], strlen(starts[i])) == 0) return true;
    return false;
}

void machine_features(char text[1024]) {
    char flags[8192] = "", *rest = NULL;
    read_field(flags, sizeof flags, CPU, "flags");    /* x86 */
    read_field(flags, sizeof flags, CPU, "Features"); /* ARM */
    text[0] = '\0';
    for (char *flag = strtok_r(flags, " ", &rest); flag != NULL;
         flag = strtok_r(NULL, " ", &rest)) {
        size_t used = strlen(text);
        if (matters(flag)) snprintf(text + used, 1024 - used, "%s%s", used > 0 ? " " : "", flag);
    }
    if (text[0] == '\0') strcpy(text, "unknown");
}
