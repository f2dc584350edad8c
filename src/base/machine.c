/* The processor's name from /proc/cpuinfo; see machine.h. */
#include "mnist_dist/base/machine.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NAME = 96 };

/* The value of the first line "model name : ..."; "processor" if there is none. */
static void read_name(char name[NAME]) {
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    strcpy(name, "processor");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", strlen("model name")) != 0 || colon == NULL) continue;
        colon += 1 + strspn(colon + 1, " ");
        snprintf(name, NAME, "%.*s", (int)strcspn(colon, "\n"), colon);
        break;
    }
    if (file != NULL) fclose(file);
}

void machine_describe(char text[128]) {
    char name[NAME];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    read_name(name);
    snprintf(text, 128, "%s (%ld core%s)", name, cores, cores == 1 ? "" : "s");
}
